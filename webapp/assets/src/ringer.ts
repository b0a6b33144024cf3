// What tells an agent of a ringing call: a tone, the title, and a system notification while the page is hidden.
import { chosen, devices, route } from "./sound";
import { toast } from "./toasts";
import { play, type Tone } from "./tones";
import { say } from "./words";

const LONGEST = 90_000;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const MUTED = "ringback:muted";

export const isMuted = (): boolean => localStorage.getItem(MUTED) === "1";

export class Ringer {
  private uid = "";
  private tone: Tone = "call";
  private audio: AudioContext | null = null;
  private tones = 0;
  private flashes = 0;
  private cap = 0;
  private note: Notification | null = null;
  private release: (() => void) | null = null;
  private title = "";
  private flashing = "";
  private toldOfSilence = false;

  constructor() {
    // browsers allow sound only after a gesture; the first one anywhere in the page will do
    const wake = (): void => {
      if (!this.audio) void route((this.audio = new AudioContext()), chosen().ring);
      void this.audio.resume();
    };
    addEventListener("pointerdown", wake, { passive: true });
    addEventListener("keydown", wake, { passive: true });
    devices.addEventListener("change", () => { if (this.audio) void route(this.audio, chosen().ring); });
  }

  mute(muted: boolean): void {
    localStorage.setItem(MUTED, muted ? "1" : "0");
    if (muted) this.silence();
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
    if (document.hidden && "Notification" in window && Notification.permission === "granted") {
      this.note = new Notification(text, { tag: `ringback-${uid}`, icon: "/static/favicon.svg" });
      this.note.onclick = () => { window.focus(); this.note?.close(); };
    }
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
    this.uid = "";
    clearTimeout(this.cap);
    clearInterval(this.flashes);
    if (document.title === this.flashing) document.title = this.title;
    this.note?.close();
    this.note = null;
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

  /** Only one tab rings: whoever holds the lock. */
  private async sound(): Promise<void> {
    if (isMuted() || this.tones) return;
    if (!this.audio || this.audio.state !== "running") {
      if (!this.toldOfSilence) toast(say("sound_blocked"));
      this.toldOfSilence = true;
      return;
    }
    const uid = this.uid;
    const ring = async (): Promise<void> => {
      if (this.uid !== uid) return;
      play(this.audio!, this.tone);
      this.tones = window.setInterval(() => play(this.audio!, this.tone), 3000);
      await new Promise<void>((resolve) => { this.release = resolve; });
    };
    if (!navigator.locks) return ring(); // plain http: every tab rings
    await navigator.locks.request("ringback-ring", { ifAvailable: true }, async (lock) => { if (lock) await ring(); });
  }

  private silence(): void {
    clearInterval(this.tones);
    this.tones = 0;
    this.release?.();
    this.release = null;
  }
}
