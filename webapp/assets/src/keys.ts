// The keyboard. Alt+letter works everywhere; single letters and digits only outside fields, and can be switched off. The keys are in keymap.ts.
import { html, render, type TemplateResult } from "lit";
import type { Callbar } from "./callbar";
import { comboOf, GROUPS, KEYS, meant, type Act, type Key } from "./keymap";
import { recall, remember } from "./memory";
import { openPalette } from "./palette";
import { showStatusMenu } from "./status";
import { undoLast } from "./toasts";
import { say } from "./words";

/** A part of the page that has keys of its own, marked with data-keys. */
export interface KeyTaker extends HTMLElement { takes(key: string): boolean }

const taker = (): KeyTaker | null => document.querySelector<KeyTaker>("[data-keys]");

const SINGLE = "ringback:single-keys";
const singleKeys = (): boolean => recall(SINGLE) !== "off";
const bar = (): Callbar | null => document.querySelector("ringback-callbar");
const visible = (element: HTMLElement | null | undefined): element is HTMLElement => Boolean(element?.offsetParent);
// for a moment the focus stays in a dialog that was just closed
const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && !target.closest("dialog:not([open])") && (target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=submit])"));

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const combo = comboOf(event), plain = !/^(Alt|Ctrl)\+/.test(combo);
  // a single key is a letter to whoever types, and nothing to a page behind a dialog
  if (plain && combo !== "Escape" && (typing(event.target) || !singleKeys())) return;
  if (plain && document.querySelector("dialog[open]")) return;
  if (meant(combo).some((key) => obeyed(key, event))) event.preventDefault();
});

function obeyed({ act }: Key, event: KeyboardEvent): boolean {
  return typeof act === "string" ? acts[act](event) : pressInBar(act.alt);
}

const acts: Record<Act, (event: KeyboardEvent) => boolean> = {
  note: () => { bar()?.focusNote(); return Boolean(bar()?.current()); },
  phone: goToPhone,
  choose: ({ key, code, target }) => choose(/^[1-9]$/.test(key) ? key : code.slice(-1), target),
  save: ({ target }) => saveWrapUp(target),
  palette: openPalette,
  search: () => focus(".filters input[type=search]") || focus("#global-search"),
  dial: () => press('.side a[href="/dial"]'),
  status: showStatusMenu,
  down: () => step(1),
  up: () => step(-1),
  undo: undoLast,
  overlay: () => { showOverlay(); return true; },
  list: ({ key, target }) => !typing(target) && Boolean(taker()?.takes(key)),
  native: () => false, // the browser does it
  leave: ({ target }) => leaveField(target),
};

// whoever works in a card means that card, also when another one has just begun to ring above it
function cardAt(target: EventTarget | null): HTMLElement | undefined {
  const here = target instanceof Element ? target.closest<HTMLElement>(".cb-card") : null;
  return here ?? bar()?.current();
}

// so that the single keys count again: who writes a note must get out of it to choose how the call ended
function leaveField(target: EventTarget | null): boolean {
  if (!typing(target) || !(target instanceof Element)) return false;
  if (target.closest("[role=search], .filters")) return leaveSearch(target);
  if (!bar()?.contains(target)) return false;
  (target.closest(".cb-card") ?? bar())?.querySelector<HTMLElement>(".cb-head")?.focus();
  return true;
}

// to what was found. What is typed goes first: the browser empties a search at this key
function leaveSearch(field: Element): boolean {
  if (field instanceof HTMLInputElement && field.value) return false;
  document.getElementById("main")?.focus({ preventScroll: true });
  return true;
}

function goToPhone(): boolean {
  const first = bar()?.current()?.querySelector<HTMLElement>(".cb-head") ?? bar()?.querySelector<HTMLElement>("button");
  first?.focus();
  return Boolean(first);
}

function pressInBar(alt: string): boolean {
  const own = `[data-alt="${alt}"]`;
  const button = bar()?.current()?.querySelector<HTMLButtonElement>(own) ?? bar()?.querySelector<HTMLButtonElement>(`.cb-missed ${own}`);
  button?.click();
  return Boolean(button);
}

function saveWrapUp(target: EventTarget | null): boolean {
  const inside = target instanceof Element && (bar()?.contains(target) || target === document.body);
  const form = inside ? cardAt(target)?.querySelector<HTMLFormElement>("form[data-save]") : null;
  form?.requestSubmit();
  return Boolean(form);
}

function choose(digit: string, target: EventTarget | null): boolean {
  const choice = cardAt(target)?.querySelector<HTMLElement>(`[data-key="${digit}"]`);
  choice?.click();
  if (choice instanceof HTMLInputElement) choice.focus();
  return Boolean(choice);
}

function step(by: number): boolean {
  const links = [...document.querySelectorAll<HTMLElement>("[data-list] tr a, [data-list] li a")].filter((link, i, list) =>
    visible(link) && link.closest("tr, li") !== list[i - 1]?.closest("tr, li"));
  const at = links.findIndex((link) => link.closest("tr, li")?.contains(document.activeElement));
  const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))];
  next?.focus();
  return Boolean(next);
}

function press(selector: string): boolean {
  const element = document.querySelector<HTMLElement>(selector);
  element?.click();
  return Boolean(element);
}

function focus(selector: string): boolean {
  const element = document.querySelector<HTMLInputElement>(selector);
  if (!visible(element)) return false;
  element.focus();
  element.select?.();
  return true;
}

// the overlay

const SIGNS: Record<string, string> = { ArrowDown: "↓", ArrowUp: "↑", Enter: "↵", Escape: "Esc" };

function showOverlay(): void {
  drawOverlay();
  (document.getElementById("keys") as HTMLDialogElement | null)?.showModal();
}

function drawOverlay(): void {
  const slot = document.querySelector<HTMLElement>("[data-keys-slot]");
  if (slot) render(GROUPS.map(groupOf), slot);
}

function groupOf({ id, word: title }: (typeof GROUPS)[number]): TemplateResult {
  return html`<h3>${say(title)}</h3><dl class="keys">${KEYS.filter((key) => key.group === id).map(({ word, keys }) => html`
    <dt>${say(word)}</dt><dd>${keys.map((combo, i) => html`${i ? html`<span class="or">${say("or")}</span>` : ""}${combo.split("+").map((part) => html`<kbd>${shown(part)}</kbd> `)}`)}</dd>`)}</dl>`;
}

const shown = (part: string): string => SIGNS[part] ?? (/^[a-z]$/.test(part) ? part.toUpperCase() : part.replace("-", " – "));

document.addEventListener("click", (event) => { if ((event.target as Element).closest('[data-dialog="keys"]')) drawOverlay(); }, { capture: true });
document.addEventListener("change", (event) => {
  const box = event.target as HTMLInputElement;
  if (box.dataset.act === "single-keys") remember(SINGLE, box.checked ? "on" : "off");
});
const box = document.querySelector<HTMLInputElement>('[data-act="single-keys"]');
if (box) box.checked = singleKeys();
