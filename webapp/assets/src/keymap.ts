// Every key that there is, in one table: `keys.ts` obeys it, and the overlay (?) is drawn from it, so the overlay cannot lie.
// `words` are keys of the page's catalogue (templates/_strings.html). `alt`: presses the button of the phone bar that bears this data-alt.

export type Group = "calls" | "everywhere" | "callbacks";
export type Act = "note" | "phone" | "choose" | "save" | "palette" | "search" | "dial" | "status" | "down" | "up" | "undo" | "overlay" | "list" | "leave" | "native";
export interface Key {
  group: Group;
  word: string;
  keys: string[]; // as `comboOf` names them; "1-9" and "Alt+1-9" stand for nine each
  act: Act | { alt: string };
}

export const GROUPS: { id: Group; word: string }[] = [{ id: "calls", word: "keys_calls" }, { id: "everywhere", word: "keys_everywhere" }, { id: "callbacks", word: "keys_callbacks" }];

export const KEYS: Key[] = [
  { group: "calls", word: "key_answer", keys: ["Alt+A"], act: { alt: "KeyA" } },
  { group: "calls", word: "key_hang_up", keys: ["Alt+H"], act: { alt: "KeyH" } },
  { group: "calls", word: "key_mute", keys: ["Alt+M"], act: { alt: "KeyM" } },
  { group: "calls", word: "key_hold", keys: ["Alt+O"], act: { alt: "KeyO" } },
  { group: "calls", word: "key_transfer", keys: ["Alt+T"], act: { alt: "KeyT" } },
  { group: "calls", word: "key_keypad", keys: ["Alt+K"], act: { alt: "KeyK" } },
  { group: "calls", word: "key_note", keys: ["Alt+N"], act: "note" },
  { group: "calls", word: "key_phone", keys: ["Alt+P"], act: "phone" },
  { group: "calls", word: "key_choose", keys: ["1-9", "Alt+1-9"], act: "choose" },
  { group: "calls", word: "key_save", keys: ["Ctrl+Enter"], act: "save" },
  { group: "calls", word: "key_script", keys: ["Alt+S"], act: { alt: "KeyS" } },
  { group: "calls", word: "key_more_time", keys: ["Alt+E"], act: { alt: "KeyE" } },
  { group: "everywhere", word: "key_palette", keys: ["Ctrl+K"], act: "palette" },
  { group: "everywhere", word: "key_search", keys: ["/"], act: "search" },
  { group: "everywhere", word: "key_dial", keys: ["Alt+C"], act: "dial" },
  { group: "everywhere", word: "key_status", keys: ["Alt+R"], act: "status" },
  { group: "everywhere", word: "key_here", keys: ["Alt+I"], act: { alt: "KeyI" } },
  { group: "everywhere", word: "key_next", keys: ["j"], act: "down" },
  { group: "everywhere", word: "key_previous", keys: ["k"], act: "up" },
  { group: "everywhere", word: "key_undo", keys: ["Alt+U"], act: "undo" },
  { group: "everywhere", word: "key_leave_field", keys: ["Escape"], act: "leave" },
  { group: "everywhere", word: "key_overlay", keys: ["?"], act: "overlay" },
  { group: "callbacks", word: "key_row", keys: ["j", "k", "ArrowDown", "ArrowUp"], act: "list" },
  { group: "callbacks", word: "key_details", keys: ["Enter"], act: "native" },
  { group: "callbacks", word: "key_call_back", keys: ["c"], act: "list" },
  { group: "callbacks", word: "key_claim", keys: ["a"], act: "list" },
  { group: "callbacks", word: "key_later", keys: ["s"], act: "list" },
  { group: "callbacks", word: "key_dismiss", keys: ["d"], act: "list" },
  { group: "callbacks", word: "key_select", keys: ["x", "Shift+x"], act: "list" },
  { group: "callbacks", word: "key_select_none", keys: ["Escape"], act: "list" },
];

/** What was pressed, as the table names it. Alt by the place on the keyboard: with it, some layouts write other letters. */
export function comboOf(event: KeyboardEvent): string {
  const { code, key, altKey, ctrlKey, metaKey, shiftKey } = event;
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code)?.[1] ?? (/^[1-9]$/.test(key) ? key : undefined);
  if (altKey && !ctrlKey && !metaKey) return digit ? "Alt+1-9" : `Alt+${code.replace("Key", "")}`;
  if (ctrlKey || metaKey) return altKey ? "" : `Ctrl+${key.length === 1 ? key.toUpperCase() : key}`;
  if (/^[1-9]$/.test(key)) return "1-9";
  return shiftKey && /^[A-Z]$/.test(key) ? `Shift+${key.toLowerCase()}` : key;
}

/** Those that a page obeys for what was pressed: what belongs to the list on it comes first. */
export const meant = (combo: string): Key[] => KEYS.filter(({ keys }) => keys.includes(combo)).sort((a, b) => Number(b.act === "list") - Number(a.act === "list"));
