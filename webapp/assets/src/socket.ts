// One socket for the page. It says *that* something changed; what it is, is asked over HTTP.
import { io, type Socket } from "socket.io-client";
import { userId } from "./api";

export interface CallMessage { uid: string; version: number; state: string; v?: number }
export interface DeskMessage { kind: string; ids?: string[]; v?: number }

let socket: Socket | null = null;
export function connect(): Socket | null {
  if (!userId()) return null;
  socket ??= io({ path: "/socket.io", transports: ["websocket"], reconnectionDelay: 500, reconnectionDelayMax: 5000 });
  return socket;
}
