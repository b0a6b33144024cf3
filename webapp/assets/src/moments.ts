// A date and a time on somebody's clock, and what they are on another.
import { language } from "./words";

export const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function inWords(at: number, zone: string): string {
  return new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}
export const sameClock = (at: number, zone: string): boolean => offset(at, zone) === offset(at, own);

/** In ms; the server has the last word on hours that a clock leaves out. */
export function instant(date: string, time: string, zone: string): number {
  const guess = Date.parse(`${date}T${time}Z`);
  if (Number.isNaN(guess)) return NaN;
  return guess - offset(guess - offset(guess, zone), zone);
}

function offset(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(at);
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value);
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second")) - Math.floor(at / 1000) * 1000;
}
