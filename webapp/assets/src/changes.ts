// What changed, told from one part of the page to the others: a kind of thing and, where they are few, which ones.
export interface Change { kind: string; ids?: string[] }

export function changed(kind: string, ids?: string[]): void {
  document.dispatchEvent(new CustomEvent<Change>("ringback:changed", { detail: ids ? { kind, ids } : { kind } }));
}

/** Returns what ends the listening. */
export function onChanged(listener: (change: Change) => void): () => void {
  const listen = (event: Event): void => listener((event as CustomEvent<Change>).detail);
  document.addEventListener("ringback:changed", listen);
  return () => document.removeEventListener("ringback:changed", listen);
}
