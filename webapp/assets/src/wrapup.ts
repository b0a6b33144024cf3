// The form of a wrap-up: what is typed is kept, what is wrong is shown at its field, dispositions are found by typing.
// One agent may have it in several tabs and on several devices: each sends what was changed in it, field by field.
import { Failure, send } from "./api";
import type { Callbar } from "./callbar";
import { keep, keptOf } from "./kept";
import { instant, inWords, own, sameClock } from "./moments";
import { noteOf } from "./notes";
import { markProblems } from "./problems";
import { announce, toast } from "./toasts";
import { say } from "./words";

type Values = Record<string, string>;
const formOf = (uid: string): HTMLFormElement | null => document.querySelector(`form[data-wrap-up="${CSS.escape(uid)}"]`);
export const values = (form: HTMLFormElement): Values => {
  const all = Object.fromEntries(new FormData(form)) as Values;
  delete all.csrf_token;
  delete all.note; // it is kept by itself
  return all;
};
const problems = new Map<string, Values>(); // of which calls, by field: they outlast a card that is drawn anew
const fold = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

const url = (uid: string): string => `/calls/${uid}/wrap-up`;
const readable = (text: string): string => Object.values(JSON.parse(text) as Values).filter(Boolean).join(", ");
interface Seen { version: string; values: Values } // what was on the server when it was last looked at
const seen = new Map<string, Seen>();
const heard = new Map<string, string>(); // the newest version that the socket told
const look = async (): Promise<void> => document.querySelector<Callbar>("ringback-callbar")?.refresh();
keep("answers", {
  url, method: "PATCH", json: (text) => JSON.parse(text) as unknown, saved: "kept", readable,
  sent: async (uid, _text, answer) => {
    const { version, draft } = (await answer.json()) as { version: string; draft: Values }, was = seen.get(uid);
    if (version > (was?.version ?? "")) seen.set(uid, { version, values: { ...was?.values, ...draft } });
    show(uid);
    if ((heard.get(uid) ?? "") > version) void look();
  },
});

/** The socket told of a form. Whether it is another than this page has or is just sending. */
export function answeredElsewhere(uid: string, version: string): boolean {
  heard.set(uid, version);
  return !keptOf("answers", uid).saving && version > (seen.get(uid)?.version ?? "");
}

/** The fields in which `now` differs; those that were emptied are empty. */
function changes(then: Values, now: Values): Values {
  const names = Object.keys({ ...then, ...now }).filter((name) => (now[name] ?? "") !== (then[name] ?? ""));
  return Object.fromEntries(names.map((name) => [name, now[name] ?? ""]));
}

/** As the server drew the form, whatever was typed into it since. */
function drawn(form: HTMLFormElement): Values {
  const found: Values = {};
  for (const field of form.elements) {
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement) || !field.name || field.name === "csrf_token") continue;
    if (field instanceof HTMLSelectElement) found[field.name] = ([...field.options].find((option) => option.defaultSelected) ?? field.options[0])?.value ?? "";
    else if (!["radio", "checkbox"].includes(field.type)) found[field.name] = field.defaultValue;
    else if (field.defaultChecked) found[field.name] = field.value;
  }
  return found;
}
// a whole form that was saved while the server was away
keep("wrap", {
  url, method: "POST", json: (text) => JSON.parse(text) as unknown, saved: "kept", readable,
  sent: (uid) => {
    keptOf("answers", uid).forget();
    toast(say("saved"), "good");
    redraw();
  },
  wrong: (uid, failure) => {
    const form = formOf(uid);
    if (!form) return false;
    if (!refuse(form, failure.fields)) toast(failure.message, "bad");
    return true;
  },
});

function redraw(): void {
  document.dispatchEvent(new CustomEvent("ringback:wrapped-up"));
}

/** Sends the form. Without a server it is kept here and sent later. Returns whether it is done, as far as one can see. */
export async function saveWrapUp(form: HTMLFormElement): Promise<boolean> {
  const uid = form.dataset.wrapUp!, note = form.elements.namedItem("note") as HTMLTextAreaElement | null;
  const all = values(form);
  if (refuse(form, blank(form, all))) return false;
  try {
    await send(form.action, undefined, { method: "POST", json: note && noteOf(uid).isRefused ? { ...all, note: note.value } : all }); // else it is saved by itself
  } catch (error) {
    const { status, message, fields } = error as Failure;
    if (status === 0) {
      keptOf("wrap", uid).typed(JSON.stringify(all));
      toast(say("wrap_up_kept"));
    } else if (!refuse(form, fields)) toast(message, "bad");
    return false;
  }
  problems.delete(uid);
  keptOf("answers", uid).forget();
  keptOf("wrap", uid).forget();
  toast(say("saved"), "good");
  return true;
}

/** What needs no question to the server, which has the last word. */
export function blank(form: HTMLFormElement, all: Values): Values {
  const needed = [...form.querySelectorAll<HTMLInputElement>("[data-required]")].filter((field) => !all[field.name]?.trim());
  return Object.fromEntries(needed.map((field) => [field.name, field.dataset.required || say("answer_missing")]));
}

/** Each problem beside its field, the first of which gets the keyboard; returns whether any could be shown. */
function refuse(form: HTMLFormElement, fields: Values): boolean {
  problems.set(form.dataset.wrapUp!, fields);
  if (Object.keys(fields).some((name) => name.startsWith("next_"))) tick(form);
  const first = markProblems(form, fields);
  if (!first) return false;
  announce(Object.values(fields).join(" "), "assertive");
  first.focus();
  first.closest(".field, fieldset, .next-step")?.scrollIntoView({ block: "nearest" });
  return true;
}

