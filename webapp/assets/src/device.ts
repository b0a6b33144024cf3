// As this browser calls itself, in all its tabs: one device is an agent's phone. Another profile is another device.
const NAME = "ringback:device";
let own = "";

/** Empty where a browser makes none, which only happens where it could be no phone either. */
export function device(): string {
  try {
    own ||= localStorage.getItem(NAME) ?? "";
    if (!own && crypto.randomUUID) localStorage.setItem(NAME, (own = crypto.randomUUID()));
  } catch { /* it keeps nothing: until the page is left it has this one */ }
  return own;
}
