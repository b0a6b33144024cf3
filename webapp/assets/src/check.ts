// <ringback-check>: before the shift, whether all works that a call needs. The server draws the steps that concern this agent.
import { html, render } from "lit";
import { send } from "./api";
import type { Callbar } from "./callbar";
import { icon } from "./icons";
import type { Phone } from "./phone";
import { figures, gradeWord } from "./quality";
import { isMuted } from "./ringer";
import { canRoute, choose, chosen, devices, microphone, route, type Choice } from "./sound";
import { connect } from "./socket";
import { announce, toast } from "./toasts";
import { showVolume, TRIAL, tryOut, volume, type Tone } from "./tones";
import { say } from "./words";

type Name = "socket" | "phone" | "microphone" | "speaker" | "ring" | "notifications" | "call";
type State = "open" | "busy" | "good" | "warn" | "bad";
const TONES: Record<State, [tone: string, icon: string]> = {
  open: ["", "circle-dashed"], busy: ["info", "loader-2"], good: ["good", "circle-check"], warn: ["warn", "alert-triangle"], bad: ["bad", "circle-x"],
};
const KINDS: Record<keyof Choice, MediaDeviceKind> = { microphone: "audioinput", speaker: "audiooutput", ring: "audiooutput" };
const LOOK = 5000, LEVEL = 80; // ms
const QUIET = -60, VOICE = -40; // dB under full scale: where the meter begins, and what is more than a silent room
const SILENT = 8000; // ms without a voice
const RINGS = 10_000; // ms until a phone that is there rings
const SETTLES = 1000; // ms in which what is found at first is not said aloud, step by step
const ECHO = 40; // packets of 20 ms that came back

class Check extends HTMLElement {
  private states = new Map<Name, State>();
  private stream: MediaStream | null = null;
  private audio: AudioContext | null = null;
  private level = 0;
  private looking = 0;
  private calling = 0; // when the test call was asked for
  private following = 0;
  private rang = false;
  private echoed = false;
  private readonly began = performance.now();
  private phone: Phone | null = null;
  private readonly leaving = new AbortController();

  connectedCallback(): void {
    this.querySelector("[data-summary]")!.replaceChildren();
    for (const step of this.querySelectorAll<HTMLElement>("[data-step]")) this.set(step.dataset.step as Name, "open");
    this.addEventListener("click", (event) => this.clicked((event.target as Element).closest<HTMLElement>("[data-do]")?.dataset.do));
    this.addEventListener("change", (event) => { if (event.target instanceof HTMLSelectElement) this.chose(event.target); });
    const until = { signal: this.leaving.signal };
    devices.addEventListener("change", () => void this.listDevices(), until);
    addEventListener("focus", () => void this.look(), until);
    document.addEventListener("ringback:volume", () => this.showRing(), until);
    this.phone = document.querySelector<Callbar>("ringback-callbar")?.phone ?? null;
    this.phone?.addEventListener("change", () => { this.showPhone(); void this.follow(); }, until);
    this.phone?.addEventListener("quality", () => void this.follow(), until);
    const socket = connect();
    const showSocket = (): void => this.showSocket(socket?.connected ?? false);
    socket?.on("connect", showSocket).on("disconnect", showSocket).on("connect_error", showSocket);
    this.leaving.signal.addEventListener("abort", () => socket?.off("connect", showSocket).off("disconnect", showSocket).off("connect_error", showSocket));
    this.set("socket", "busy", say("check_connecting"));
    if (socket?.connected) showSocket();
    void this.watchPermissions();
    void this.listDevices();
    void this.look();
    this.showRing();
    showVolume();
    this.looking = window.setInterval(() => void this.look(), LOOK);
  }

  disconnectedCallback(): void {
    if (this.calling) void this.phone?.do("hangup");
    this.leaving.abort();
    clearInterval(this.looking);
    clearInterval(this.following);
    this.closeMicrophone();
  }

  private step(name: Name): HTMLElement | null { return this.querySelector<HTMLElement>(`[data-step="${name}"]`); }

  /** How it stands, and what to do about it. */
  private set(name: Name, state: State, said = ""): void {
    const step = this.step(name);
    if (!step) return;
    const text = step.querySelector<HTMLElement>("[data-said]")!;
    const news = this.states.get(name) !== state || text.textContent !== said;
    this.states.set(name, state);
    if (!news) return;
    step.dataset.state = state;
    const [tone, glyph] = TONES[state], badge = step.querySelector<HTMLElement>("[data-badge-slot]")!;
    render(html`<span class="badge ${tone}">${icon(glyph)}<span>${stateWord(state)}</span></span>`, badge);
    text.textContent = said;
    text.hidden = !said;
    if (state !== "open" && state !== "busy" && performance.now() - this.began > SETTLES) announce(`${step.querySelector("h2")!.textContent}: ${stateWord(state)}. ${said}`);
    this.sumUp();
  }

