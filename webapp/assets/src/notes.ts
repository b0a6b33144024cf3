// Notes are saved while they are typed, and kept in this browser until the server has them.
import { Failure, send } from "./api";
import { announce, toast } from "./toasts";
import { say } from "./words";

const PAUSE = 500, AGAIN = 4000;
const kept = (uid: string): string => `ringback:note:${uid}`;
type Saved = "saved" | "saving" | "unsaved" | "offline" | "refused";

class Note {
  private timer = 0;
  private running: Promise<void> | null = null;
  private state: Saved | null = null;
  private refusal = ""; // why the server does not want this text; asking again would not help
  text: string | null = null; // what the server has not confirmed yet

  constructor(private readonly uid: string) {}

  /** Whether it will be on the server by and by, without anybody's doing. */
  get waits(): boolean { return this.text !== null && !this.refusal; }

  typed(text: string): void {
    this.text = text;
    this.refusal = "";
    localStorage.setItem(kept(this.uid), text);
    this.show("unsaved");
    this.later(PAUSE);
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), ms);
  }

  async save(): Promise<void> {
    clearTimeout(this.timer);
    if (this.running) await this.running;
    if (this.text === null) return;
    this.running = this.put(this.text).finally(() => { this.running = null; });
    await this.running;
  }

  private async put(text: string): Promise<void> {
    this.show("saving");
    try {
      await send(`/calls/${this.uid}/notes`, { text }, { method: "PUT", keepalive: text.length < 30_000 });
      if (this.text !== text) { this.later(PAUSE); return; }
      this.text = null;
      localStorage.removeItem(kept(this.uid));
      this.show("saved");
    } catch (error) {
      const { status, message } = error as Failure;
      if (this.text !== text) { this.later(PAUSE); return; }
      if (isFinal(status)) { this.refused(message); return; }
      this.show(status === 0 ? "offline" : "unsaved");
      this.later(AGAIN);
    }
  }

  /** The text stays in this browser; why, is told beside it. */
  private refused(why: string): void {
    this.refusal = why;
    this.show("refused");
    if (part("refused", this.uid)) announce(why, "assertive");
    else this.orphaned();
  }

  /** Its card is gone, as when the call became a part of another one: the text is told, so that it can be put there. */
  orphaned(): void {
    if (this.refusal) toast(say("note_refused", { why: this.refusal, text: this.text! }), "bad");
  }

  private show(state: Saved): void {
    this.state = state;
    const saved = part("saved", this.uid), refused = part("refused", this.uid);
    if (saved) {
      saved.dataset.state = state;
      saved.textContent = say(`notes_${state}`);
    }
    if (!refused) return;
    refused.hidden = !this.refusal;
    refused.textContent = this.refusal;
    document.getElementById(`note-${this.uid}`)?.setAttribute("aria-invalid", String(!refused.hidden));
  }

  /** Put back what is not on the server, after the card was drawn anew or the page was loaded again. */
  restore(field: HTMLTextAreaElement): void {
    if (this.state) this.show(this.state);
    const draft = this.text ?? localStorage.getItem(kept(this.uid));
    if (draft === null || draft === field.value) return;
    field.value = draft;
    if (this.text === null) this.typed(draft);
  }
}

const part = (name: string, uid: string): HTMLElement | null => document.querySelector(`[data-${name}="${CSS.escape(uid)}"]`);
// who is asked to log in, was too slow or too fast, may be heard the next time
const isFinal = (status: number): boolean => status >= 400 && status < 500 && ![401, 408, 429].includes(status);

const notes = new Map<string, Note>();
export function noteOf(uid: string): Note {
  if (!notes.has(uid)) notes.set(uid, new Note(uid));
  return notes.get(uid)!;
}

export function saveAll(): void {
  for (const note of notes.values()) if (note.waits) void note.save();
}
addEventListener("online", saveAll);
addEventListener("pagehide", saveAll);
addEventListener("beforeunload", (event) => {
  if ([...notes.values()].some((note) => note.waits)) event.preventDefault();
});
