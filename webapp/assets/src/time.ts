// <ringback-time mode="…"><time datetime="…"></time></ringback-time>: times in the reader's own language and zone; ages tick.
import { language, say } from "./words";

const MINUTE = 60, HOUR = 3600, DAY = 86400, TICKS = 10 * MINUTE, SOON = 12 * HOUR;
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
const dateOnly = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", year: "numeric" });
const dayAndTime = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const dayOfWeek = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "medium" });
const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const units = new Map<string, Intl.NumberFormat>();

let fast = 0; // how far this computer's clock is before the server's, in ms
export function serverNow(): number { return Date.now() - fast; }
export function tellServerTime(iso: string | undefined): void {
  const server = iso ? Date.parse(iso) : NaN;
  if (!Number.isNaN(server)) fast = Date.now() - server;
}

function amount(seconds: number): [number, "second" | "minute" | "hour" | "day"] {
  const size = Math.abs(seconds);
  if (size < MINUTE) return [Math.round(seconds), "second"];
  if (size < HOUR) return [Math.trunc(seconds / MINUTE), "minute"];
  if (size < DAY) return [Math.trunc(seconds / HOUR), "hour"];
  return [Math.trunc(seconds / DAY), "day"];
}

/** How many midnights lie between now and then: "tomorrow" is a day of the calendar, not a number of hours. */
function daysUntil(at: number): number {
  const midnight = (moment: number): number => new Date(moment).setHours(0, 0, 0, 0);
  return Math.round((midnight(at) - midnight(serverNow())) / (DAY * 1000));
}

/** In so many minutes or hours; further ahead by the day and the hour. */
function ahead(at: number, seconds: number): string {
  return seconds > SOON ? dayOfWeek.format(at) : relative.format(...amount(Math.max(seconds, MINUTE)));
}

function length(seconds: number): string {
  const [count, unit] = amount(seconds < MINUTE ? MINUTE : seconds);
  if (!units.has(unit)) units.set(unit, new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "short" }));
  return units.get(unit)!.format(count);
}

export function timer(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number): string => String(value).padStart(2, "0");
  const rest = `${two(Math.floor((whole % HOUR) / MINUTE))}:${two(whole % MINUTE)}`;
  return whole < HOUR ? rest.replace(/^0/, "") : `${Math.floor(whole / HOUR)}:${rest}`;
}

function words(mode: string, at: number): string {
  const age = (serverNow() - at) / 1000;
  switch (mode) {
    case "timer": return timer(age);
    case "left": return timer(-age);
    case "clock": return clock.format(at);
    case "moment": return new Date(at).toDateString() === new Date(serverNow()).toDateString() ? hour.format(at) : dayAndTime.format(at);
    case "datetime": return dayAndTime.format(at);
    case "date": return dateOnly.format(at);
    case "due": return due(at, age);
    case "age": return length(age);
    case "until": return age > 0 ? relative.format(0, "second") : ahead(at, -age);
    default:
      if (Math.abs(age) > 6 * DAY) return dateOnly.format(at);
      if (Math.abs(age) < 45) return relative.format(0, "second");
      return Math.abs(age) < DAY ? relative.format(...amount(-age)) : relative.format(daysUntil(at), "day");
  }
}

/** Close to its moment it ticks: both while it comes and while it is past. */
function due(at: number, age: number): string {
  if (age > 0) return age < HOUR ? say("minutes", { time: timer(age) }) : length(age);
  return age > -TICKS ? say("in_time", { time: timer(-age) }) : ahead(at, -age);
}

class Time extends HTMLElement {
  connectedCallback(): void { this.show(); }
  show(): void {
    const inner = this.querySelector("time");
    const at = Date.parse(inner?.dateTime ?? "");
    if (!inner || Number.isNaN(at)) return;
    const text = words(this.getAttribute("mode") ?? "ago", at);
    if (inner.textContent !== text) inner.textContent = text;
    const title = full.format(at);
    if (!["timer", "left"].includes(this.getAttribute("mode") ?? "") && inner.title !== title) inner.title = title;
  }
}
customElements.define("ringback-time", Time);

export function showTimes(inside: ParentNode = document): void {
  for (const element of inside.querySelectorAll<Time>("ringback-time")) element.show();
}
document.addEventListener("htmx:after:swap", () => showTimes());
document.addEventListener("visibilitychange", () => showTimes());
setInterval(() => { if (!document.hidden) showTimes(); }, 1000);
