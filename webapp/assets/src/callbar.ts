import htmx from "htmx.org";
import { Failure, send } from "./api";
import { changed } from "./changes";
import { saveAll } from "./kept";
import { onChosen } from "./notification";
import { noteOf, restoreNote, typedNote, wroteElsewhere } from "./notes";
import { Phone, type Word } from "./phone";
import { figures, gradeWord, type Grade } from "./quality";
import { isMuted, Ringer } from "./ringer";
import { scriptPanel } from "./script";
import { chosen, route } from "./sound";
import { connect, type CallMessage, type DeskMessage } from "./socket";
import { tellServerTime } from "./time";
import { announce, toast } from "./toasts";
import { showVolume, tryOut, volume } from "./tones";
import { confirm, doubt, onDoubted } from "./truth";
import { say } from "./words";
import { restoreAnswers, saveWrapUp } from "./wrapup";

const WARNED = 30; // seconds before a wrap-up ends by itself
const PATIENCE = 10_000, AGAIN = 1000, LATEST = 8000; // ms: for one answer; until it is asked again, at first and at most

/** The docked phone bar. The server draws it (GET /desk/callbar); this keeps it true, and tells the agent when it rings. */
export class Callbar extends HTMLElement {
  private versions = new Map<string, number>();
  private seen = 0; // the user's live version
  private fetching: Promise<void> | null = null;
  private again = false;
  private asking: AbortController | null = null;
  private failed = 0; // times in a row
  private retry = 0;
  private due = new Map<string, { version: number; at: number }>(); // messages whose card is not painted yet
  readonly ringer = new Ringer(() => void this.refresh());
  private folded = new Map<string, boolean>();
  private closed = new Map<string, string>(); // in which state the agent closed a card: in another one it is news again
  private leaving = new Map<string, number>();
  private warning = new Map<string, number>();
  private dialing = false;
  private loudness = false; // the volume is shown
  private states = new Map<string, string>();
  phone: Phone | null = null;
  private grade: Grade | "" = "";
  private open: "" | "pad" | "transfer" = "";
  private chosen = ""; // the colleague to whom a call is to go

  connectedCallback(): void {
    this.addEventListener("submit", (event) => void this.submitted(event));
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("keydown", (event) => this.typed(event));
    this.addEventListener("change", (event) => { if (event.target instanceof HTMLInputElement && event.target.name === "line") this.chosen = event.target.value; });
    this.addEventListener("input", (event) => {
      if (event.target instanceof HTMLInputElement && event.target.closest(".cb-transfer") && event.target.name === "to") this.filter(event.target);
      if (event.target instanceof HTMLTextAreaElement && event.target.dataset.note) typedNote(event.target);
    });
    const socket = connect();
    socket?.on("connect", () => void this.catchUp());
    socket?.on("call", (message: CallMessage) => this.onCall(message));
    socket?.on("desk", (message: DeskMessage) => this.onDesk(message));
    onChosen((uid, act) => void this.press(uid, act));
    document.addEventListener("ringback:volume", () => this.showSound());
    onDoubted(() => { this.ringer.stop(); this.asking?.abort(); }); // what rang may ring no more; an answer to come may never come
    document.addEventListener("ringback:wrapped-up", () => void this.refresh());
    document.addEventListener("visibilitychange", () => { if (!document.hidden && socket?.connected) void this.refresh(); });
    // the page keeps so much room below its end
    new ResizeObserver(() => document.documentElement.style.setProperty("--rb-phone", `${this.offsetHeight}px`)).observe(this);
    this.drawn();
  }

  cards(): HTMLElement[] {
    return [...this.querySelectorAll<HTMLElement>(".cb-card")].filter((card) => !card.hidden);
  }

  /** The card that the keys speak to: the first that is not folded. */
  current(): HTMLElement | undefined {
    return this.cards().find((card) => !card.hasAttribute("data-folded")) ?? this.cards()[0];
  }

  private onCall(message: CallMessage): void {
    const at = performance.now();
    this.seen = Math.max(this.seen, message.v ?? 0);
    if (message.version <= (this.versions.get(message.uid) ?? -1)) return;
    this.versions.set(message.uid, message.version);
    if (message.state === "ringing" && !this.due.has(message.uid)) this.due.set(message.uid, { version: message.version, at });
    void this.refresh();
    changed("call");
  }

