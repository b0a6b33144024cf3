// What this browser keeps for the product. Where it keeps nothing (forbidden, or full), that lasts until the page is left.
const unkept = new Map<string, string>();

export function recall(name: string): string | null {
  try {
    return unkept.get(name) ?? localStorage.getItem(name);
  } catch {
    return unkept.get(name) ?? null;
  }
}

export function remember(name: string, value: string): void {
  unkept.delete(name);
  try {
    localStorage.setItem(name, value);
  } catch {
    unkept.set(name, value);
  }
}

export function forget(name: string): void {
  unkept.delete(name);
  try {
    localStorage.removeItem(name);
  } catch { /* it never was there */ }
}

/** Names that begin so. */
export function remembered(begin: string): string[] {
  try {
    return Object.keys(localStorage).filter((name) => name.startsWith(begin));
  } catch {
    return [];
  }
}
