// One callback in the list: its row, and below it, if it is open, what happened about it.
import { send } from "./api";
import { serverNow, showTimes } from "./time";
import { say } from "./words";

export type Row = HTMLTableRowElement;

export const opener = (row: Row | null): HTMLElement | null => row?.querySelector<HTMLElement>(".opener") ?? null;

export function press(row: Row | null, key: string): boolean {
  const button = row?.querySelector<HTMLElement>(`[data-k="${key}"]`);
  button?.click();
  return Boolean(button);
}

/** The next row of a callback; what stands between are details. */
export function after(row: Row): Row | null {
  let next = row.nextElementSibling;
  while (next && !next.matches(".cbk")) next = next.nextElementSibling;
  return next as Row | null;
}
export function before(row: Row): Row | null {
  let previous = row.previousElementSibling;
  while (previous && !previous.matches(".cbk")) previous = previous.previousElementSibling;
  return previous as Row | null;
}

/** With its details, if they are open. */
export function move(row: Row, rows: Element, next: Row | null): void {
  const details = detailsOf(row);
  rows.insertBefore(row, next);
  if (details) row.after(details);
}

export function detailsOf(row: Row): Row | null {
  const next = row.nextElementSibling;
  return next?.matches(".details") ? (next as Row) : null;
}

export function toggleDetails(row: Row): void {
  const open = detailsOf(row);
  opener(row)?.setAttribute("aria-expanded", String(!open));
  if (open) { open.remove(); return; }
  const details = document.createElement("tr");
  details.className = "details";
  details.id = `details-${row.dataset.id}`;
  const cell = details.insertCell();
  cell.colSpan = row.cells.length;
  cell.textContent = say("loading");
  row.after(details);
  void fillDetails(row, details);
}

export async function fillDetails(row: Row, details: Row): Promise<void> {
  try {
    const text = await (await send(`/callbacks/${row.dataset.id}/details`, undefined, { accept: "text/html" })).text();
    if (details.isConnected) details.cells[0]!.innerHTML = text;
    showTimes(details);
  } catch (error) {
    details.cells[0]!.textContent = (error as Error).message;
  }
}

const LOOK = 30_000, SOON = 5 * 60_000, AT_WORK = 5 * 60_000; // ms
let active = Date.now();
for (const sign of ["pointermove", "keydown"]) document.addEventListener(sign, () => { active = Date.now(); }, { passive: true });

/** A claim is a lease: while its claimer works in this page, it does not run out. Returns what ends that. */
export function keepClaims(rows: () => Row[]): () => void {
  const timer = setInterval(() => {
    if (Date.now() - active > AT_WORK) return;
    for (const row of rows()) if (row.dataset.until && Date.parse(row.dataset.until) - serverNow() < SOON) void renew(row);
  }, LOOK);
  return () => clearInterval(timer);
}

async function renew(row: Row): Promise<void> {
  const answer = await send(`/callbacks/${row.dataset.id}/renew`, {}).then((r) => r.json() as Promise<{ until: string }>).catch(() => null);
  if (answer) row.dataset.until = answer.until;
}
