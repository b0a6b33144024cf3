// As this browser calls itself, in all its tabs: one device is an agent's phone. Another profile is another device.
const NAME = "ringback:device", SHAPE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
let unkept = ""; // where a browser keeps nothing: until the page is left

/** Empty on plain http, where a browser makes none and can be no phone either. Always as it is kept: tabs that begin at once agree. */
export function device(): string {
  try {
    if (!SHAPE.test(localStorage.getItem(NAME) ?? "") && crypto.randomUUID) localStorage.setItem(NAME, crypto.randomUUID());
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return (unkept ||= crypto.randomUUID?.() ?? "");
  }
}