  private sumUp(): void {
    const states = [...this.states.values()], left = states.filter((state) => state !== "good").length, broken = states.filter((state) => state === "bad").length;
    const [tone, glyph, text] = !left ? ["good", "circle-check", say("check_all")] as const
      : broken ? ["bad", "alert-triangle", say("check_broken", { count: String(broken), all: String(states.length) })] as const
      : ["", "info-circle", say("check_left", { count: String(states.length - left), all: String(states.length) })] as const;
    const place = this.querySelector<HTMLElement>("[data-summary]")!;
    place.className = `notice ${tone}`;
    render(html`${icon(glyph, "s16")}<span>${text}</span>`, place);
  }

  private clicked(what?: string): void {
    switch (what) {
      case "microphone": void this.listen(); break;
      case "names": void this.nameDevices(); break;
      case "tone": void this.play("speaker"); break;
      case "ring": void this.play("ring", "call"); break;
      case "ring-waiting": void this.play("ring", "waiting"); break;
      case "ring-placed": void this.play("ring", "placed"); break;
      case "ring-due": void this.play("ring", "due"); break;
      case "speaker-heard": case "ring-heard": this.heard(what.split("-")[0] as "speaker" | "ring", true); break;
      case "speaker-silent": case "ring-silent": this.heard(what.split("-")[0] as "speaker" | "ring", false); break;
      case "ring-on": document.querySelector<Callbar>("ringback-callbar")?.toggleSound(); this.showRing(); break;
      case "take": void document.querySelector<Callbar>("ringback-callbar")?.takePhone(); break;
      case "call": void this.call(); break;
      case "hangup": void this.phone?.do("hangup"); break;
    }
  }

  private chose(select: HTMLSelectElement): void {
    const part = select.dataset.device as keyof Choice;
    choose(part, select.value);
    if (part === "microphone") {
      if (this.stream) void this.listen();
      return;
    }
    this.ask(part, false);
    this.set(part, "open");
    this.showRing();
  }

  /** Names are told only to a page that may use the microphone. */
  private async listDevices(): Promise<void> {
    const known = await navigator.mediaDevices?.enumerateDevices().catch(() => []) ?? [];
    const choice = chosen();
    for (const select of this.querySelectorAll<HTMLSelectElement>("select[data-device]")) {
      const part = select.dataset.device as keyof Choice, wanted = choice[part] ?? "";
      const found = known.filter(({ kind, deviceId, label }) => kind === KINDS[part] && label && !["", "default", "communications"].includes(deviceId));
      select.replaceChildren(new Option(say("check_default"), ""), ...found.map(({ deviceId, label }) => new Option(label, deviceId)));
      if (wanted && !found.some(({ deviceId }) => deviceId === wanted)) select.append(new Option(say("check_unplugged"), wanted));
      select.value = wanted;
      select.closest<HTMLElement>(".field")!.hidden = part !== "microphone" && (!canRoute || select.length < 2);
    }
    const unnamed = canRoute && known.length > 0 && !known.some(({ label }) => label);
    for (const hint of this.querySelectorAll<HTMLElement>("[data-unnamed]")) hint.hidden = !unnamed;
  }

  private async nameDevices(): Promise<void> {
    try {
      for (const track of (await microphone()).getTracks()) track.stop();
    } catch (error) {
      toast(refusal((error as Error).name), "bad");
    }
    await this.listDevices();
  }

  private async watchPermissions(): Promise<void> {
    this.showNotifications();
    const asked = async (name: string): Promise<PermissionStatus | undefined> => navigator.permissions?.query({ name: name as PermissionName }).catch(() => undefined);
    (await asked("notifications"))?.addEventListener("change", () => this.showNotifications(), { signal: this.leaving.signal });
    if (!this.step("microphone")) return;
    if (!navigator.mediaDevices) { this.set("microphone", "bad", say("check_insecure")); return; }
    const mine = await asked("microphone");
    mine?.addEventListener("change", () => { if (mine.state === "denied") { this.closeMicrophone(); this.set("microphone", "bad", say("check_microphone_blocked")); } }, { signal: this.leaving.signal });
    if (mine?.state === "granted") void this.listen();
    else if (mine?.state === "denied") this.set("microphone", "bad", say("check_microphone_blocked"));
    else this.set("microphone", "open", say("check_microphone_asks"));
  }

