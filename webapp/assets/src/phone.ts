// The page's own phone: one tab of a browser registers it, all of them show it and press its buttons. The switch's word
// about calls comes by the socket as for any phone; what is done here at once is only what this phone alone can do.
import { csrfToken, send } from "./api";
import { Gauge, type Quality } from "./quality";
import { chosen, devices } from "./sound";
import { hear, type Account, type Softphone } from "./softphone";
import { announce, toast } from "./toasts";
import { say } from "./words";

export type Word = "connecting" | "registered" | "elsewhere" | "insecure" | "refused";
interface Order { act: string; value: string }
interface Shared { word?: Word; muted?: boolean; order?: Order; quality?: Quality | null }

const RENEW = 0.8; // of the time for which a password is good
const MEASURED = 1000; // ms from one look at the line to the next
const AGAIN = 3000; // ms until a refused account is asked for again

export class Phone extends EventTarget {
  word: Word = "connecting";
  muted = false;
  own: Softphone | null = null; // in the tab that registers
  quality: Quality | null = null; // of the call, in every tab
  private readonly gauge = new Gauge();
  private measuring = 0;
  private renewal = 0;
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
    let anew = true;
    hear(phone, "registered", () => {
      this.show("registered");
      if (anew && phone.state === "none") void send("/phone/gone", {}).catch(() => undefined); // what an earlier page left behind
      anew = false;
    });
    addEventListener("pagehide", () => {
      if (phone.state !== "none") navigator.sendBeacon("/phone/gone", new URLSearchParams({ csrf_token: csrfToken() }));
    });
    hear(phone, "lost", () => this.show("connecting"));
    hear(phone, "refused", () => { this.show("refused"); window.setTimeout(() => void this.fetchAccount(), AGAIN); });
    void phone.useSound(chosen());
    devices.addEventListener("change", () => void phone.useSound(chosen()).catch(() => undefined)); // there may be no microphone left
    hear(phone, "ended", () => { this.muted = false; this.stopMeasuring(); this.show(); });
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
  private async fetchAccount(): Promise<void> {
    clearTimeout(this.renewal);
    const phone = this.own!;
    let again = AGAIN;
    try {
      const account = (await (await send("/phone/account", {})).json()) as Account;
      account.url = new URL(account.url, location.href.replace(/^http/, "ws")).href;
      this.word === "refused" || phone.state === "none" && this.word !== "registered" ? phone.start(account) : phone.renew(account);
      again = account.expires_in * RENEW * 1000;
    } catch (error) {
      if (this.word !== "registered") this.show("refused");
      console.warn("phone account", error);
    }
    this.renewal = window.setTimeout(() => void this.fetchAccount(), again);
  }

  /** True if this phone does it, in whichever tab it is. */
  async do(act: string, value = ""): Promise<boolean> {
    if (!["answer", "hangup", "mute", "hold", "digits"].includes(act)) return false;
    if (!this.own) {
      if (this.word !== "registered") return false;
      this.tabs.postMessage({ order: { act, value } });
      return true;
    }
    return this.obey({ act, value });
  }

  private async obey({ act, value }: Order): Promise<boolean> {
    const phone = this.own;
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

  private async told({ word, muted, order, quality }: Shared): Promise<void> {
    if (this.own) {
      if (order) await this.obey(order).catch((error: Error) => toast(error.message, "bad"));
      else this.show(); // somebody asks
      return;
    }
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
