// A session that ends does not end the page: the log-in opens in place, and what was asked goes on afterwards.
import { onSessionEnded, setCsrfToken, userId } from "./api";
import { subscribe } from "./pwa";
import { connect } from "./socket";
import { toast } from "./toasts";
import { say } from "./words";

let asking: Promise<void> | null = null;
let leaving: Promise<void> | null = null;
let stay = (): void => undefined;
onSessionEnded(async () => {
  await leaving;
  await (asking ??= ask().finally(() => { asking = null; }));
});

// Whoever logs out here is not asked to log in by the page that is about to go. Who then stays, since something was not
// saved yet, tells nobody; but they go on working in it.
document.addEventListener("submit", (event) => {
  if ((event.target as HTMLFormElement).action === `${location.origin}/logout`) leaving ??= new Promise((resolve) => { stay = resolve; });
});
for (const sign of ["pageshow", "pointerdown", "keydown", "input"]) addEventListener(sign, (event) => {
  if (!leaving || (event instanceof KeyboardEvent && event.repeat)) return; // of the key that logged out
  leaving = null;
  stay();
  if ("Notification" in window && Notification.permission === "granted") void subscribe(); // which ended with the log-out
}, { capture: true });

async function page(url: string, init?: RequestInit): Promise<Document> {
  const response = await fetch(url, { headers: { Accept: "text/html" }, ...init });
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

async function ask(): Promise<void> {
  const dialog = document.getElementById("login-dialog") as HTMLDialogElement | null;
  if (!dialog) { location.assign("/login"); return; }
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  let answer = await page("/login");
  for (;;) {
    const form = answer.querySelector<HTMLFormElement>("#login-form");
    if (!form) break;
    answer = await submitted(dialog, form);
  }
  dialog.close();
  const token = answer.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content;
  const user = answer.querySelector<HTMLMetaElement>('meta[name="user"]')?.content;
  if (user && user !== userId()) { location.reload(); return new Promise(() => undefined); }
  if (token) setCsrfToken(token);
  connect()?.connect();
  toast(say("welcome_back"), "good");
}

function submitted(dialog: HTMLDialogElement, form: HTMLFormElement): Promise<Document> {
  document.getElementById("login-slot")!.replaceChildren(document.adoptNode(form));
  if (!dialog.open) dialog.showModal();
  form.querySelector<HTMLElement>("[data-autofocus]")?.focus();
  return new Promise((resolve) => {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      resolve(page(form.getAttribute("action") ?? "/login", { method: "POST", body: new URLSearchParams(new FormData(form) as never) }));
    });
  });
}

// the trial's list of people: one click logs in
document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>("[data-login]");
  const form = document.querySelector<HTMLFormElement>("#login-form");
  if (!button || !form) return;
  form.querySelector<HTMLInputElement>('[autocomplete="username"]')!.value = button.dataset.login!;
  form.querySelector<HTMLInputElement>('[type="password"]')!.value = button.dataset.password!;
  form.requestSubmit();
});
