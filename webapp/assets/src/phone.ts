// The page's own phone: one tab of a browser registers it, all of them show it and press its buttons. The switch's word
// about calls comes by the socket as for any phone; what is done here at once is only what this phone alone can do.
import { csrfToken, Failure, send } from "./api";
import { device } from "./device";
import { Gauge, type Quality } from "./quality";
import { chosen, devices } from "./sound";
import { hear, type Account, type Softphone } from "./softphone";
import { announce, toast } from "./toasts";
import { say } from "./words";

export type Word = "connecting" | "registered" | "elsewhere" | "taken" | "insecure" | "refused";
interface Order { act: string; value: string }
interface Shared { word?: Word; muted?: boolean; order?: Order; quality?: Quality | null; trouble?: string }

const RENEW = 0.8; // of the time for which a password is good
const MEASURED = 1000; // ms from one look at the line to the next
const AGAIN = 3000; // ms until a refused account is asked for again
const FREE = 15_000; // ms until it is looked whether the device that has the phone is gone

export class Phone extends EventTarget {
  word: Word = "connecting";
  muted = false;
  own: Softphone | null = null; // in the tab that registers
  quality: Quality | null = null; // of the call, in every tab
  private readonly gauge = new Gauge();
  private measuring = 0;
  private renewal = 0;
  private turn = 0; // of asking: what an earlier question is answered counts no more
  private looksBehind = true; // for what an earlier page of this device left, once it is registered
  private yields = false; // another device has the phone, once the call on this one is over
  private readonly tabs = new BroadcastChannel("ringback-phone");

  begin(): void {
    if (!navigator.locks || !navigator.mediaDevices) { this.show("insecure"); return; }
    this.tabs.onmessage = (event: MessageEvent<Shared>) => void this.told(event.data);
    this.show("elsewhere");
    this.tabs.postMessage({});
    void navigator.locks.request("ringback-phone", async () => {
      await this.register();
      await new Promise(() => undefined); // as long as the page lives
    });
  }

  private async register(): Promise<void> {
    this.show("connecting");
    const { SipPhone } = await import("./jssip");
    const phone = (this.own = new SipPhone());
    hear(phone, "registered", () => {
      this.show("registered");
      if (this.looksBehind && phone.state === "none") void send("/phone/gone", {}).catch(() => undefined);
      this.looksBehind = false;
    });
    addEventListener("pagehide", () => {
      if (phone.state !== "none") navigator.sendBeacon("/phone/gone", new URLSearchParams({ csrf_token: csrfToken() }));
    });
    hear(phone, "lost", () => this.show("connecting"));
    hear(phone, "refused", () => { this.show("refused"); this.askIn(AGAIN); });
    void phone.useSound(chosen());
    devices.addEventListener("change", () => void phone.useSound(chosen()).catch(() => undefined)); // there may be no microphone left
    hear(phone, "ended", () => {
      this.muted = false;
      this.stopMeasuring();
      this.show();
      if (this.yields) void this.fetchAccount();
    });
    hear(phone, "talking", () => {
      this.measuring ||= window.setInterval(() => void this.measure(phone), MEASURED);
      this.show();
    });
    hear(phone, "held", () => this.show());
    addEventListener("beforeunload", (event) => { if (phone.state === "talking") event.preventDefault(); });
    await this.fetchAccount();
  }

  private async measure(phone: Softphone): Promise<void> {
    if (phone.held || !phone.connection) this.gauge.forget();
    const quality = phone.held || !phone.connection ? null : await this.gauge.read(phone.connection).catch(() => null);
    if (this.measuring) this.showQuality(quality);
  }

  private stopMeasuring(): void {
    clearInterval(this.measuring);
    this.measuring = 0;
    this.gauge.forget();
    this.showQuality(null);
  }

  private showQuality(quality: Quality | null): void {
    this.quality = quality;
    if (this.own) this.tabs.postMessage({ quality });
    this.dispatchEvent(new Event("quality"));
  }