  private onDesk(message: DeskMessage): void {
    this.seen = Math.max(this.seen, message.v ?? 0);
    if (message.kind !== "agents" && message.kind !== "note") void badges(); // which count nothing of them
    const written = message.kind === "note" && message.ids?.some((uid) => wroteElsewhere(uid, message.version ?? ""));
    if (written || message.kind === "status" || message.kind === "parked") void this.refresh();
    changed(message.kind, message.ids);
  }

  /** After a lost connection: what changed meanwhile is asked, never replayed. */
  private async catchUp(): Promise<void> {
    const drawn = this.refresh();
    const answer = await send(`/live/since?v=${this.seen}`).then((r) => r.json() as Promise<{ v: number; changed: boolean }>).catch(() => null);
    if (answer) this.seen = Math.max(this.seen, answer.v);
    for (const kind of ["callbacks", "notices", "recoveries", "ledger", "status", "agents"]) changed(kind); // in nobody's version
    if (answer?.changed) changed("call");
    saveAll();
    void badges();
    await drawn;
  }

  /** Ask for the bar; requests never overlap, and one that came too early is asked again. */
  refresh(): Promise<void> {
    this.again = true;
    this.fetching ??= this.fetchUntilQuiet().finally(() => { this.fetching = null; });
    return this.fetching;
  }

  private async fetchUntilQuiet(): Promise<void> {
    clearTimeout(this.retry);
    while (this.again) {
      this.again = false;
      try {
        await this.draw(await this.ask());
        this.failed = 0;
        if (connect()?.connected) confirm();
      } catch (error) {
        if (!(error instanceof Failure) || error.status !== 0) console.warn("call bar", error);
        if (error instanceof Failure && (error.status === 0 || error.status >= 500)) this.askAgain();
      }
    }
  }

  private async ask(): Promise<string> {
    const asking = this.asking = new AbortController(), patience = window.setTimeout(() => asking.abort(), PATIENCE);
    try {
      const answer = await send("/desk/callbar", undefined, { accept: "text/html", signal: asking.signal });
      return await answer.text().catch(() => { throw new Failure(0, say("network")); });
    } finally {
      clearTimeout(patience);
      this.asking = null;
    }
  }

  /** The bar may be wrong until it is drawn. When the socket is back, it is asked for anyway. */
  private askAgain(): void {
    doubt();
    const wait = Math.min(AGAIN * 2 ** this.failed++, LATEST);
    clearTimeout(this.retry);
    if (connect()?.connected) this.retry = window.setTimeout(() => void this.refresh(), wait);
  }

  private async draw(text: string): Promise<void> {
    const focused = this.contains(document.activeElement) ? document.activeElement : null;
    await htmx.swap({ text, target: this, swap: "innerMorph" });
    this.drawn();
    if (focused && !this.contains(document.activeElement)) this.current()?.querySelector<HTMLElement>(".cb-head")?.focus({ preventScroll: true });
  }

  /** The markup is new: give it back what only this page knows. */
  private drawn(): void {
    const bar = this.querySelector<HTMLElement>(".cb");
    this.seen = Math.max(this.seen, Number(bar?.dataset.v ?? 0));
    tellServerTime(bar?.dataset.now);
    const here = new Set<string>();
    for (const card of this.querySelectorAll<HTMLElement>(".cb-card")) {
      const uid = card.dataset.uid!;
      here.add(uid);
      this.versions.set(uid, Math.max(Number(card.dataset.version), this.versions.get(uid) ?? -1));
      card.hidden = this.closed.get(uid) === card.dataset.state;
      const written = card.contains(document.activeElement) && document.activeElement?.matches("textarea, input");
      this.fold(card, !written && (this.folded.get(uid) ?? card.hasAttribute("data-folded")));
      const note = card.querySelector<HTMLTextAreaElement>("textarea[data-note]");
      if (note) restoreNote(note);
      restoreAnswers(card);
      this.tell(card);
      this.leave(card);
    }
    for (const uid of [...this.states.keys(), ...this.closed.keys()]) if (!here.has(uid)) this.forget(uid);
    scriptPanel()?.follow(here);
    this.showDial();
    this.showSound();
    if (bar?.hasAttribute("data-in-browser")) this.usePhone();
    this.showPhone();
    this.ring();
    this.painted();
  }

