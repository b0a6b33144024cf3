// The frame around the pages: htmx's manners, navigation, menus, dialogs, preferences. It lives as long as the document.
import { csrfToken, endedSession, type Failure, send, sessionEnded } from "./api";
import type { Callbar } from "./callbar";
import { changed } from "./changes";
import { recall, remember } from "./memory";
import { showProblems } from "./problems";
import { subscribe } from "./pwa";
import { announce, toast } from "./toasts";
import { say } from "./words";

const root = document.documentElement;
const all = <T extends Element = HTMLElement>(selector: string, inside: ParentNode = document): T[] => [...inside.querySelectorAll<T>(selector)];

document.addEventListener("htmx:config:request", (event) => {
  const { headers, method, body } = event.detail.ctx.request;
  headers["X-Requested-With"] = "fetch";
  if (method === "GET") return;
  headers["X-CSRFToken"] = csrfToken();
  if (body instanceof FormData) body.delete("csrf_token"); // the header carries a fresher one
});
document.addEventListener("htmx:before:request", () => root.setAttribute("data-loading", ""));
document.addEventListener("htmx:finally:request", () => root.removeAttribute("data-loading"));
document.addEventListener("htmx:error", () => toast(say("network"), "bad"));
document.addEventListener("htmx:before:response", (event) => {
  const { response, sourceElement } = event.detail.ctx;
  if (!response || !endedSession(response.status, response.raw.url, response.raw.redirected)) return;
  event.preventDefault();
  void sessionEnded().then(() => again(sourceElement));
});
// a refused form keeps the address of the page it stands on
document.addEventListener("htmx:before:history:update", (event) => {
  const { response, sourceElement } = event.detail;
  if (response && response.status >= 400 && sourceElement.matches("form")) event.preventDefault();
});

function again(element: Element): void {
  if (element instanceof HTMLFormElement) element.requestSubmit();
  else if (element instanceof HTMLElement) element.click();
}

document.addEventListener("htmx:after:history:push", arrived);
document.addEventListener("htmx:after:history:replace", arrived);
function arrived(): void {
  markNavigation();
  closeSheet();
  for (const menu of all<HTMLDetailsElement>("details.menu[open]")) menu.open = false;
  document.querySelector<HTMLDialogElement>("#keys")?.close(); // not whenever something of the page is drawn anew
  const main = document.getElementById("main");
  const wanted = main?.querySelector<HTMLElement>("[data-autofocus]");
  (wanted ?? main)?.focus({ preventScroll: true });
  announce(document.title);
}
addEventListener("popstate", () => setTimeout(markNavigation));
document.addEventListener("htmx:after:swap", () => {
  const summary = document.querySelector<HTMLElement>(".error-summary");
  summary?.focus();
});

function markNavigation(): void {
  const links = all<HTMLAnchorElement>(".side .links a");
  const here = links.filter((link) => `${location.pathname}/`.startsWith(`${link.pathname}/`.replace("//", "/")))
    .sort((a, b) => b.pathname.length - a.pathname.length)[0];
  for (const link of links) link === here ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current");
}

// side bar: folded is remembered; on a phone it is a sheet
const FOLDED = "ringback:side";
const setFolded = (folded: boolean): void => { folded ? (root.dataset.side = "folded") : delete root.dataset.side; };
setFolded(recall(FOLDED) === "folded");
function closeSheet(): void {
  delete root.dataset.sheet;
  document.querySelector('[data-act="open-sheet"]')?.setAttribute("aria-expanded", "false");
}

const acts: Record<string, (button: HTMLElement) => void> = {
  "fold-side": () => {
    setFolded(root.dataset.side !== "folded");
    remember(FOLDED, root.dataset.side ?? "");
  },
  "open-sheet": (button) => {
    root.dataset.sheet = "open";
    button.setAttribute("aria-expanded", "true");
    // what is still hidden cannot be focused
    requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector<HTMLElement>(".side .links a")?.focus()));
  },
  "close-sheet": closeSheet,
  "close-dialog": (button) => button.closest("dialog")?.close(),
  sound: () => document.querySelector<Callbar>("ringback-callbar")?.toggleSound(),
  notify: () => void askToNotify(),
};

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const act = target.closest<HTMLElement>("[data-act]");
  if (act) acts[act.dataset.act!]?.(act);
  const fill = target.closest<HTMLElement>("[data-fill]");
  if (fill) fillIn(fill);
  const opener = target.closest<HTMLElement>("[data-dialog]");
  if (opener) openDialog(opener);
  for (const menu of all<HTMLDetailsElement>("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of all<HTMLDetailsElement>("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary")?.focus();
  }
  if (root.dataset.sheet) { closeSheet(); document.querySelector<HTMLElement>('[data-act="open-sheet"]')?.focus(); }
});

