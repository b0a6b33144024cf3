// Requests of the scripts. Every one carries the CSRF token and X-Requested-With, so that the server answers 401 instead of redirecting.
import { say } from "./words";

export class Failure extends Error {
  constructor(readonly status: number, message: string, readonly fields: Record<string, string> = {}) {
    super(message);
  }
}

type Values = Record<string, string | undefined> | FormData;
interface Options { method?: string; accept?: string; keepalive?: boolean; json?: unknown; signal?: AbortSignal }

const meta = (name: string): HTMLMetaElement | null => document.querySelector(`meta[name="${name}"]`);
export const csrfToken = (): string => meta("csrf-token")?.content ?? "";
export function setCsrfToken(token: string): void {
  meta("csrf-token")?.setAttribute("content", token);
  for (const field of document.querySelectorAll<HTMLInputElement>("input[name=csrf_token]")) field.value = token;
}
export const userId = (): string => meta("user")?.content ?? "";

// Set by login.ts: shows the log-in dialog and resolves once the same person is logged in again.
let logInAgain: () => Promise<void> = () => Promise.reject(new Failure(401, say("unexpected")));
export const onSessionEnded = (ask: () => Promise<void>): void => { logInAgain = ask; };
export const sessionEnded = (): Promise<void> => logInAgain();

export const endedSession = (status: number, url: string, redirected: boolean): boolean =>
  status === 401 || (redirected && new URL(url, location.href).pathname === "/login");

export async function send(url: string, values?: Values, options: Options = {}): Promise<Response> {
  const response = await once(url, values, options);
  if (endedSession(response.status, response.url, response.redirected)) await sessionEnded();
  else if (response.status === 400 && (await problem(response.clone()))?.code === "csrf") await renewToken();
  else return passed(response);
  return passed(await once(url, values, options));
}

/** Another tab has logged in anew: the session is good, the token of this page is not. */
async function renewToken(): Promise<void> {
  const page = await (await once("/desk", undefined, { accept: "text/html" })).text();
  const token = new DOMParser().parseFromString(page, "text/html").querySelector<HTMLMetaElement>('meta[name="csrf-token"]');
  if (token?.content) setCsrfToken(token.content);
}

async function once(url: string, values: Values | undefined, options: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: options.accept ?? "application/json", "X-Requested-With": "fetch" };
  const init: RequestInit = { method: options.method ?? (values || options.json ? "POST" : "GET"), headers, credentials: "same-origin" };
  if (init.method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (options.keepalive) init.keepalive = true;
  if (options.signal) init.signal = options.signal;
  if (options.json) {
    headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(options.json);
  } else if (values) {
    const entries = values instanceof FormData ? [...values] : Object.entries(values).filter(([, value]) => value !== undefined);
    const form = new URLSearchParams(entries as [string, string][]);
    form.delete("csrf_token"); // the header carries a fresher one
    init.body = form;
  }
  try {
    return await fetch(url, init);
  } catch {
    throw new Failure(0, say("network"));
  }
}

async function passed(response: Response): Promise<Response> {
  if (response.ok) return response;
  const told = await problem(response);
  throw new Failure(response.status, told?.message || say(response.status === 403 ? "forbidden" : "unexpected"), told?.fields);
}

interface Problem { code?: string; message?: string; fields?: Record<string, string> }
async function problem(response: Response): Promise<Problem | undefined> {
  if (!response.headers.get("Content-Type")?.includes("json")) return undefined;
  return ((await response.json().catch(() => null)) as { error?: Problem } | null)?.error;
}
