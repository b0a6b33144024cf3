// What each thing sounds like, and how loud: the volume is the agent's own, on every device, and kept by the server.
import { send } from "./api";
import { toast } from "./toasts";
import { say } from "./words";

/** A call that rings · one that rings while the agent talks · their own call, whose phone is to be picked up · a callback is theirs, or due. */
export type Tone = "call" | "waiting" | "placed" | "due";
type Note = readonly [after: number, pitch: number]; // seconds, Hz

const NOTES: Record<Tone, readonly Note[]> = {
  call: [[0, 659.25], [0.16, 880], [0.55, 659.25], [0.71, 880]],
  waiting: [[0, 523.25], [0.22, 523.25]],
  placed: [[0, 392], [0.3, 493.88]],
  due: [[0, 880], [0.18, 698.46], [0.36, 587.33]],
};
const LEVEL: Record<Tone, number> = { call: 0.33, waiting: 0.1, placed: 0.2, due: 0.22 }; // at full volume; while one talks a tone is in the ear
export const TRIAL = 70; // percent: of a device that is tried out
const SETTLED = 400; // ms without a further move

let asked: number | null = null; // moved, and not yet kept
let saving = 0;

/** In percent, 0 is silent. */
export const volume = (): number => asked ?? Number(document.querySelector<HTMLElement>("[data-ring-volume]")?.dataset.ringVolume ?? TRIAL);

export function play(audio: AudioContext, tone: Tone, percent = volume()): void {
  if (!percent) return;
  const loud = LEVEL[tone] * (percent / 100) ** 2; // as ears hear it
  for (const [after, pitch] of NOTES[tone]) {
    const at = audio.currentTime + after;
    const note = audio.createOscillator();
    const level = audio.createGain();
    note.frequency.value = pitch;
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(loud, at + 0.02);
    level.gain.exponentialRampToValueAtTime(loud / 200, at + 0.45);
    note.connect(level).connect(audio.destination);
    note.start(at);
    note.stop(at + 0.5);
  }
}

/** On a device that may not be in use yet. */
export async function tryOut(audio: AudioContext, tone: Tone, percent?: number): Promise<void> {
  await audio.resume();
  play(audio, tone, percent);
  window.setTimeout(() => void audio.close(), 2000);
}

/** Every slider of the page says the same. */
export function showVolume(): void {
  const percent = volume(), words = percent ? `${percent} %` : say("ring_silent");
  for (const field of document.querySelectorAll<HTMLElement>("[data-volume]")) {
    const slider = field.querySelector("input")!;
    slider.value = String(percent);
    slider.setAttribute("aria-valuetext", words);
    slider.style.setProperty("--at", `${percent}%`);
    field.querySelector("output")!.textContent = words;
  }
}

document.addEventListener("input", (event) => {
  const slider = event.target as HTMLInputElement;
  if (!slider.closest("[data-volume]")) return;
  asked = Number(slider.value);
  showVolume();
  clearTimeout(saving);
  saving = window.setTimeout(() => void keep(), SETTLED);
});

async function keep(): Promise<void> {
  const percent = asked;
  try {
    await send("/me/preferences", undefined, { json: { ring_volume: percent }, keepalive: true });
    if (asked !== percent) return; // moved again meanwhile
    for (const place of document.querySelectorAll<HTMLElement>("[data-ring-volume]")) place.dataset.ringVolume = String(percent);
  } catch (error) {
    if (asked === percent) toast((error as Error).message, "bad");
  } finally {
    if (asked === percent) asked = null;
    showVolume();
    document.dispatchEvent(new Event("ringback:volume"));
  }
}
