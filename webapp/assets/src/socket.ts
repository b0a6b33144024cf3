// One socket for the page. It says *that* something changed; what it is, is asked over HTTP.
import { io, type Socket } from "socket.io-client";
import { userId } from "./api";
import { device } from "./device";
import { doubt } from "./truth";

export interface CallMessage { uid: string; version: number; state: string; v?: number }
export interface DeskMessage { kind: string; ids?: string[]; v?: number; version?: string }

const LOOK = 1000, SILENCE = 22_000, PATIENCE = 5000; // ms; the server speaks every 10 s, and gives a page 10 s to answer
let heard = 0;
let knocking = false;

let socket: Socket | null = null;
export function connect(): Socket | null {
  if (!userId()) return null;
  if (!socket) {
    socket = io({ path: "/socket.io", transports: ["websocket"], auth: (give) => give({ device: device() }), reconnectionDelay: 500, reconnectionDelayMax: 5000 });
    socket.io.on("open", () => { hear(); socket!.io.engine.on("packet", hear); });
    window.setInterval(look, LOOK);
    document.addEventListener("resume", look);
    document.addEventListener("visibilitychange", look);
    addEventListener("pageshow", look);
    addEventListener("online", comeBack);
  }
  return socket;
}

function hear(): void { heard = Date.now(); }

/** After a sleep the browser still thinks it is connected, for as long as its own clock stood still. */
function look(): void {
  if (!socket?.connected) void knock();
  else if (Date.now() - heard > SILENCE) {
    doubt();
    renew();
  }
}

/** Browsers delay sockets that failed often, by seconds; so it is asked over HTTP whether somebody is there again. */
async function knock(): Promise<void> {
  if (knocking || !socket?.active || !navigator.onLine || isOpening()) return;
  knocking = true;
  const headers = { "X-Requested-With": "fetch" };
  const answer = await fetch("/live/since", { headers, signal: AbortSignal.timeout(PATIENCE) }).catch(() => null);
  knocking = false;
  if (answer && answer.status < 500) comeBack();
}

/** Now, not when the next attempt is due. */
function comeBack(): void {
  if (socket?.connected) look();
  else if (socket?.active && !isOpening()) renew();
}

/** It will be connected, if nobody disturbs it; a server with much to do takes its time. */
function isOpening(): boolean {
  const state = socket?.io.engine?.readyState;
  return state === "opening" || (state === "open" && Date.now() - heard < SILENCE);
}
function renew(): void { socket!.disconnect().connect(); }
