// The face that every phone in the browser shows to the page, whoever carries its calls.

export interface Account { url: string; user: string; domain: string; password: string; expires_in: number }

export interface SoftphoneEvents {
  registered: void; // calls come
  lost: void; // not registered any more; it comes back by itself
  refused: void; // the account is not good (any more): a new one is needed
  ringing: { from: string; name: string; own: boolean }; // own: its owner has asked for this call
  talking: void;
  held: boolean;
  ended: void;
}

export interface Sound { microphone?: string; speaker?: string } // device ids; none: the browser's choice

/** One call at a time. */
export interface Softphone extends EventTarget {
  readonly state: "none" | "ringing" | "talking";
  readonly held: boolean;
  readonly muted: boolean;
  readonly connection: RTCPeerConnection | undefined;
  start(account: Account): void;
  renew(account: Account): void; // the same phone with a new password; a call on it goes on
  stop(): void;
  answer(): Promise<void>; // rejects if there is no microphone
  hangUp(): void; // or decline
  mute(muted: boolean): void;
  hold(held: boolean): Promise<void>;
  sendDigits(digits: string): void;
  useSound(sound: Sound): Promise<void>;
}

export function tell<K extends keyof SoftphoneEvents>(phone: Softphone, kind: K, detail?: SoftphoneEvents[K]): void {
  phone.dispatchEvent(new CustomEvent(kind, { detail }));
}

export function hear<K extends keyof SoftphoneEvents>(phone: Softphone, kind: K, listen: (detail: SoftphoneEvents[K]) => void): void {
  phone.addEventListener(kind, (event) => listen((event as CustomEvent<SoftphoneEvents[K]>).detail));
}
