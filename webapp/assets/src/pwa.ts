// Installed, woken: the service worker, and messages for when no page is looked at. The words for it are the server's.
import { send, userId } from "./api";

const supported = "serviceWorker" in navigator && window.isSecureContext;

if (supported) addEventListener("load", () => void begin());

async function begin(): Promise<void> {
  const worker = await navigator.serviceWorker.register("/sw.js", { scope: "/" }).catch(() => null);
  if (worker && userId() && "Notification" in window && Notification.permission === "granted") await subscribe();
}

/** This browser is this user's: said at each visit, since browsers renew what they were given. */
export async function subscribe(): Promise<void> {
  if (!supported || !("PushManager" in window)) return;
  try {
    const worker = await navigator.serviceWorker.ready;
    const { key } = await send("/push/key", undefined, { method: "POST" }).then((r) => r.json() as Promise<{ key: string }>);
    const wanted = bytes(key);
    let subscription = await worker.pushManager.getSubscription();
    if (subscription && !same(subscription.options.applicationServerKey, wanted)) {
      await subscription.unsubscribe(); // made for another installation's key
      subscription = null;
    }
    subscription ??= await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
    const { endpoint, keys } = subscription.toJSON();
    await send("/push/subscriptions", { endpoint, p256dh: keys?.["p256dh"], auth: keys?.["auth"] });
  } catch (error) {
    console.info("no messages in the background", error); // a browser without a push service, or no connection to it
  }
}

// who logs out is not woken in this browser any more; the server forgets all of theirs
document.addEventListener("submit", (event) => {
  if ((event.target as HTMLFormElement).action !== `${location.origin}/logout` || !supported) return;
  void navigator.serviceWorker.getRegistration().then((worker) => worker?.pushManager?.getSubscription()).then((subscription) => subscription?.unsubscribe());
});

function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64url.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(text, (mark) => mark.charCodeAt(0));
}

function same(one: ArrayBuffer | null, other: Uint8Array): boolean {
  const own = new Uint8Array(one ?? new ArrayBuffer(0));
  return own.length === other.length && own.every((byte, i) => byte === other[i]);
}
