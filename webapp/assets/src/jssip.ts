// SIP over a websocket. Loaded only for who has a phone in the browser.
import JsSIP from "jssip";
import type { RTCSession } from "jssip/lib/RTCSession";
import { microphone, route } from "./sound";
import { tell, type Account, type Softphone, type Sound } from "./softphone";

const HIDDEN = "c=IN IP4 0.0.0.0"; // what browsers write that keep their addresses to themselves; to Asterisk it means hold. The media find their way by ICE
const SILENT = 3000; // ms without an answer: a PBX that just starts takes the socket before it answers, and the library would wait for 32 s
const GONE = 480, BUSY = 486, DECLINED = 603;
const pcConfig: RTCConfiguration = { iceServers: [] };

export class SipPhone extends EventTarget implements Softphone {
  private ua: JsSIP.UA | null = null;
  private session: RTCSession | null = null;
  private account: Account | null = null;
  private watch = 0;
  private sound: Sound = {};
  private readonly audio = new Audio();
  private mine: MediaStream | null = null; // what the microphone of this call gives

  get state(): "none" | "ringing" | "talking" {
    return !this.session ? "none" : this.accepted ? "talking" : "ringing";
  }
  private accepted = false;
  get held(): boolean { return this.session?.isOnHold().local ?? false; }
  get muted(): boolean { return this.session?.isMuted().audio ?? false; }
  get connection(): RTCPeerConnection | undefined { return this.session?.connection; }

  start(account: Account): void {
    this.account = account;
    this.boot();
  }

  renew(account: Account): void {
    this.account = account;
    this.ua?.set("password", account.password);
    if (!this.ua?.isRegistered() && !this.session) this.boot();
    else this.ua?.register(); // at once: the earlier password is good no more
  }

  stop(): void {
    clearTimeout(this.watch);
    const ua = this.ua;
    this.ua = null; // what it still says is not heard any more
    ua?.stop();
  }

  private boot(): void {
    this.stop();
    const { url, user, domain, password } = this.account!;
    const ua = (this.ua = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${domain}`, authorization_user: user, password,
      register_expires: 120, session_timers: false, connection_recovery_min_interval: 1, connection_recovery_max_interval: 10,
    }));
    const current = (): boolean => ua === this.ua;
    ua.on("connected", () => {
      clearTimeout(this.watch);
      this.watch = window.setTimeout(() => { if (current() && !ua.isRegistered() && !this.session) this.boot(); }, SILENT);
    });
    ua.on("registered", () => { if (current()) { clearTimeout(this.watch); tell(this, "registered"); } });
    ua.on("unregistered", () => { if (current()) tell(this, "lost"); });
    ua.on("disconnected", () => { if (current()) tell(this, "lost"); });
    ua.on("registrationFailed", (told: { response?: unknown }) => {
      if (told.response && current()) { clearTimeout(this.watch); tell(this, "refused"); }
    });
    ua.on("newRTCSession", (told: { originator: string; session: RTCSession; request: { getHeader(name: string): string | undefined } }) => {
      if (told.originator !== "remote") return;
      if (current()) this.rings(told.session, told.request);
      else told.session.terminate({ status_code: GONE });
    });
    ua.start();
  }

  private rings(session: RTCSession, request: { getHeader(name: string): string | undefined }): void {
    if (this.session) { session.terminate({ status_code: BUSY }); return; }
    this.session = session;
    this.accepted = false;
    const over = (): void => {
      if (this.session !== session) return;
      this.session = null;
      this.audio.srcObject = null;
      tell(this, "ended");
    };
    session.on("ended", over);
    session.on("failed", over);
    session.on("hold", (told: { originator: string }) => { if (told.originator === "local") tell(this, "held", true); });
    session.on("unhold", (told: { originator: string }) => { if (told.originator === "local") tell(this, "held", false); });
    session.on("sdp", (told: { originator: string; sdp: string }) => { if (told.originator === "local") told.sdp = told.sdp.replaceAll(HIDDEN, "c=IN IP4 127.0.0.1"); });
    session.on("confirmed", () => { this.play(); tell(this, "talking"); });
    const own = /answer-after=0/.test(request.getHeader("Call-Info") ?? "");
    tell(this, "ringing", { from: session.remote_identity.uri.user, name: session.remote_identity.display_name, own });
    if (own) void this.answer().catch(() => undefined);
  }

  async answer(): Promise<void> {
    const session = this.session;
    if (!session || this.accepted) return;
    this.accepted = true;
    let mediaStream: MediaStream;
    try {
      mediaStream = await microphone(this.sound.microphone);
    } catch (error) {
      this.accepted = false;
      throw error;
    }
    if (this.session !== session) { stopAll(mediaStream); return; } // they gave up meanwhile
    this.mine = mediaStream;
    session.on("ended", () => stopAll(mediaStream));
    session.on("failed", () => stopAll(mediaStream));
    session.answer({ mediaStream, pcConfig });
  }

  hangUp(): void {
    const session = this.session;
    if (session) session.isEstablished() ? session.terminate() : session.terminate({ status_code: DECLINED });
  }

  mute(muted: boolean): void {
    muted ? this.session?.mute({ audio: true }) : this.session?.unmute({ audio: true });
  }

  hold(held: boolean): Promise<void> {
    const session = this.session;
    if (!session || session.isOnHold().local === held) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const asked = held ? session.hold({}, resolve) : session.unhold({}, resolve);
      if (!asked) reject(new Error());
    });
  }

  sendDigits(digits: string): void {
    this.session?.sendDTMF(digits, { duration: 120, interToneGap: 80, transportType: JsSIP.C.DTMF_TRANSPORT.RFC2833 });
  }

  async useSound(sound: Sound): Promise<void> {
    const changed = sound.microphone !== this.sound.microphone;
    this.sound = sound;
    await route(this.audio, sound.speaker);
    const session = this.session, stream = this.mine;
    const sender = this.connection?.getSenders().find((each) => each.track?.kind === "audio");
    const old = sender?.track;
    if (!sender || !stream || !old || (!changed && old.readyState === "live")) return; // ended: a headset was pulled out
    const [track] = (await microphone(sound.microphone)).getAudioTracks();
    if (!track) return;
    if (this.session !== session) { track.stop(); return; }
    track.enabled = old.enabled;
    old.stop();
    stream.removeTrack(old);
    stream.addTrack(track); // what ends with the call
    await sender.replaceTrack(track);
  }

  private play(): void {
    const tracks = this.connection?.getReceivers().flatMap(({ track }) => (track ? [track] : [])) ?? [];
    this.audio.srcObject = new MediaStream(tracks);
    void this.audio.play().catch(() => undefined);
  }
}

function stopAll(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