  private async listen(): Promise<void> {
    this.closeMicrophone();
    this.set("microphone", "busy", say("check_speak"));
    try {
      const stream = await microphone(chosen().microphone);
      if (this.leaving.signal.aborted) { for (const track of stream.getTracks()) track.stop(); return; }
      this.stream = stream;
    } catch (error) {
      this.set("microphone", "bad", refusal((error as Error).name));
      return;
    }
    void this.listDevices();
    this.stream.getAudioTracks()[0]!.onended = () => { this.closeMicrophone(); this.set("microphone", "bad", say("check_no_microphone")); };
    this.audio = new AudioContext();
    const hears = this.audio.createAnalyser(), wave = new Float32Array(hears.fftSize), since = performance.now();
    this.audio.createMediaStreamSource(this.stream).connect(hears);
    const meter = this.querySelector<HTMLElement>("[role=meter]")!;
    this.level = window.setInterval(() => {
      void this.audio?.resume();
      hears.getFloatTimeDomainData(wave);
      const decibels = 20 * Math.log10(Math.sqrt(wave.reduce((sum, value) => sum + value * value, 0) / wave.length) || 1e-6);
      const share = Math.round(Math.min(1, Math.max(0, 1 - decibels / QUIET)) * 100);
      meter.style.setProperty("--level", `${share}%`);
      meter.setAttribute("aria-valuenow", String(share));
      if (decibels > VOICE) this.set("microphone", "good", say("check_hears"));
      else if (this.states.get("microphone") === "busy" && performance.now() - since > SILENT) this.set("microphone", "warn", say("check_silent"));
    }, LEVEL);
  }

  private closeMicrophone(): void {
    clearInterval(this.level);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    void this.audio?.close();
    this.stream = this.audio = null;
  }

  private async play(part: "speaker" | "ring", tone: Tone = "call"): Promise<void> {
    if (part === "ring" && !volume()) { this.showRing(); return; }
    const audio = new AudioContext();
    await route(audio, chosen()[part]);
    await tryOut(audio, tone, part === "speaker" ? TRIAL : undefined);
    this.set(part, "busy", say("check_listen"));
    this.ask(part, true);
  }

  private ask(part: "speaker" | "ring", asks: boolean): void {
    const question = this.step(part)?.querySelector<HTMLElement>("[data-question]");
    if (question) question.hidden = !asks;
  }

  private heard(part: "speaker" | "ring", heard: boolean): void {
    this.ask(part, false);
    this.step(part)?.querySelector<HTMLElement>("[data-play]")?.focus(); // what was pressed is gone
    this.set(part, heard ? "good" : "bad", heard ? "" : say(canRoute ? "check_not_heard" : "check_not_heard_here"));
    if (heard && part === "ring") this.showRing();
  }

  private showRing(): void {
    const off = isMuted(), button = this.querySelector<HTMLElement>('[data-do="ring-on"]');
    if (button) button.hidden = !off;
    if (off) this.set("ring", "warn", say("check_ring_off"));
    else if (!volume()) this.set("ring", "warn", say("check_ring_silent"));
    else if (this.states.get("ring") === "warn") this.set("ring", "open");
  }

  private showNotifications(): void {
    const permission = "Notification" in window ? Notification.permission : "none";
    const button = this.step("notifications")?.querySelector<HTMLElement>("button");
    if (button) button.hidden = permission !== "default";
    if (permission === "granted") this.set("notifications", "good");
    else if (permission === "default") this.set("notifications", "warn", say("check_notifications_ask"));
    else this.set("notifications", permission === "denied" ? "bad" : "warn", say(permission === "denied" ? "notification_denied" : "check_notifications_none"));
  }

  private showSocket(up: boolean): void {
    this.set("socket", up ? "good" : "bad", up ? "" : say("check_disconnected"));
  }

  /** What changes without telling. */
  private async look(): Promise<void> {
    if (document.hidden) return;
    this.showRing();
    this.showNotifications();
    if (this.dataset.kind === "browser") this.showPhone();
    else if (this.dataset.kind === "desk") await this.askPhone();
  }

