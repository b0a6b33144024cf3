// What scripts say comes from the page, so that one catalogue serves both.
const table: Record<string, string> = JSON.parse(document.getElementById("strings")?.textContent ?? "{}");

export function say(key: string, values: Record<string, string> = {}): string {
  return (table[key] ?? key).replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}

export const language = document.documentElement.lang || "en";
