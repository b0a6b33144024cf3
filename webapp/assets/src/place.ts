// Where the reader is in a long list: kept while rows come and go, and found again when they come back to the page.
const KEY = "ringback:place";
const PAUSE = 150;
const TOP = 120; // below the frame's bar and the table's head

interface Saved { address: string; loaded: number; id: string; top: number }
interface List extends HTMLElement { rows(): HTMLElement[]; row(id: string): HTMLElement | null }

let back = false; // the page is come back to, by the browser's buttons or by loading it again
addEventListener("popstate", () => { back = true; });
const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
if (navigation?.type === "reload" || navigation?.type === "back_forward") back = true;
document.addEventListener("htmx:after:history:push", () => { back = false; });

export class Place {
  private timer = 0;
  private readonly scrolled = (): void => {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.save(), PAUSE);
  };

  constructor(private readonly list: List) {}

  async restore(load: (size: number) => Promise<void>): Promise<void> {
    addEventListener("scroll", this.scrolled, { passive: true });
    this.list.addEventListener("click", () => this.save(), { capture: true }); // it may lead away
    const saved = back ? read() : null;
    back = false;
    if (!saved || saved.address !== location.pathname + location.search) return;
    if (saved.loaded > this.list.rows().length) await load(saved.loaded);
    const row = this.list.row(saved.id);
    if (!row) return;
    const jump = (): void => scrollNow(row.getBoundingClientRect().top - saved.top);
    jump();
    requestAnimationFrame(() => requestAnimationFrame(jump)); // the browser has its own idea first
  }

  end(): void {
    removeEventListener("scroll", this.scrolled);
    clearTimeout(this.timer);
  }

  private save(): void {
    const first = this.first();
    if (!first || !this.list.isConnected) return;
    const saved: Saved = {
      address: location.pathname + location.search, loaded: this.list.rows().length,
      id: first.dataset.id!, top: first.getBoundingClientRect().top,
    };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(saved));
    } catch { /* where nothing may be kept, a list begins at its top */ }
  }

  /** Rows come and go; what is looked at stays where it is, and what has the focus keeps it. */
  keep(change: () => void): void {
    const focused = document.activeElement as HTMLElement | null;
    const row = this.list.contains(focused) ? focused?.closest<HTMLElement>("tr.cbk") : null;
    const anchor = row ?? (scrollY > TOP ? this.first() : null);
    const top = anchor?.getBoundingClientRect().top;
    change();
    if (row?.isConnected && focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
    if (anchor?.isConnected) scrollNow(anchor.getBoundingClientRect().top - top!);
  }

  private first(): HTMLElement | undefined {
    return this.list.rows().find((row) => row.getBoundingClientRect().top >= TOP);
  }
}

/** The style sheet makes every other movement a gentle one. */
function scrollNow(by: number): void {
  scrollBy({ top: by, behavior: "instant" });
}

function read(): Saved | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Saved | null;
  } catch {
    return null;
  }
}
