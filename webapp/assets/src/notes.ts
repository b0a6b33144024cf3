// Notes of calls: one field in each card. One agent may have it in several tabs and on several devices; what was typed in any of them stays.
import type { Callbar } from "./callbar";
import { keep, keptOf, type Kept } from "./kept";
import { toast } from "./toasts";
import { say } from "./words";

interface Seen { version: string; text: string } // what was on the server when it was last looked at
interface Draft { text: string; over: Seen }

const NONE: Seen = { version: "", text: "" };
const seen = new Map<string, Seen>();
const heard = new Map<string, string>(); // the newest version that the socket told

keep("note", {
  url: (uid) => `/calls/${uid}/notes`,
  method: "PUT",
  json: (kept, uid) => ({ text: read(kept).text, over: (seen.get(uid) ?? read(kept).over).version }),
  saved: "saved",
  refused: "refused",
  readable: (kept) => read(kept).text,
  sent: async (uid, kept, answer) => {
    const { version } = (await answer.json()) as { version: string };
    seen.set(uid, { version, text: read(kept).text });
    if ((heard.get(uid) ?? "") > version) void look();
  },
  overtaken: async (uid) => {
    await look();
    return fieldOf(uid) !== null;
  },
});

export const noteOf = (uid: string): Kept => keptOf("note", uid);
const fieldOf = (uid: string): HTMLTextAreaElement | null => document.querySelector(`textarea[data-note="${CSS.escape(uid)}"]`);
const look = async (): Promise<void> => document.querySelector<Callbar>("ringback-callbar")?.refresh();

function read(kept: string): Draft {
  try {
    const draft = JSON.parse(kept) as Partial<Draft> | null;
    if (typeof draft?.text === "string" && draft.over) return draft as Draft;
  } catch { /* the text alone, as an earlier release kept it */ }
  return { text: kept, over: NONE };
}

export function typedNote(field: HTMLTextAreaElement): void {
  const uid = field.dataset.note!;
  noteOf(uid).typed(JSON.stringify({ text: field.value, over: seen.get(uid) ?? NONE } satisfies Draft));
}

/** The socket told of a note. Whether it is another than this page has or is just sending. */
export function wroteElsewhere(uid: string, version: string): boolean {
  heard.set(uid, version);
  return !noteOf(uid).saving && version > (seen.get(uid) ?? NONE).version;
}

/** The card was drawn anew, or the page was loaded again: what is not on the server is put back, joined with what is new there. */
export function restoreNote(field: HTMLTextAreaElement): void {
  const uid = field.dataset.note!, there: Seen = { version: field.dataset.version ?? "", text: field.defaultValue };
  const kept = noteOf(uid).draft(), draft = kept === null ? null : read(kept);
  const known = seen.get(uid) ?? draft?.over ?? there;
  const newest = there.version > known.version ? there : known;
  seen.set(uid, newest);
  if (!draft) {
    if (there.version !== known.version) put(field, newest.text);
    return;
  }
  const text = newest === known ? draft.text : joined(known.text, there.text, draft.text);
  put(field, text);
  if (newest === known) return;
  if (text === there.text) noteOf(uid).settled();
  else typedNote(field);
  if (text !== there.text && text !== draft.text) toast(say("note_joined"));
}

/** Nothing of either is lost. `base`: what both began with. */
function joined(base: string, theirs: string, ours: string): string {
  if (theirs === base || ours.includes(theirs)) return ours;
  if (ours === base || theirs.includes(ours)) return theirs;
  const added = ours.startsWith(base) ? ours.slice(base.length) : ours;
  return `${theirs.trimEnd()}\n${added.trimStart()}`;
}

function put(field: HTMLTextAreaElement, text: string): void {
  if (field.value === text) return;
  const at = document.activeElement === field && field.selectionEnd < field.value.length ? field.selectionEnd : null;
  field.value = text;
  if (at !== null) field.setSelectionRange(at, at);
}
