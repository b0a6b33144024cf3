// What tells an agent of a ringing call: a tone, the title, and a system notification while the page is hidden.
import { recall, remember } from "./memory";
import { notify, withdraw } from "./notification";
import { chosen, devices, route } from "./sound";
import { toast } from "./toasts";
import { play, type Tone } from "./tones";
import { say } from "./words";

const LONGEST = 90_000, PAUSE = 3000, NEWS = 700; // ms: a ring; from chime to chime; until all tabs have heard of an end
const still = matchMedia("(prefers-reduced-motion: reduce)");
const MUTED = "ringback:muted";

export const isMuted = (): boolean => recall(MUTED) === "1";

export class Ringer {
  private uid = "";
  private tone: Tone = "call";
  private audio: AudioContext | null = null;
  private tones = 0;
  private flashes = 0;
  private cap = 0;
  private release: (() => void) | null = null;
  private waiting: AbortController | null = null;
  private chimed = 0;
  private title = "";
  private flashing = "";
  private toldOfSilence = false;

  /** `ask`: whether it still rings. */
  constructor(private readonly ask: () => void) {
    // browsers allow sound only after a gesture; the first one anywhere in the page will do
    const wake = (): void => {
      if (!this.audio) void route((this.audio = new AudioContext()), chosen().ring);
      void this.audio.resume();
    };
    addEventListener("pointerdown", wake, { passive: true });
    addEventListener("keydown", wake, { passive: true });
    devices.addEventListener("change", () => { if (this.audio) void route(this.audio, chosen().ring); });
    addEventListener("storage", (event) => { if (event.key === MUTED) this.heed(); });
  }

  mute(muted: boolean): void {
    remember(MUTED, muted ? "1" : "0");
    this.heed();
  }

  private heed(): void {
    if (isMuted()) this.silence();
    else if (this.uid) void this.sound();
  }

  /** Without a text it only sounds. */
  start(uid: string, who: string, text: string, tone: Tone = "call"): void {
    this.tone = tone;
    if (this.uid === uid) return;
    this.stop();
    this.uid = uid;
    this.cap = window.setTimeout(() => this.stop(), LONGEST);
    void this.sound();
    if (!text) return;
    this.flash(say("ringing_title", { who }));
    void notify(uid, text);
  }

  /** Once, in one tab, and not while it rings. */
  async hint(tone: Tone): Promise<void> {
    const audio = this.audio;
    if (isMuted() || this.uid || audio?.state !== "running") return;
    const sound = (): Promise<void> => { play(audio, tone); return new Promise((resolve) => setTimeout(resolve, 1000)); };
    if (!navigator.locks) return sound();
    await navigator.locks.request("ringback-hint", { ifAvailable: true }, async (lock) => { if (lock) await sound(); });
  }

  stop(): void {
    if (!this.uid) return;
    withdraw(this.uid);
    this.uid = "";
    clearTimeout(this.cap);
    clearInterval(this.flashes);
    if (document.title === this.flashing) document.title = this.title;
    this.silence();
  }

  private flash(text: string): void {
    this.flashing = `☎ ${text}`;
    const swap = (): void => {
      if (document.title !== this.flashing) { this.title = document.title; document.title = this.flashing; }
      else if (!still.matches) document.title = this.title;
    };
    swap();
    this.flashes = window.setInterval(swap, 1000);
  }

  /** Only one tab rings: whoever holds the lock. The next one has it when that tab is closed. */
  private async sound(): Promise<void> {
    if (isMuted() || this.tones || this.waiting) return;
    if (!this.audio || this.audio.state !== "running") {
      if (!this.toldOfSilence) toast(say("sound_blocked"));
      this.toldOfSilence = true;
      return;
    }
    const waiting = this.waiting = new AbortController(), { signal } = waiting, asked = Date.now();
    const ring = async (): Promise<void> => {
      if (Date.now() - asked > PAUSE / 10) await new Promise((resolve) => setTimeout(resolve, NEWS)); // it may be over
      if (signal.aborted) return;
      this.chime();
      this.tones = window.setInterval(() => this.again(), PAUSE);
      await new Promise<void>((resolve) => { this.release = resolve; });
    };
    if (!navigator.locks) return ring(); // plain http: every tab rings
    await navigator.locks.request("ringback-ring", { signal }, ring).catch((error: Error) => { if (error.name !== "AbortError") throw error; });
  }

  /** A page that stood still does not know whether it rings. */
  private again(): void {
    if (Date.now() - this.chimed < 1.5 * PAUSE) this.chime();
    else { this.stop(); this.ask(); }
  }

  private chime(): void {
    this.chimed = Date.now();
    play(this.audio!, this.tone);
  }

  private silence(): void {
    clearInterval(this.tones);
    this.tones = 0;
    this.waiting?.abort();
    this.waiting = null;
    this.release?.();
    this.release = null;
  }
}
