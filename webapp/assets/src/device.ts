// As this browser calls itself, in all its tabs: one device is an agent's phone. Another profile is another device.
import { recall, remember } from "./memory";

const NAME = "ringback:device", SHAPE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Empty on plain http, where a browser makes none and can be no phone either. Always as it is kept: tabs that begin at once agree. */
export function device(): string {
  if (!SHAPE.test(recall(NAME) ?? "") && crypto.randomUUID) remember(NAME, crypto.randomUUID());
  return recall(NAME) ?? "";
}
