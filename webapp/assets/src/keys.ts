// The keyboard. Alt+letter works everywhere; single letters and digits only outside fields, and can be switched off.
import type { Callbar } from "./callbar";
import { showStatusMenu } from "./status";

/** A part of the page that has keys of its own, marked with data-keys. */
export interface KeyTaker extends HTMLElement { takes(key: string): boolean }

const taker = (): KeyTaker | null => document.querySelector<KeyTaker>("[data-keys]");

const SINGLE = "ringback:single-keys";
const singleKeys = (): boolean => localStorage.getItem(SINGLE) !== "off";
const bar = (): Callbar | null => document.querySelector("ringback-callbar");
const visible = (element: HTMLElement | null | undefined): element is HTMLElement => Boolean(element?.offsetParent);
const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox], [type=button], [type=submit])"));

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  if (used(event)) event.preventDefault();
});

function used(event: KeyboardEvent): boolean {
  if (event.altKey && !event.ctrlKey && !event.metaKey) return withAlt(event.code, event.target);
  if (event.key === "Escape") return leaveField(event.target) || (!document.querySelector("dialog[open]") && Boolean(taker()?.takes("Escape")));
  if ((event.ctrlKey || event.metaKey) && !event.altKey) {
    if (event.key === "Enter") return saveWrapUp(event.target);
    return event.key.toLowerCase() === "k" && focus("#global-search");
  }
  if (event.ctrlKey || event.metaKey || typing(event.target) || !singleKeys() || document.querySelector("dialog[open]")) return false;
  if (taker()?.takes(event.key)) return true;
  return /^[1-9]$/.test(event.key) ? choose(event.key, event.target) : single(event.key);
}

// whoever works in a card means that card, also when another one has just begun to ring above it
function cardAt(target: EventTarget | null): HTMLElement | undefined {
  const here = target instanceof Element ? target.closest<HTMLElement>(".cb-card") : null;
  return here ?? bar()?.current();
}

// so that the single keys count again: who writes a note must get out of it to choose how the call ended
function leaveField(target: EventTarget | null): boolean {
  if (!typing(target) || !(target instanceof Element) || !bar()?.contains(target)) return false;
  (target.closest(".cb-card") ?? bar())?.querySelector<HTMLElement>(".cb-head")?.focus();
  return true;
}

function withAlt(code: string, target: EventTarget | null): boolean {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code)?.[1];
  if (digit) return choose(digit, target);
  if (code === "KeyN") { bar()?.focusNote(); return Boolean(bar()?.current()); }
  if (code === "KeyR") return showStatusMenu();
  if (code === "KeyP") {
    const first = bar()?.current()?.querySelector<HTMLElement>(".cb-head") ?? bar()?.querySelector<HTMLElement>("button");
    first?.focus();
    return Boolean(first);
  }
  const own = `[data-alt="${code}"]`;
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

function single(key: string): boolean {
  switch (key) {
    case "/": return focus(".filters input[type=search]") || focus("#global-search");
    case "?": (document.getElementById("keys") as HTMLDialogElement | null)?.showModal(); return true;
    case "j": return step(1);
    case "k": return step(-1);
    default: return false;
  }
}

function step(by: number): boolean {
  const links = [...document.querySelectorAll<HTMLElement>("[data-list] tr a, [data-list] li a")].filter((link, i, list) =>
    visible(link) && link.closest("tr, li") !== list[i - 1]?.closest("tr, li"));
  const at = links.findIndex((link) => link.closest("tr, li")?.contains(document.activeElement));
  const next = links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))];
  next?.focus();
  return Boolean(next);
}

function focus(selector: string): boolean {
  const element = document.querySelector<HTMLInputElement>(selector);
  if (!visible(element)) return false;
  element.focus();
  element.select?.();
  return true;
}

document.addEventListener("change", (event) => {
  const box = event.target as HTMLInputElement;
  if (box.dataset.act === "single-keys") localStorage.setItem(SINGLE, box.checked ? "on" : "off");
});
const box = document.querySelector<HTMLInputElement>('[data-act="single-keys"]');
if (box) box.checked = singleKeys();