  private ring(): void {
    const cards = this.cards(), ringing = cards.find(wantsAnswer);
    const talks = cards.some((card) => ["answered", "held", "asked"].includes(card.dataset.state!));
    const placed = cards.find((card) => card.dataset.state === "requested" && card.dataset.direction !== "inbound" && !card.dataset.first); // until a customer who is called first picks up, there is nothing to pick up here
    if (ringing) this.ringer.start(ringing.dataset.uid!, ringing.dataset.who!, incoming(ringing), talks ? "waiting" : "call");
    else if (placed && !this.phone) this.ringer.start(placed.dataset.uid!, placed.dataset.who!, "", "placed"); // a page that is the phone picks up by itself
    else this.ringer.stop();
  }

  /** Say aloud what is new; a card that comes up unfolds. */
  private tell(card: HTMLElement): void {
    const uid = card.dataset.uid!, state = card.dataset.state!, news = state + (card.dataset.by ?? "");
    if (this.states.get(uid) === news) return; // who answered may become known a moment after that somebody did
    this.states.set(uid, news);
    if (wantsAnswer(card)) {
      announce(incoming(card), "assertive");
      this.folded.delete(uid);
    } else if (state === "answered" && card.dataset.script === "opens") scriptPanel()?.openOnce(uid);
    else if (state === "answered_elsewhere") announce(say("answered_by", { who: card.dataset.by ?? "" }));
    else if (state === "unanswered") announce(say("unanswered", { who: card.dataset.who ?? "" }));
  }

  /** When a card's time is over, the server is asked what remains. */
  private leave(card: HTMLElement): void {
    const uid = card.dataset.uid!, seconds = card.dataset.expires;
    clearTimeout(this.leaving.get(uid));
    this.warn(card);
    if (seconds !== undefined) this.leaving.set(uid, window.setTimeout(() => void this.refresh(), Number(seconds) * 1000 + 200));
  }

  /** Who hears the page has half a minute to ask for more time. */
  private warn(card: HTMLElement): void {
    const uid = card.dataset.uid!, left = Number(card.dataset.expires);
    clearTimeout(this.warning.get(uid));
    if (card.dataset.state !== "wrap_up" || !card.querySelector('[data-alt="KeyE"]')) return;
    if (left > WARNED) this.warning.set(uid, window.setTimeout(() => announce(say("wrap_up_ends", { seconds: String(WARNED) }), "assertive"), (left - WARNED) * 1000));
  }

  private forget(uid: string): void {
    noteOf(uid).orphaned();
    clearTimeout(this.leaving.get(uid));
    clearTimeout(this.warning.get(uid));
    for (const known of [this.states, this.closed, this.leaving, this.warning]) known.delete(uid);
  }

  private closeCard(uid: string, state: string): void {
    this.closed.set(uid, state);
    void this.refresh();
  }

  private painted(): void {
    for (const [uid, { version, at }] of this.due) {
      const card = this.querySelector<HTMLElement>(`[data-uid="${CSS.escape(uid)}"]`);
      if (!card || Number(card.dataset.version) < version) continue;
      this.due.delete(uid);
      if (document.hidden) void send("/live/painted", undefined, { json: { uid, version, ms: 0, how: "hidden" }, keepalive: true }).catch(() => undefined);
      else reportPaint(uid, version, at);
    }
  }

  private toggle(card: HTMLElement): void {
    this.folded.set(card.dataset.uid!, !card.hasAttribute("data-folded"));
    this.fold(card, !card.hasAttribute("data-folded"));
  }

  private fold(card: HTMLElement, folded: boolean): void {
    card.toggleAttribute("data-folded", folded);
    card.querySelector(".fold")?.setAttribute("aria-expanded", String(!folded));
  }

  private usePhone(): void {
    if (this.phone) return;
    this.phone = new Phone();
    this.phone.addEventListener("change", () => this.showPhone());
    this.phone.addEventListener("quality", () => this.showQuality());
    this.phone.begin();
  }