  private showPhone(): void {
    const take = this.step("phone")?.querySelector<HTMLElement>('[data-do="take"]'), taken = this.phone?.word === "taken";
    if (take && take.hidden === taken) {
      const pressed = take === document.activeElement;
      take.hidden = !taken;
      if (pressed && !taken) this.querySelector<HTMLElement>('[data-do="call"]')?.focus();
    }
    switch (this.phone?.word) {
      case "registered": this.set("phone", "good"); break;
      case "taken": this.set("phone", "warn", say("check_phone_taken")); break;
      case "elsewhere": this.set("phone", "warn", say("check_phone_elsewhere")); break;
      case "refused": this.set("phone", "bad", say("check_phone_refused")); break;
      case "insecure": this.set("phone", "bad", say("check_insecure")); break;
      default: this.set("phone", "busy", say("check_phone_connecting"));
    }
  }

  private async askPhone(): Promise<string> {
    let state = "";
    try {
      ({ state } = (await (await send("/phone/state")).json()) as { state: string });
      if (this.leaving.signal.aborted) return state;
      if (state === "away") this.set("phone", "bad", say("check_phone_away"));
      else if (state === "unknown") this.set("phone", "warn", say("check_phone_unknown"));
      else this.set("phone", "good");
    } catch (error) {
      this.set("phone", "bad", (error as Error).message);
    }
    return state;
  }

  private async call(): Promise<void> {
    if (this.calling) return;
    if (this.phone?.word === "taken") { this.set("call", "bad", say("check_phone_taken")); return; }
    if (this.states.get("microphone") === "bad") { this.set("call", "bad", say("check_call_microphone")); return; }
    this.calling = performance.now();
    this.rang = this.echoed = false;
    this.showCall("busy", say("check_call_rings"));
    try {
      await send("/phone/test-call", {});
    } catch (error) {
      this.over("bad", (error as Error).message);
      return;
    }
    this.following = window.setInterval(() => void this.follow(), 1000);
  }

  private showCall(state: State, said: string): void {
    this.set("call", state, said);
    const [start, end] = ["call", "hangup"].map((what) => this.querySelector<HTMLElement>(`[data-do="${what}"]`));
    if (start) start.hidden = Boolean(this.calling);
    if (end) end.hidden = !(this.calling && this.phone);
  }

  private over(state: State, said: string): void {
    const focused = this.step("call")?.contains(document.activeElement);
    this.calling = 0;
    clearInterval(this.following);
    this.showCall(state, said);
    if (focused) this.querySelector<HTMLElement>('[data-do="call"]')?.focus();
  }

  /** The page's own phone counts what comes back; of another one the telephone system tells what it does. */
  private async follow(): Promise<void> {
    if (!this.calling) return;
    const waited = performance.now() - this.calling, own = this.phone?.own;
    const state = own ? (own.state === "talking" ? "in_call" : "free") : await this.askPhone();
    if (!this.calling || this.leaving.signal.aborted) return;
    if (state === "ringing") { this.rang = true; this.showCall("busy", say("check_call_pick_up")); return; }
    if (state === "in_call") { this.rang = true; await this.listenToEcho(); return; }
    if (this.echoed) this.over(this.states.get("call")!, say(own ? "check_call_done" : "check_call_ended"));
    else if (this.rang) this.over("bad", say(own ? "check_call_no_echo" : "check_call_not_picked_up"));
    else if (waited > RINGS) {
      void this.phone?.do("hangup");
      this.over("bad", say("check_call_nothing"));
    }
  }

  private async listenToEcho(): Promise<void> {
    const connection = this.phone?.own?.connection;
    if (!this.phone?.own) { this.echoed = true; this.showCall("good", say("check_call_desk")); return; }
    let came = 0;
    (await connection?.getStats())?.forEach((each: { type: string; packetsReceived?: number }) => { if (each.type === "inbound-rtp") came += each.packetsReceived ?? 0; });
    if (!this.calling) return;
    const quality = this.phone.quality;
    if (came < ECHO || !quality) { this.showCall("busy", say("check_call_speak")); return; }
    this.echoed = true;
    this.showCall(quality.grade === "good" ? "good" : "warn", `${say("check_call_echo")} ${gradeWord(quality.grade)}: ${figures(quality)}.`);
  }
}
customElements.define("ringback-check", Check);

function refusal(name: string): string {
  switch (name) {
    case "NotFoundError": return say("check_no_microphone");
    case "NotReadableError": return say("check_microphone_busy");
    default: return say("check_microphone_blocked");
  }
}

function stateWord(state: State): string {
  switch (state) {
    case "open": return say("check_open");
    case "busy": return say("check_busy");
    case "good": return say("check_good");
    case "warn": return say("check_warn");
    default: return say("check_bad");
  }
}
