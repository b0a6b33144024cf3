// What scripts say comes from the page, so that one catalogue serves both.
const table: Record<string, string> = JSON.parse(document.getElementById("strings")?.textContent ?? "{}");

export function say(key: string, values: Record<string, string> = {}): string {
  return (table[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

// the page's language, as the reader's country writes it: an English page in London or Athens has no "PM"
const shown = document.documentElement.lang || "en";
export const language = navigator.languages.find((own) => own.split("-")[0] === shown) ?? shown;
