// The dialog that promises a call: on the customer's clock, with the agent's own beside it.
import { Failure, send } from "./api";
import { changed } from "./changes";
import { instant, inWords, own, sameClock } from "./moments";
import { showProblems } from "./problems";
import { serverNow } from "./time";
import { toast } from "./toasts";
import { say } from "./words";

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
    toast(say("promised", { when: inWords(Date.parse(at), own) }), "good");
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
  const at = instant(date, time, zone);
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
  const at = date && time && zone ? instant(date, time, zone) : NaN;
  const odd = !Number.isNaN(at) && (Number(time!.slice(0, 2)) < EARLY || Number(time!.slice(0, 2)) >= LATE);
  const past = at <= serverNow();
  said.classList.toggle("warn", odd || past || Number.isNaN(at));
  const told = Number.isNaN(at) ? say("schedule_when") : past ? say("schedule_past") : [
    say("schedule_there", { when: inWords(at, zone!), zone: zone!.replaceAll("_", " ") }),
    sameClock(at, zone!) ? say("schedule_same") : say("schedule_here", { when: inWords(at, own), zone: own.replaceAll("_", " ") }),
    odd ? say("schedule_odd") : "",
  ].join(" ");
  if (text.textContent !== told) text.textContent = told;
}
