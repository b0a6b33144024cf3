{#- The service worker. Context: kept [addresses], version, offline. It keeps nothing that anybody wrote: no page, no answer of the server but the one for when there is none. -#}
// Ringback's service worker: a page for when there is no connection, and messages when no page is looked at.
const KEPT = {{ kept|tojson }};
const CACHE = "ringback-{{ version }}";
const OFFLINE = {{ offline|tojson }};

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(KEPT.map((url) => new Request(url, { cache: "reload" })))).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name.startsWith("ringback-") && name !== CACHE).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

// pages come from the server, and only from there
self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
  else if (KEPT.includes(url.pathname)) event.respondWith(fetch(request).catch(() => caches.match(url.pathname)));
});

self.addEventListener("push", (event) => {
  let message = {};
  try { message = event.data.json(); } catch { return; }
  event.waitUntil(self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((pages) => {
    if (pages.some((page) => page.visibilityState === "visible")) return undefined; // it shows it itself
    const { title, body, url, tag } = message;
    const fresh = { body, tag, icon: "/static/icon-192.png", badge: "/static/badge-96.png", data: { url }, requireInteraction: tag.startsWith("call:") };
    return self.registration.getNotifications({ tag }).then(([shown]) => (shown?.actions?.length ? again(shown) : self.registration.showNotification(title, fresh)));
  }));
});
// an open page has told of the call already, with its buttons; for what is pushed the browser wants something shown
function again(shown) {
  const { title, body, tag, icon, badge, data, actions } = shown;
  return self.registration.showNotification(title, { body, tag, icon, badge, data, actions, requireInteraction: true });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data?.url ?? "/", location.origin);
  if (url.origin !== location.origin) return;
  event.waitUntil(self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((pages) => {
    const page = pages[0], { uid } = event.notification.data ?? {};
    if (page && uid && event.action) page.postMessage({ ringback: "call", uid, act: event.action });
    return page ? page.focus() : self.clients.openWindow(url.href); // what is being written in a page is not left for this
  }));
});
