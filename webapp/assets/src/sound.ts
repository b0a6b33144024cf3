// Which microphone and loudspeakers this browser uses for calls. A device's id means nothing in another browser, so it is kept here.
import { recall, remember } from "./memory";
import type { Sound } from "./softphone";

export interface Choice extends Sound { ring?: string } // where it rings; none: where everything else is heard

const KEPT = "ringback:sound";
type Router = { setSinkId?: (id: string) => Promise<void> };

/** "change": another device was chosen, here or in another tab, or one was plugged in or out. */
export const devices = new EventTarget();
const tell = (): void => void devices.dispatchEvent(new Event("change"));

export function chosen(): Choice {
  try {
    return JSON.parse(recall(KEPT) ?? "{}") as Choice;
  } catch {
    return {};
  }
}

export function choose(part: keyof Choice, id: string): void {
  remember(KEPT, JSON.stringify({ ...chosen(), [part]: id || undefined }));
  tell();
}

export const canRoute = "AudioContext" in window && "setSinkId" in AudioContext.prototype;

/** A device that is gone leaves the browser's choice. */
export async function route(sound: object, id = ""): Promise<void> {
  const router = sound as Router;
  await router.setSinkId?.(id).catch(() => (id ? router.setSinkId?.("") : undefined)).catch(() => undefined);
}

export function microphone(id?: string): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia({ audio: id ? { deviceId: { ideal: id } } : true });
}

addEventListener("storage", (event) => { if (event.key === KEPT) tell(); });
navigator.mediaDevices?.addEventListener("devicechange", tell);
