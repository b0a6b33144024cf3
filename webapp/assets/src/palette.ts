// The command palette (Ctrl K): contacts, calls, callbacks, pages and what one can do. The server finds (GET /palette); here one chooses.
import { send } from "./api";
import { announce, toast } from "./toasts";
import { say } from "./words";

const CALM = 150; // ms

const dialog = (): HTMLDialogElement | null => document.querySelector<HTMLDialogElement>("#palette");
const field = (): HTMLInputElement => dialog()!.querySelector<HTMLInputElement>("[role=combobox]")!;
const slot = (): HTMLElement => dialog()!.querySelector<HTMLElement>("[data-palette-slot]")!;
const options = (): HTMLElement[] => [...slot().querySelectorAll<HTMLElement>("[role=option]")];

let timer = 0, asked = 0;

export function openPalette(): boolean {
  const palette = dialog();
  if (!palette) return false;
  if (palette.open) { field().select(); return true; }
  if (document.querySelector("dialog[open]")) return true; // the browser's own Ctrl K would lead away from what is being written
  palette.showModal();
  field().value = "";
  void find("");
  return true;
}

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  if (target.closest('[data-act="palette"]')) openPalette();
  const option = target.closest<HTMLElement>("#palette [role=option]");
  if (option) choose(option);
  else if (target === dialog()) dialog()!.close();
});
document.addEventListener("input", (event) => {
  if (event.target !== dialog()?.querySelector("[role=combobox]")) return;
  clearTimeout(timer);
  timer = window.setTimeout(() => void find(field().value.trim()), CALM);
});
document.addEventListener("pointermove", (event) => {
  const option = (event.target as Element).closest?.<HTMLElement>("#palette [role=option]");
  if (option && option.getAttribute("aria-selected") !== "true") select(option, false);
});
document.addEventListener("keydown", (event) => {
  if (!dialog()?.open || !dialog()!.contains(event.target as Node)) return;
  const steps: Record<string, (at: number, last: number) => number> = {
    ArrowDown: (at, last) => (at >= last ? 0 : at + 1),
    ArrowUp: (at, last) => (at <= 0 ? last : at - 1),
    PageDown: (at, last) => Math.min(last, at + 8),
    PageUp: (at) => Math.max(0, at - 8),
  };
  const list = options(), at = list.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const step = steps[event.key];
  if (step && list.length) select(list[step(at, list.length - 1)]!);
  else if (event.key === "Enter" && !event.isComposing && list[at]) choose(list[at]!);
  else return;
  event.preventDefault();
});

async function find(text: string): Promise<void> {
  const mine = ++asked;
  dialog()!.setAttribute("aria-busy", "true");
  const answer = await send(`/palette?q=${encodeURIComponent(text)}`, undefined, { accept: "text/html" }).then((r) => r.text()).catch((error: Error) => error);
  if (mine !== asked) return;
  dialog()!.removeAttribute("aria-busy");
  if (typeof answer !== "string") {
    slot().textContent = answer.message;
    announce(answer.message);
    return;
  }
  slot().innerHTML = answer;
  const [first] = options();
  if (first) select(first);
  else field().removeAttribute("aria-activedescendant");
  if (text) announce(slot().querySelector<HTMLElement>("[data-found]")?.dataset.found ?? "");
}

function select(option: HTMLElement, scrolls = true): void {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  field().setAttribute("aria-activedescendant", option.id);
  if (scrolls) option.scrollIntoView({ block: "nearest" });
}

/** An option has no button in it, since a list has none: what it does stands beside the list. */
function choose(option: HTMLElement): void {
  const does = document.getElementById(option.dataset.does!);
  if (does?.dataset.refused) { toast(say("not_called", { why: does.dataset.refused })); return; }
  dialog()!.close();
  if (does instanceof HTMLFormElement) does.requestSubmit();
  else does?.click();
}
