// What an agent types about a call is saved while it is typed, and kept in this browser until the server has it.
import { Failure, send, userId } from "./api";
import { forget, recall, remember, remembered } from "./memory";
import { announce, toast } from "./toasts";
import { say } from "./words";

const PAUSE = 500, AGAIN = 4000, PATIENCE = 15_000; // ms
const SMALL = 30_000; // characters that a browser still sends while it leaves the page
type Saved = "saved" | "saving" | "unsaved" | "offline" | "refused";

/** How one kind of text goes to the server, and where the page shows how far it is. */
interface Way {
  url: (uid: string) => string;
  method: string;
  json: (text: string, uid: string) => unknown;
  saved: string; // data-attribute of the word beside it
  refused?: string;
  readable: (text: string) => string; // for whom it cannot be put back any more
  sent?: (uid: string, text: string, answer: Response) => void | Promise<void>; // what follows when it is on the server
  overtaken?: (uid: string) => Promise<boolean>; // it was changed elsewhere: looks at that; whether it can be sent again
  wrong?: (uid: string, failure: Failure) => boolean; // returns whether it was shown
}
const ways = new Map<string, Way>();
/** Each of these begins with what an earlier page of this person left behind. */
export function keep(kind: string, way: Way): void {
  ways.set(kind, way);
  const begin = `ringback:${kind}:${userId()}:`;
  for (const name of userId() ? remembered(begin) : []) keptOf(kind, name.slice(begin.length)).resume();
}

export class Kept {
  private timer = 0;
  private running: Promise<void> | null = null;
  private state: Saved | null = null;
  private refusal = ""; // why the server does not want this text; asking again would not help
  text: string | null = null; // what the server has not confirmed yet

  constructor(private readonly kind: string, private readonly uid: string) {}

  private get way(): Way { return ways.get(this.kind)!; }
  private get name(): string { return `ringback:${this.kind}:${userId()}:${this.uid}`; }

  get saving(): boolean { return this.running !== null; }
  get isRefused(): boolean { return Boolean(this.refusal); }

  /** Whether it will be on the server by and by, without anybody's doing. */
  get waits(): boolean { return this.text !== null && !this.refusal; }

  typed(text: string, pause = PAUSE): void {
    this.text = text;
    this.refusal = "";
    remember(this.name, text);
    this.show("unsaved");
    this.later(pause);
  }

  /** A page before this one kept it. */
  resume(): void {
    const text = recall(this.name);
    if (text !== null) this.typed(text, 0);
  }

  /** It is a part of something else that was saved. */
  forget(): void {
    clearTimeout(this.timer);
    this.text = null;
    this.refusal = "";
    this.state = null;
    forget(this.name);
  }

  /** The server has it, whoever sent it. */
  settled(): void {
    this.forget();
    this.show("saved");
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.save(), ms);
  }

  async save(): Promise<void> {
    clearTimeout(this.timer);
    if (this.running) await this.running;
    if (this.text === null || this.refusal) return;
    this.running = this.put(this.text).finally(() => { this.running = null; });
    await this.running;
  }

  private async put(text: string): Promise<void> {
    this.show("saving");
    try {
      const json = this.way.json(text, this.uid), signal = AbortSignal.timeout(PATIENCE);
      const answer = await send(this.way.url(this.uid), undefined, { method: this.way.method, json, keepalive: text.length < SMALL, signal });
      const last = this.text === text;
      if (last) this.forget();
      await this.way.sent?.(this.uid, text, answer);
      last && this.text === null ? this.show("saved") : this.later(PAUSE);
    } catch (error) {
      if ((error as Failure).status === 409 && this.way.overtaken) {
        this.show("unsaved");
        if (!await this.way.overtaken(this.uid)) this.refused(error as Failure);
        else if (this.text !== null) this.later(this.text === text ? AGAIN : PAUSE);
        return;
      }
      if (this.text !== text) { this.later(PAUSE); return; }
      if (isFinal((error as Failure).status)) { this.refused(error as Failure); return; }
      this.show((error as Failure).status === 0 ? "offline" : "unsaved");
      this.later(AGAIN);
    }
  }

  /** The text stays in this browser; why, is told beside it. */
  private refused(failure: Failure): void {
    this.refusal = failure.message;
    this.show("refused");
    if (this.way.wrong?.(this.uid, failure)) return;
    if (this.way.refused && part(this.way.refused, this.uid)) announce(this.refusal, "assertive");
    else this.orphaned();
  }

  /** Its card is gone, as when the call became a part of another one: the text is told, so that it can be put there. */
  orphaned(): void {
    if (this.refusal && this.text !== null) toast(say("note_refused", { why: this.refusal, text: this.way.readable(this.text) }), "bad");
    if (this.refusal) this.forget();
  }

  private show(state: Saved): void {
    this.state = state;
    const saved = part(this.way.saved, this.uid), refused = this.way.refused ? part(this.way.refused, this.uid) : null;
    if (saved) {
      saved.dataset.state = state;
      saved.textContent = say(`notes_${state}`);
    }
    if (!refused) return;
    refused.hidden = !this.refusal;
    refused.textContent = this.refusal;
    document.getElementById(`${this.kind}-${this.uid}`)?.setAttribute("aria-invalid", String(!refused.hidden));
  }

  /** What is not on the server, for a field that was drawn anew or a page that was loaded again. */
  draft(): string | null {
    if (this.state) this.show(this.state);
    return this.text;
  }
}

const part = (name: string, uid: string): HTMLElement | null => document.querySelector(`[data-${name}="${CSS.escape(uid)}"]`);
// who is asked to log in, was too slow or too fast, may be heard the next time
const isFinal = (status: number): boolean => status >= 400 && status < 500 && ![401, 408, 429].includes(status);

const all = new Map<string, Kept>();
export function keptOf(kind: string, uid: string): Kept {
  const name = `${kind}:${uid}`;
  if (!all.has(name)) all.set(name, new Kept(kind, uid));
  return all.get(name)!;
}

export function saveAll(): void {
  for (const kept of all.values()) if (kept.waits) void kept.save();
}
addEventListener("online", saveAll);
addEventListener("pagehide", saveAll);
addEventListener("beforeunload", (event) => {
  if ([...all.values()].some((kept) => kept.waits)) event.preventDefault();
});
