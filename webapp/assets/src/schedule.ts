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
document.addEventListener("change", (event) => { const field = event.target as HTMLInputElement; if (field.id === "schedule-number" && field.value.trim()) void follow(field.form!); });
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
  return { ...values, zone: zoneOf(form, values.zone!) };
}

/** By its name or by its city alone; "" while that is being typed. */
function zoneOf(form: HTMLFormElement, typed: string): string {
  const wanted = typed.trim().toLowerCase();
  const all = [...form.querySelectorAll<HTMLOptionElement>("#schedule-zones option")].map((option) => option.value);
  const cities = all.filter((name) => name.toLowerCase().split("/").at(-1) === wanted);
  const found = all.find((name) => name.toLowerCase() === wanted) ?? (cities.length === 1 ? cities[0] : undefined);
  return found?.replaceAll(" ", "_") ?? "";
}

/** Another number may be in another zone: its clock, and the times that are ready there. */
async function follow(form: HTMLFormElement): Promise<void> {
  const query = new URLSearchParams({ number: (form.elements.namedItem("number") as HTMLInputElement).value }).toString();
  const text = await send(`/callbacks/schedule?${query}`, undefined, { accept: "text/html" }).then((answer) => answer.text()).catch(() => "");
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of [".picks", "#schedule-zones"]) {
    const source = fresh.querySelector(part);
    if (source) form.querySelector(part)!.replaceChildren(...source.childNodes);
  }
  for (const name of ["zone", "date", "time"]) {
    const source = fresh.querySelector<HTMLInputElement>(`[name=${name}]`);
    if (source) (form.elements.namedItem(name) as HTMLInputElement).value = source.value;
  }
  preview();
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
  const told = !zone ? say("schedule_zone") : Number.isNaN(at) ? say("schedule_when") : past ? say("schedule_past") : [
    say("schedule_there", { when: inWords(at, zone!), zone: zone!.replaceAll("_", " ") }),
    sameClock(at, zone!) ? say("schedule_same") : say("schedule_here", { when: inWords(at, own), zone: own.replaceAll("_", " ") }),
    odd ? say("schedule_odd") : "",
  ].join(" ");
  if (text.textContent !== told) text.textContent = told;
}
