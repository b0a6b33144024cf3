// The dialog that promises a call: on the customer's clock, with the agent's own beside it.
import { Failure, send } from "./api";
import { changed } from "./changes";
import { showProblems } from "./problems";
import { serverNow } from "./time";
import { toast } from "./toasts";
import { language, say } from "./words";

const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const EARLY = 8, LATE = 21; // outside, one does not call people
const DAY = 86_400_000;
const AGAIN = 5000; // whether it is still in the future

document.addEventListener("click", (event) => {
  const opener = (event.target as Element).closest<HTMLElement>("[data-schedule]");
  if (opener) void open(opener.dataset.schedule!);
});

const dialog = (): HTMLDialogElement => document.getElementById("schedule") as HTMLDialogElement;

async function open(query: string): Promise<void> {
  try {
    const text = await (await send(`/callbacks/schedule?${query}`, undefined, { accept: "text/html" })).text();
    dialog().querySelector("[data-schedule-slot]")!.innerHTML = text;
  } catch (error) {
    toast((error as Error).message, "bad");
    return;
  }
  dialog().showModal();
  dialog().querySelector<HTMLElement>("#schedule-number, #schedule-date")?.focus();
  preview();
}

document.addEventListener("input", (event) => { if ((event.target as Element).closest("#schedule")) preview(); });
document.addEventListener("click", (event) => {
  const pick = (event.target as Element).closest<HTMLElement>("#schedule [data-date]"), form = pick?.closest("form");
  if (!pick || !form) return;
  for (const name of ["date", "time"]) (form.elements.namedItem(name) as HTMLInputElement).value = pick.dataset[name]!;
  showProblems(form, {});
  preview();
});
document.addEventListener("focusin", (event) => { if ((event.target as Element).id === "schedule-zone") (event.target as HTMLInputElement).select(); });
setInterval(() => { if (dialog()?.open) preview(); }, AGAIN);

document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (!form.matches("[data-schedule-form]")) return;
  event.preventDefault();
  event.stopPropagation();
  void save(form);
}, { capture: true });

async function save(form: HTMLFormElement): Promise<void> {
  if (form.getAttribute("aria-busy")) return;
  const wrong = unusable(form);
  showProblems(form, wrong);
  if (Object.keys(wrong).length) return;
  form.setAttribute("aria-busy", "true");
  try {
    const { at } = (await (await send(form.action, new FormData(form))).json()) as { at: string };
    dialog().close();
    toast(say("promised", { when: words(Date.parse(at), own) }), "good");
    changed("callbacks");
  } catch (error) {
    const { message, fields } = error as Failure;
    if (!showProblems(form, fields ?? {})) toast(message, "bad");
  } finally {
    form.removeAttribute("aria-busy");
  }
}

/** What needs no question to the server, which has the last word. */
function unusable(form: HTMLFormElement): Record<string, string> {
  const { date, time, zone } = fields(form);
  if (!date) return { date: say("schedule_date") };
  if (!time) return { time: say("schedule_time") };
  if (!zone) return { zone: say("schedule_zone") };
  const at = moment(date, time, zone);
  if (at > serverNow()) return {};
  return at < serverNow() - DAY ? { date: say("schedule_past") } : { time: say("schedule_past") };
}
function fields(form: HTMLFormElement): Record<string, string> {
  const values = Object.fromEntries(new FormData(form)) as Record<string, string>;
  return { ...values, zone: known(values.zone!.trim().replaceAll(" ", "_")) };
}

/** A zone that this browser knows; "" while its name is being typed. */
function known(zone: string): string {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone && zone;
  } catch {
    return "";
  }
}

function preview(): void {
  const form = dialog().querySelector<HTMLFormElement>("[data-schedule-form]");
  if (!form) return;
  const { date, time, zone } = fields(form);
  const said = form.querySelector<HTMLElement>(".said")!, text = said.querySelector<HTMLElement>("[data-said]")!;
  const at = date && time && zone ? moment(date, time, zone) : NaN;
  const odd = !Number.isNaN(at) && (Number(time!.slice(0, 2)) < EARLY || Number(time!.slice(0, 2)) >= LATE);
  const past = at <= serverNow();
  said.classList.toggle("warn", odd || past || Number.isNaN(at));
  const told = Number.isNaN(at) ? say("schedule_when") : past ? say("schedule_past") : [
    say("schedule_there", { when: words(at, zone!), zone: zone!.replaceAll("_", " ") }),
    same(at, zone!) ? say("schedule_same") : say("schedule_here", { when: words(at, own), zone: own.replaceAll("_", " ") }),
    odd ? say("schedule_odd") : "",
  ].join(" ");
  if (text.textContent !== told) text.textContent = told;
}

function words(at: number, zone: string): string {
  return new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}
const same = (at: number, zone: string): boolean => offset(at, zone) === offset(at, own);

/** Of a clock's date and time, in ms; the server has the last word on hours that a clock leaves out. */
function moment(date: string, time: string, zone: string): number {
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