/** After the form was drawn anew: what was typed elsewhere, and what this page knows and the server does not. */
export function restoreAnswers(inside: ParentNode): void {
  for (const form of inside.querySelectorAll<HTMLFormElement>("form[data-wrap-up]")) {
    const uid = form.dataset.wrapUp!, there: Seen = { version: form.dataset.version ?? "", values: drawn(form) }, was = seen.get(uid);
    if (!was || there.version > was.version) seen.set(uid, there);
    const saved = keptOf("wrap", uid).draft();
    if (saved !== null) fill(form, JSON.parse(saved) as Values);
    else if (keptOf("answers", uid).draft() !== null || there.version !== was?.version) show(uid);
    markProblems(form, problems.get(form.dataset.wrapUp!) ?? {});
    preview(form);
    const search = form.querySelector<HTMLInputElement>("[data-find-disposition]");
    if (search) find(form, search.value);
  }
}

/** In all its forms on this page: what is on the server, and what is not yet. */
function show(uid: string): void {
  const all = { ...seen.get(uid)?.values, ...(JSON.parse(keptOf("answers", uid).text ?? "{}") as Values) };
  for (const form of document.querySelectorAll<HTMLFormElement>(`form[data-wrap-up="${CSS.escape(uid)}"]`)) fill(form, all);
}

function fill(form: HTMLFormElement, draft: Values): void {
  for (const field of form.elements) {
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement) || !field.name || field.name === "csrf_token") continue;
    if (field instanceof HTMLInputElement && ["radio", "checkbox"].includes(field.type)) field.checked = draft[field.name] === field.value;
    else if (draft[field.name] !== undefined && field !== document.activeElement) field.value = draft[field.name]!;
  }
}

function tick(form: HTMLFormElement): void {
  const next = form.elements.namedItem("next");
  if (next instanceof HTMLInputElement) next.checked = true;
}

/** The same moment on the agent's own clock. */
function preview(form: HTMLFormElement): void {
  const said = form.querySelector<HTMLElement>("[data-next-said]");
  if (!said) return;
  const { next_date: date, next_time: time, next_zone: zone } = values(form);
  const at = date && time && zone ? instant(date, time, zone) : NaN;
  const told = Number.isNaN(at) ? say("schedule_when") : sameClock(at, zone!) ? say("schedule_same")
    : say("schedule_here", { when: inWords(at, own), zone: own.replaceAll("_", " ") });
  if (said.textContent !== told) said.textContent = told;
}

function find(form: HTMLFormElement, typed: string): void {
  const words = fold(typed).split(/\s+/).filter(Boolean), seen = new Set<string>();
  for (const choice of form.querySelectorAll<HTMLElement>("[data-of-group]")) {
    const label = fold(choice.querySelector(".grow")?.textContent ?? "");
    choice.hidden = !words.every((word) => label.includes(word));
    if (!choice.hidden) seen.add(choice.dataset.ofGroup!);
  }
  for (const caption of form.querySelectorAll<HTMLElement>("[data-group]")) caption.hidden = !seen.has(caption.dataset.group!);
  const none = form.querySelector<HTMLElement>("[data-none-found]");
  if (none) none.hidden = seen.size > 0;
}

const within = (target: EventTarget | null): HTMLFormElement | null =>
  target instanceof Element ? target.closest<HTMLFormElement>("form[data-wrap-up]") : null;

document.addEventListener("input", (event) => {
  const form = within(event.target), field = event.target as HTMLInputElement;
  if (!form) return;
  if (field.matches("[data-find-disposition]")) { find(form, field.value); return; }
  if (field.dataset.asksCallback !== undefined) tick(form);
  const wrong = problems.get(form.dataset.wrapUp!);
  if (wrong?.[field.name]) { delete wrong[field.name]; markProblems(form, wrong); }
  if (field.name.startsWith("next")) preview(form);
  const uid = form.dataset.wrapUp!;
  keptOf("answers", uid).typed(JSON.stringify(changes(seen.get(uid)?.values ?? {}, values(form))));
});

document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement, form = within(target);
  if (form && event.key === "Enter" && !event.ctrlKey && !event.metaKey && target.matches("[data-find-disposition]")) {
    event.preventDefault(); // the first that is found
    form.querySelector<HTMLInputElement>("[data-of-group]:not([hidden]) input")?.click();
    form.querySelector<HTMLInputElement>("[name=disposition]:checked")?.focus();
    return;
  }
  // letters, where a card has the keyboard and no field does
  const card = target instanceof Element ? target.closest<HTMLElement>('.cb-card[data-state="wrap_up"]') : null;
  const search = card?.querySelector<HTMLInputElement>("[data-find-disposition]");
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && /^\p{L}$/u.test(event.key);
  if (!search || !plain || target.matches("textarea, select, input:not([type=radio], [type=checkbox])")) return;
  search.focus();
  event.stopImmediatePropagation();
}, { capture: true });

// the form on the call's page; those of the call bar are sent by it
document.addEventListener("submit", (event) => {
  const form = event.target as HTMLFormElement;
  if (!form.matches("form[data-wrap-up][data-page]")) return;
  event.preventDefault();
  event.stopPropagation();
  void saveWrapUp(form).then((done) => { if (done) { redraw(); location.reload(); } });
}, { capture: true });

restoreAnswers(document);
document.addEventListener("htmx:after:swap", () => restoreAnswers(document));
