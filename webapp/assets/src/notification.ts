// What the system shows of a call that rings while no page is looked at. With a service worker it can be answered there.
import { say } from "./words";

export type Act = "answer" | "decline";
interface Choice { action: Act; title: string }
type Options = NotificationOptions & { actions?: Choice[]; requireInteraction?: boolean };

const tagged = (uid: string): string => `call:${uid}`; // as the server's message of the same call: one replaces the other
const worker = async (): Promise<ServiceWorkerRegistration | undefined> => navigator.serviceWorker?.getRegistration().catch(() => undefined);
let plain: Notification | null = null;
let shown = ""; // of which call

export async function notify(uid: string, text: string): Promise<void> {
  if (!document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  shown = uid;
  const options: Options = { tag: tagged(uid), icon: "/static/icon-192.png", badge: "/static/badge-96.png", data: { uid, url: "/desk" } };
  const registration = await worker();
  if (shown !== uid) return; // it was over before
  if (registration?.active) {
    await registration.showNotification(text, { ...options, requireInteraction: true, actions: choices(uid) } as NotificationOptions).catch(() => beside(text, options));
    if (shown !== uid) void close(registration, uid);
  } else beside(text, options);
}

export function withdraw(uid: string): void {
  if (shown === uid) shown = "";
  plain?.close();
  plain = null;
  void worker().then((registration) => { if (registration) void close(registration, uid); });
}

addEventListener("pagehide", () => { if (shown) withdraw(shown); });

async function close(registration: ServiceWorkerRegistration, uid: string): Promise<void> {
  for (const each of await registration.getNotifications({ tag: tagged(uid) })) each.close();
}

/** The page's own, of browsers without a service worker: a click comes back to the page. */
function beside(text: string, options: Options): void {
  try {
    const note = plain = new Notification(text, options);
    note.onclick = () => { window.focus(); note.close(); };
  } catch { /* a browser that lets only a service worker notify */ }
}

/** What the card offers. */
function choices(uid: string): Choice[] {
  const all: Choice[] = [{ action: "answer", title: say("answer") }, { action: "decline", title: say("decline") }];
  return all.filter(({ action }) => document.getElementById(`${action === "answer" ? "answer" : "hangup"}-${uid}`));
}

/** A button of the notification was pressed. */
export function onChosen(act: (uid: string, chosen: Act) => void): void {
  navigator.serviceWorker?.addEventListener("message", ({ data }: MessageEvent<{ ringback?: string; uid?: string; act?: Act }>) => {
    if (data?.ringback === "call" && data.uid && data.act) act(data.uid, data.act);
  });
}