/** A ready answer: it stands in the field, and may be changed there. */
function fillIn(answer: HTMLElement): void {
  const field = document.getElementById(answer.dataset.fill!) as HTMLInputElement;
  field.value = answer.dataset.value ?? answer.textContent!.trim();
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

function openDialog(opener: HTMLElement): void {
  const dialog = document.getElementById(opener.dataset.dialog!) as HTMLDialogElement;
  const form = dialog.querySelector("form[method=post]");
  if (opener.dataset.action && form instanceof HTMLFormElement) {
    form.setAttribute("action", opener.dataset.action);
    form.reset();
    showProblems(form, {});
  }
  for (const slot of all("[data-slot]", dialog)) slot.textContent = opener.dataset[slot.dataset.slot!] ?? "";
  opener.closest("details.menu")?.removeAttribute("open");
  dialog.showModal();
}

// small forms that change one thing and leave the page where it is
document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (form.dataset.fetch && !event.defaultPrevented) {
    event.preventDefault();
    event.stopPropagation();
    void quietly(form, event.submitter);
  }
}, { capture: true });

async function quietly(form: HTMLFormElement, submitter: HTMLElement | null): Promise<void> {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  const values = new FormData(form, submitter);
  try {
    await send(form.action, values);
    applied(form, values);
    told(form);
  } catch (error) {
    const { message, fields } = error as Failure;
    if (!showProblems(form, fields ?? {})) toast(message, "bad");
  } finally {
    form.removeAttribute("aria-busy");
    const id = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(form.action)?.[0]; // of the one thing that it is about
    changed(form.dataset.fetch ?? "", id ? [id] : undefined);
  }
}

/** That it is done, and how it is not. */
function told(form: HTMLFormElement): void {
  const { told, undo, fetch } = form.dataset, back = undo && new URL(undo, form.action).href;
  if (!told) return;
  toast(told, "good", back ? { label: say("undo"), act: () => void takeBack(back, fetch ?? "") } : undefined);
}
async function takeBack(url: string, kind: string): Promise<void> {
  try {
    await send(url, {});
    changed(kind);
  } catch (error) {
    toast((error as Error).message, "bad");
  }
}

function applied(form: HTMLFormElement, values: FormData): void {
  form.closest("dialog")?.close();
  if (form.dataset.fetch === "preferences") {
    for (const [name, attribute] of [["theme", "data-bs-theme"], ["density", "data-density"]] as const) {
      const value = values.get(name);
      if (typeof value !== "string") continue;
      root.setAttribute(attribute, value);
      for (const button of all<HTMLButtonElement>(`button[name="${name}"]`, form)) button.setAttribute("aria-pressed", String(button.value === value));
    }
  }
  if (form.dataset.fetch !== "status") return;
  const menu = form.closest<HTMLDetailsElement>("details.menu");
  if (menu) { menu.open = false; menu.querySelector("summary")?.focus(); }
  void document.querySelector<Callbar>("ringback-callbar")?.refresh();
}

async function askToNotify(): Promise<void> {
  if (!("Notification" in window)) return;
  const answer = await Notification.requestPermission();
  showNotify();
  if (answer === "granted") void subscribe();
  toast(say(answer === "granted" ? "notification_granted" : "notification_denied"), answer === "granted" ? "good" : "info");
}
function showNotify(): void {
  const granted = "Notification" in window && Notification.permission === "granted";
  document.querySelector('[data-act="notify"]')?.setAttribute("aria-pressed", String(granted));
}
showNotify();

// what is typed into a page is not lost by leaving it unawares
document.addEventListener("input", (event) => {
  const field = event.target as HTMLInputElement, error = field.form?.querySelector<HTMLElement>(`[data-error="${CSS.escape(field.name)}"]:not([hidden])`);
  if (!error) return;
  error.hidden = true;
  field.classList.remove("is-invalid");
  field.removeAttribute("aria-invalid");
});
document.addEventListener("input", (event) => (event.target as Element).closest("form[data-guard]")?.setAttribute("data-dirty", ""));
document.addEventListener("submit", (event) => (event.target as Element).removeAttribute("data-dirty"));
addEventListener("beforeunload", (event) => { if (document.querySelector("form[data-dirty]")) event.preventDefault(); });

document.querySelector<HTMLElement>("#main [data-autofocus]")?.focus();