  /** What the page's own phone knows better than the server. */
  private showPhone(): void {
    for (const part of ["pad", "transfer"] as const) {
      const element = this.querySelector<HTMLElement>(`.cb-${part}`);
      if (element) element.hidden = this.open !== part;
      else if (this.open === part) this.open = "";
      this.querySelector(`[data-act="${part}"]`)?.setAttribute("aria-expanded", String(this.open === part));
    }
    if (this.open === "transfer") void this.listColleagues();
    if (!this.phone) return;
    const word = this.querySelector<HTMLElement>("[data-phone-word]");
    if (word) { word.textContent = phoneWord(this.phone.word); word.dataset.phoneWord = this.phone.word; }
    for (const form of this.querySelectorAll<HTMLFormElement>('form[data-do="mute"]')) showPressed(form, this.phone.muted);
    this.showQuality();
  }

  /** Said aloud only when it turns poor: that is when something is to be done. */
  private showQuality(): void {
    const quality = this.phone?.quality;
    for (const place of this.querySelectorAll<HTMLElement>("[data-quality]")) {
      place.hidden = !quality;
      if (!quality) continue;
      place.dataset.quality = quality.grade;
      place.querySelector("span")!.textContent = gradeWord(quality.grade);
      place.title = figures(quality);
    }
    if (quality?.grade === "poor" && this.grade && this.grade !== "poor") announce(gradeWord("poor"));
    this.grade = quality?.grade ?? "";
  }

  private showDial(): void {
    const form = this.querySelector<HTMLElement>("#cb-dial");
    if (form) form.hidden = !this.dialing;
    this.querySelector('[data-act="dial"]')?.setAttribute("aria-expanded", String(this.dialing));
  }

