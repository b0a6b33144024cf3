// Notes of calls: one field in each card.
import { keep, keptOf, type Kept } from "./kept";

keep("note", {
  url: (uid) => `/calls/${uid}/notes`,
  method: "PUT",
  json: (text) => ({ text }),
  saved: "saved",
  refused: "refused",
  readable: (text) => text,
});

export const noteOf = (uid: string): Kept => keptOf("note", uid);

/** Put back what is not on the server, after the card was drawn anew or the page was loaded again. */
export function restoreNote(field: HTMLTextAreaElement): void {
  const draft = noteOf(field.dataset.note!).draft();
  if (draft !== null && draft !== field.value) field.value = draft;
}