  /** The password comes by a request of its own, lives in this page's memory, and is another one each time. */
  private async fetchAccount(take = false): Promise<void> {
    const phone = this.own!, turn = ++this.turn;
    clearTimeout(this.renewal);
    try {
      const elsewhere = !take && (await this.holder()) === "elsewhere";
      if (turn !== this.turn) return;
      if (elsewhere) { this.giveWay(); return; }
      const account = (await (await send("/phone/account", { device: device(), take: take ? "yes" : undefined })).json()) as Account & { taken: boolean };
      if (turn !== this.turn) return;
      if (account.taken) this.looksBehind = false; // what goes on there is the other device's
      this.yields = false;
      account.url = new URL(account.url, location.href.replace(/^http/, "ws")).href;
      phone.state === "none" && this.word !== "registered" ? phone.start(account) : phone.renew(account);
      this.askIn(account.expires_in * RENEW * 1000);
    } catch (error) {
      if (turn !== this.turn) return;
      if (take && error instanceof Failure && error.status === 409) { this.giveWay(); throw error; } // in a call over there
      if (this.word !== "registered") this.show("refused");
      this.askIn(AGAIN);
      if (take) throw error;
      console.warn("phone account", error);
    }
  }

  private askIn(ms: number): void {
    clearTimeout(this.renewal);
    this.renewal = window.setTimeout(() => void this.fetchAccount(), ms);
  }

  /** Which device is the phone: "here", "elsewhere" or "nobody". */
  private async holder(): Promise<string> {
    return ((await (await send(`/phone/holder?device=${device()}`)).json()) as { holder: string }).holder;
  }

  /** Another device is the phone: this one asks for nothing until that is gone, or its owner says so. */
  private giveWay(): void {
    clearTimeout(this.renewal);
    const phone = this.own!;
    this.yields = phone.state !== "none";
    if (this.yields) return; // until that call is over
    phone.stop();
    this.show("taken");
    this.askIn(FREE);
  }

  /** Something may have been changed on another device, or there was nobody who could tell. */
  async look(): Promise<void> {
    if (!this.own || this.yields || !["registered", "taken"].includes(this.word)) return; // else it is asking anyway
    const turn = this.turn, known = this.word === "taken" ? "elsewhere" : "here";
    const holder = await this.holder().catch(() => known);
    if (turn === this.turn && holder !== known) await this.fetchAccount();
  }

  /** True if this phone does it, in whichever tab it is. */
  async do(act: string, value = ""): Promise<boolean> {
    if (!["answer", "hangup", "mute", "hold", "digits", "take"].includes(act)) return false;
    if (act === "answer" && this.word === "taken") throw new Error(say("phone_taken_answer"));
    if (!this.own) {
      if (this.word !== (act === "take" ? "taken" : "registered")) return false;
      this.tabs.postMessage({ order: { act, value } });
      return true;
    }
    return this.obey({ act, value });
  }

  private async obey({ act, value }: Order): Promise<boolean> {
    const phone = this.own;
    if (act === "take") { await this.take(); return true; }
    if (!phone || phone.state === "none") return false;
    switch (act) {
      case "answer":
        await phone.answer().catch((error: Error) => { throw new Error(say(error.name === "NotFoundError" ? "no_microphone" : "microphone_blocked")); });
        break;
      case "hangup": phone.hangUp(); break;
      case "mute":
        phone.mute(value === "yes");
        this.muted = phone.muted;
        announce(say(this.muted ? "muted" : "unmuted"));
        this.show();
        break;
      case "hold": await phone.hold(value === "yes").catch(() => { throw new Error(say("unexpected")); }); break;
      case "digits": phone.sendDigits(value); break;
    }
    return true;
  }

  private async take(): Promise<void> {
    if (this.word !== "taken") return;
    this.show("connecting");
    await this.fetchAccount(true);
  }

  private async told({ word, muted, order, quality, trouble }: Shared): Promise<void> {
    if (this.own) {
      if (order) await this.obey(order).catch((error: Error) => {
        toast(error.message, "bad");
        this.tabs.postMessage({ trouble: error.message }); // which tab asked is the one that is looked at
      });
      else this.show(); // somebody asks
      return;
    }
    if (trouble && !document.hidden) toast(trouble, "bad");
    if (quality !== undefined) this.showQuality(quality);
    if (word) {
      this.word = word;
      this.muted = muted ?? false;
      this.dispatchEvent(new Event("change"));
    }
  }

  private show(word: Word = this.word): void {
    this.word = word;
    if (this.own) this.tabs.postMessage({ word, muted: this.muted });
    this.dispatchEvent(new Event("change"));
  }
}