  showSound(): void {
    for (const button of document.querySelectorAll<HTMLElement>('[data-act="sound"]')) {
      button.setAttribute("aria-pressed", String(!isMuted()));
      const use = button.querySelector("use");
      use?.setAttribute("href", use.getAttribute("href")!.replace(/#.*/, isMuted() ? "#volume-off" : "#volume"));
    }
    const panel = this.querySelector<HTMLElement>("#cb-sound"), opener = this.querySelector<HTMLElement>('[data-act="volume"]');
    if (panel) panel.hidden = !this.loudness;
    opener?.setAttribute("aria-expanded", String(this.loudness));
    const use = opener?.querySelector("use");
    use?.setAttribute("href", use.getAttribute("href")!.replace(/#.*/, isMuted() || !volume() ? "#volume-off" : "#volume"));
    showVolume();
  }

  private showLoudness(shown: boolean): void {
    this.loudness = shown;
    this.showSound();
    this.querySelector<HTMLElement>(shown ? "#cb-volume" : '[data-act="volume"]')?.focus();
  }

  /** What a call will sound like; the check page has the other tones. */
  private async playTone(): Promise<void> {
    const audio = new AudioContext();
    await route(audio, chosen().ring);
    await tryOut(audio, "call");
  }

  toggleSound(): void {
    this.ringer.mute(!isMuted());
    this.showSound();
  }

  private clicked(event: Event): void {
    const button = (event.target as Element).closest<HTMLElement>("[data-act]");
    const card = (button ?? (event.target as Element).closest(".cb-head"))?.closest<HTMLElement>(".cb-card");
    if (!button && card?.querySelector(".fold")) this.toggle(card); // a head is a handle: by it the card is lowered and lifted
    switch (button?.dataset.act) {
      case "fold-card": this.toggle(card!); break;
      case "dismiss-card": this.closeCard(card!.dataset.uid!, card!.dataset.state!); break;
      case "script": scriptPanel()?.toggle(card!.dataset.uid!); break;
      case "focus-note": this.focusNote(); break;
      case "pad":
      case "transfer":
        this.unfold(button.dataset.act);
        break;
      case "volume": this.showLoudness(!this.loudness); break;
      case "play-tone": void this.playTone(); break;
      case "dial":
        this.dialing = !this.dialing;
        this.showDial();
        if (this.dialing) this.querySelector<HTMLElement>("#cb-number")?.focus();
    }
  }

  private unfold(part: "pad" | "transfer"): void {
    this.open = this.open === part ? "" : part;
    this.chosen = "";
    this.showPhone();
    if (this.open) this.querySelector<HTMLElement>(`.cb-${part} :is(input, button)`)?.focus();
  }

  /** The server draws the bar without it; it is asked for when somebody looks. */
  private async listColleagues(): Promise<void> {
    const list = this.querySelector<HTMLElement>("[data-colleagues]");
    const uid = list?.closest<HTMLElement>(".cb-card")?.dataset.uid;
    if (!list || !uid || list.childElementCount) return;
    const text = await send(`/desk/colleagues?call=${uid}`, undefined, { accept: "text/html" }).then((r) => r.text()).catch((error: Error) => error.message);
    if (!list.isConnected) return;
    list.innerHTML = text;
    const typed = this.querySelector<HTMLInputElement>(".cb-transfer input[name=to]");
    if (typed?.value) this.filter(typed);
    const chosen = this.chosen && list.querySelector<HTMLInputElement>(`input[value="${CSS.escape(this.chosen)}"]`);
    if (chosen) chosen.checked = true;
  }

  /** The list shrinks to the names that are typed; what is no name may be a number. */
  private filter(typed: HTMLInputElement): void {
    const wanted = typed.value.trim().toLowerCase();
    for (const choice of this.querySelectorAll<HTMLElement>("[data-colleagues] [data-name]")) {
      choice.hidden = !choice.dataset.name!.includes(wanted);
      const radio = choice.querySelector<HTMLInputElement>("input")!;
      if (choice.hidden) radio.checked = false;
    }
    const left = [...this.querySelectorAll<HTMLElement>("[data-colleagues] [data-name]:not([hidden])")];
    if (wanted && left.length === 1) left[0]!.querySelector<HTMLInputElement>("input")!.checked = true;
  }

  /** Digits typed on the keypad are pressed on it. */
  private typed(event: KeyboardEvent): void {
    if (event.key === "Escape" && (event.target as Element).closest("#cb-sound")) this.showLoudness(false);
    const pad = (event.target as Element).closest(".cb-pad");
    if (!pad || event.altKey || event.ctrlKey || event.metaKey) return;
    const key = pad.querySelector<HTMLButtonElement>(`button[value="${CSS.escape(event.key)}"]`);
    if (key) key.click();
    else if (event.key === "Escape") this.querySelector<HTMLElement>('[data-act="pad"]')?.click();
    else return;
    event.preventDefault();
  }

  focusNote(): void {
    const field = this.current()?.querySelector<HTMLTextAreaElement>("textarea[data-note]");
    if (!field?.offsetParent) return;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }

  /** Every form of the bar goes by fetch: the answer is a fresh bar, or the reason why not. */
  private async submitted(event: SubmitEvent): Promise<void> {
    const form = event.target as HTMLFormElement;
    event.preventDefault();
    event.stopPropagation();
    if (form.matches("[data-dial]")) {
      const field = form.elements.namedItem("number") as HTMLInputElement;
      if (await call(field.value)) { field.value = ""; this.dialing = false; this.showDial(); }
      return;
    }
    if (form.getAttribute("aria-busy") === "true") return;
    form.setAttribute("aria-busy", "true");
    let wrappedUp = false;
    try {
      const values = new FormData(form, event.submitter);
      const value = values.get("on") ?? values.get("digits") ?? "";
      if (form.dataset.do && await this.phone?.do(form.dataset.do, String(value))) return;
      if (form.matches("[data-save]")) {
        await noteOf(form.dataset.wrapUp!).save();
        wrappedUp = await saveWrapUp(form);
      } else await this.post(form, values);
    } catch (error) {
      toast((error as Error).message, "bad");
    } finally {
      form.removeAttribute("aria-busy");
      await this.refresh();
    }
    if (wrappedUp) this.walkOn();
  }

  private async post(form: HTMLFormElement, values: FormData): Promise<void> {
    if (form.matches("[data-transfer]")) await this.phone?.do("hold", "no"); // who is held by the phone itself cannot be moved
    const answer = await send(form.action, values);
    if (form.matches("[data-fetches]")) toast(say("fetching"));
    if (form.matches("[data-parks]")) toast(say("parked", (await answer.json()) as { space: string }), "good");
    if (!form.matches("[data-transfer]")) return;
    this.open = "";
    if (values.get("how") === "now") toast(say("transferred"), "good");
  }

  /** To the next wrap-up, if another one waits. */
  private walkOn(): void {
    const next = this.cards().find((card) => card.dataset.state === "wrap_up");
    if (!next || this.cards().some((card) => card.dataset.state === "ringing")) return;
    this.folded.delete(next.dataset.uid!);
    this.fold(next, false);
    next.querySelector<HTMLElement>(".cb-head")?.focus({ preventScroll: true });
  }

  /** In the system's notification. It may be old: only a call that rings is answered or declined. */
  private async press(uid: string, act: "answer" | "decline"): Promise<void> {
    await this.refresh();
    const card = document.getElementById(`card-${uid}`), rings = card && wantsAnswer(card);
    const form = document.getElementById(`${act === "answer" ? "answer" : "hangup"}-${uid}`) as HTMLFormElement | null;
    if (rings && form) form.requestSubmit();
    else toast(say("rings_no_more"));
  }

  answer(uid: string): void {
    (document.getElementById(`answer-${uid}`) as HTMLFormElement | null)?.requestSubmit();
  }
}
customElements.define("ringback-callbar", Callbar);

function phoneWord(word: Word): string {
  switch (word) {
    case "registered": return say("phone_registered");
    case "elsewhere": return say("phone_elsewhere");
    case "insecure": return say("phone_insecure");
    case "refused": return say("phone_refused");
    default: return say("phone_connecting");
  }
}

function showPressed(form: HTMLFormElement, pressed: boolean): void {
  form.querySelector("button")?.setAttribute("aria-pressed", String(pressed));
  const wanted = form.elements.namedItem("on");
  if (wanted instanceof HTMLInputElement) wanted.value = pressed ? "no" : "yes";
}

/** Somebody is on the line: a customer who calls, or one who was called first and has picked up. */
function wantsAnswer({ dataset }: HTMLElement): boolean {
  return dataset.state === "ringing" && (dataset.direction === "inbound" || dataset.first === "customer");
}

function incoming(card: HTMLElement): string {
  const { who = "", queue = "", first } = card.dataset;
  if (first) return say("picked_up", { who });
  return queue ? say("incoming_queue", { who, queue }) : say("incoming", { who });
}

/** After the next frame is on the screen: how long from the socket's word to the painted card. */
function reportPaint(uid: string, version: number, at: number): void {
  requestAnimationFrame(() => setTimeout(() => {
    const ms = Math.round((performance.now() - at) * 10) / 10;
    performance.measure("ringback-pop", { start: at, detail: { uid, version, ms } });
    void send("/live/painted", undefined, { json: { uid, version, ms }, keepalive: true }).catch(() => undefined);
  }));
}

async function badges(): Promise<void> {
  const counts = await send("/desk/badges").then((r) => r.json() as Promise<Record<string, number>>).catch(() => ({}));
  for (const [key, count] of Object.entries(counts)) {
    for (const badge of document.querySelectorAll<HTMLElement>(`[data-badge="${CSS.escape(key)}"]`)) {
      badge.hidden = !count;
      badge.querySelector(".n")!.textContent = String(count);
    }
  }
}

/** Random, version 4; crypto.randomUUID is missing on plain http. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Click-to-call. A second click while the first is on its way is the same call. */
const keys = new Map<string, string>();
export async function call(number: string, party?: string, callback?: string, shown?: string): Promise<boolean> {
  const name = `${number} ${callback ?? ""}`;
  if (!keys.has(name)) keys.set(name, uuid());
  try {
    const answer = await send(callback ? `/callbacks/${callback}/call` : "/calls", { number, party, shown_number: shown, key: keys.get(name)! });
    const { rings_first } = (await answer.json()) as { rings_first: string };
    toast(say(rings_first === "customer" ? "calling_them_first" : "calling", { number }));
    return true;
  } catch (error) {
    toast((error as Error).message || say("call_failed"), "bad");
    return false;
  } finally {
    keys.delete(name);
    void document.querySelector<Callbar>("ringback-callbar")?.refresh();
  }
}

document.addEventListener("click", (event) => {
  const target = event.target as Element;
  const button = target.closest<HTMLButtonElement>("button[data-number]");
  if (button?.dataset.number && !button.matches('[aria-disabled="true"]')) {
    button.disabled = true;
    void call(button.dataset.number!, button.dataset.party, button.dataset.callback, button.dataset.shown || undefined).finally(() => { button.disabled = false; });
  }
  const answer = target.closest<HTMLElement>('[data-act="answer"]');
  if (answer) document.querySelector<Callbar>("ringback-callbar")?.answer(answer.dataset.uid!);
});
