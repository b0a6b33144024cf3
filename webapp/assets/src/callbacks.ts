import { send } from "./api";
import { after, before, detailsOf, fillDetails, keepClaims, move, opener, press, type Row, toggleDetails } from "./cbk";
import { onChanged } from "./changes";
import type { KeyTaker } from "./keys";
import { Picks } from "./picks";
import { Place } from "./place";
import { paging, Portions } from "./portions";
import { Stillness } from "./stillness";
import { showTimes, tellServerTime } from "./time";
import { announce, toast } from "./toasts";
import { language, say } from "./words";

const CALM = 200; // ms; several changes in a row are one request
const TYPING = 250;
const FEW = 50; // rows that are asked for by name
const NAMED = "#callback-"; // as notices lead to one
const count = new Intl.NumberFormat(language);

/** <ringback-callbacks>: the list of callbacks. The server draws every row; this keeps each of them true where it stands. */
export class Callbacks extends HTMLElement implements KeyTaker {
  private ends: (() => void)[] = [];
  private sources = new WeakMap<Row, string>(); // a row as the server drew it
  private asked = new Set<string>(); // rows that are known to have changed
  private askAll = false;
  private timer = 0;
  private typing = 0;
  private running: Promise<void> | null = null;
  private stillness = new Stillness((waiting) => this.putAll(waiting));
  private portions = new Portions(this);
  private watcher = new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) void this.more(); }, { rootMargin: "800px" });
  private picks = new Picks(this);
  private narrowed: Record<string, string> = {}; // the filters that are applied; what is being typed is none yet
  private place = new Place(this);

  connectedCallback(): void {
    this.narrowed = this.chosen();
    this.ends = [onChanged(({ kind, ids }) => { if (kind === "callbacks") this.hear(ids); }), keepClaims(() => this.rows())];
    this.addEventListener("click", (event) => this.clicked(event));
    this.addEventListener("submit", (event) => this.submitted(event), { capture: true });
    this.addEventListener("change", (event) => { if ((event.target as Element).matches("[data-filters] select")) this.apply(); });
    this.addEventListener("input", (event) => { if ((event.target as Element).matches("[data-filters] input[type=search]")) this.typed(); });
    this.addEventListener("pointermove", (event) => { if ((event.target as Element).closest("#callback-rows")) this.stillness.stir(); });
    this.picks.begin();
    this.watch();
    this.told();
    if (location.hash.startsWith(NAMED)) void this.show(location.hash.slice(NAMED.length));
    else void this.place.restore((size) => this.load(size));
  }

  disconnectedCallback(): void {
    for (const end of this.ends) end();
    this.watcher.disconnect();
    this.picks.end();
    this.place.end();
    this.stillness.end();
    for (const timer of [this.timer, this.typing]) clearTimeout(timer);
  }

  rows(): Row[] { return [...this.querySelectorAll<Row>("#callback-rows > tr.cbk")]; }
  row(id: string): Row | null { return this.querySelector<Row>(`#callback-${CSS.escape(id)}`); }
  get found(): number { return Number(this.querySelector<HTMLElement>("#callback-body")?.dataset.found ?? 0); }

  /** The filters of the list as it stands here. */
  filters(): Record<string, string> { return this.narrowed; }

  private chosen(): Record<string, string> {
    const form = this.querySelector<HTMLFormElement>("[data-filters]")!;
    return Object.fromEntries([...new FormData(form)].filter(([, value]) => value).map(([name, value]) => [name, String(value).trim()]));
  }

  // the keyboard

  takes(key: string): boolean {
    const row = this.here();
    switch (key) {
      case "j": return this.step(1);
      case "k": return this.step(-1);
      case "ArrowDown": return Boolean(row) && this.step(1);
      case "ArrowUp": return Boolean(row) && this.step(-1);
      case "c": return press(row, "call");
      case "a": return press(row, "take");
      case "s": return press(row, "later");
      case "d": return press(row, "drop");
      case "x": return this.picks.toggle(row, false);
      case "X": return this.picks.toggle(row, true);
      case "Escape": return this.picks.clear();
      default: return false;
    }
  }

  /** The row in which the focus is, be it in its details. */
  private here(): Row | null {
    const row = document.activeElement?.closest<Row>("#callback-rows > tr") ?? null;
    return row?.matches(".details") ? (row.previousElementSibling as Row) : row;
  }

  private step(by: number): boolean {
    const rows = this.rows(), at = rows.indexOf(this.here()!);
    const next = rows[at < 0 ? 0 : at + by];
    if (next) opener(next)?.focus();
    else if (by > 0) void this.more();
    return rows.length > 0;
  }

  // filters

  private typed(): void {
    clearTimeout(this.typing);
    this.typing = window.setTimeout(() => this.apply(), TYPING);
  }

  private apply(): void {
    clearTimeout(this.typing);
    const chosen = this.chosen(), query = new URLSearchParams(chosen).toString();
    if (query === new URLSearchParams(this.narrowed).toString()) return;
    this.narrowed = chosen;
    history.replaceState(history.state, "", `/callbacks${query ? `?${query}` : ""}`);
    this.portions.anew();
    this.stillness.clear();
    this.asked.clear();
    this.picks.clear();
    const table = this.querySelector("#callback-body");
    table?.setAttribute("aria-busy", "true");
    void this.load().then(() => announce(this.words()));
  }

  // what the server has

  private hear(ids: string[] | undefined): void {
    if (ids) for (const id of ids) this.asked.add(id);
    else this.askAll = true;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), CALM);
  }

  /** Requests never overlap; what is heard meanwhile is asked for afterwards. */
  private ask(): Promise<void> {
    this.running ??= this.askUntilQuiet().finally(() => { this.running = null; });
    return this.running;
  }

  private async askUntilQuiet(): Promise<void> {
    while (this.isConnected && (this.askAll || this.asked.size)) {
      const ids = [...this.asked];
      const all = this.askAll || ids.length > FEW;
      this.asked.clear();
      this.askAll = false;
      if (all) await this.load(Math.max(this.rows().length, 1));
      else await this.those(ids);
    }
  }

  private async those(ids: string[]): Promise<void> {
    const parsed = await this.portions.fetch({ ...this.filters(), ids: ids.join(",") });
    if (!parsed) return;
    this.place.keep(() => this.head(parsed));
    if (!this.querySelector("#callback-rows")) {
      if (parsed.querySelector("tr.cbk")) await this.load();
      return;
    }
    for (const id of ids) this.one(id, parsed.querySelector<Row>(`#callback-${CSS.escape(id)}`));
    this.stillness.settle();
  }

  /** The list from its beginning, as long as it stands here; rows keep their elements. */
  async load(size?: number): Promise<void> {
    const parsed = await this.portions.fetchAll(size);
    if (!parsed) return;
    this.place.keep(() => this.head(parsed));
    this.stillness.clear();
    const body = this.querySelector<HTMLElement>("#callback-body")!, fresh = parsed.querySelector<HTMLElement>("#callback-body")!;
    const rows = this.querySelector("#callback-rows"), wanted = parsed.querySelector("#callback-rows");
    body.removeAttribute("aria-busy");
    if (!rows || !wanted || rows.closest("table")?.dataset.tab !== wanted.closest("table")?.dataset.tab) {
      body.replaceChildren(...fresh.childNodes);
    } else {
      this.place.keep(() => this.reconcile(rows, [...wanted.children] as Row[]));
      body.querySelector("#more")!.replaceWith(fresh.querySelector("#more")!);
    }
    this.drawn();
  }

  private async more(): Promise<void> {
    const link = this.querySelector<HTMLAnchorElement>("[data-more]");
    if (!link || link.getAttribute("aria-busy")) return;
    link.setAttribute("aria-busy", "true");
    const parsed = await this.portions.fetch(paging(link));
    link.removeAttribute("aria-busy");
    if (!parsed || !link.isConnected) return;
    const rows = this.querySelector("#callback-rows");
    for (const row of parsed.querySelectorAll<Row>("#callback-rows > tr")) if (!this.row(row.dataset.id!)) rows?.append(this.adopted(row));
    this.querySelector("#more")!.replaceWith(parsed.querySelector("#more")!);
    this.drawn();
  }

  failed(failed: boolean, why = ""): void {
    const notice = this.querySelector<HTMLElement>("[data-failed]")!;
    if (failed) this.querySelector("#callback-body")?.removeAttribute("aria-busy");
    notice.hidden = !failed;
    if (failed) notice.querySelector("span")!.textContent = why;
  }

  // drawing

  private head(parsed: DocumentFragment): void {
    const head = this.querySelector("#callback-head")!, fresh = parsed.querySelector("#callback-head")!;
    const focused = head.contains(document.activeElement) ? document.activeElement?.getAttribute("href") : null;
    head.replaceWith(fresh);
    if (focused) fresh.querySelector<HTMLElement>(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    const { found, now } = parsed.querySelector<HTMLElement>("#callback-body")!.dataset;
    this.querySelector<HTMLElement>("#callback-body")!.dataset.found = found;
    tellServerTime(now);
    this.told();
  }

  private told(): void {
    this.querySelector<HTMLElement>("[data-found-text]")!.textContent = this.words();
    const { tab, sort, ...narrow } = this.filters();
    this.querySelector<HTMLElement>("[data-clear]")!.hidden = !Object.keys(narrow).length;
  }
  private words(): string {
    const found = { count: count.format(this.found) };
    return this.found === 1 ? say("callback_found", found) : say("callbacks_found", found);
  }

  private drawn(): void {
    this.watch();
    this.picks.drawn();
    showTimes();
  }

  private watch(): void {
    this.watcher.disconnect();
    const link = this.querySelector("[data-more]");
    if (link) this.watcher.observe(link);
  }

  /** One row changed: where it stands it is drawn at once; that it comes, goes or moves waits for a still pointer. */
  private one(id: string, fresh: Row | null): void {
    const row = this.row(id);
    if (fresh && row && fresh.dataset.order === row.dataset.order) {
      this.redraw(row, fresh);
      this.stillness.remove(id);
    } else if (fresh && row) {
      this.stillness.add(id, fresh);
      const there = fresh.cloneNode(true) as Row;
      there.dataset.order = row.dataset.order; // it has not moved yet
      this.redraw(row, there);
    } else if (fresh) this.stillness.add(id, fresh);
    else if (row) {
      this.stillness.add(id, null);
      row.classList.add("leaving");
    }
  }

  private putAll(waiting: [string, Row | null][]): void {
    this.place.keep(() => { for (const [id, fresh] of waiting) this.put(id, fresh); });
    this.drawn();
    if (!this.rows().length) void this.load();
  }

  private put(id: string, fresh: Row | null): void {
    const row = this.row(id);
    if (!fresh) {
      if (row) this.drop(row);
      return;
    }
    const order = fresh.dataset.order!;
    const next = this.rows().find((other) => other !== row && other.dataset.order! > order);
    if (!next && this.querySelector("[data-more]")) { // it belongs to what is not loaded
      if (row) this.drop(row);
      return;
    }
    const here = row ? this.redraw(row, fresh) : this.adopted(fresh);
    move(here, this.querySelector("#callback-rows")!, next ?? null);
    if (!row) here.classList.add("fresh-row");
  }

  private reconcile(rows: Element, wanted: Row[]): void {
    const ids = new Set(wanted.map((row) => row.dataset.id));
    for (const row of this.rows()) if (!ids.has(row.dataset.id)) this.drop(row);
    let at = this.rows()[0] ?? null;
    for (const fresh of wanted) {
      const known = this.row(fresh.dataset.id!);
      const row = known ? this.redraw(known, fresh) : this.adopted(fresh);
      if (at && at.dataset.id === row.dataset.id) at = after(row);
      else move(row, rows, at);
    }
  }

  private adopted(fresh: Row): Row {
    this.sources.set(fresh, fresh.outerHTML);
    return fresh;
  }

  /** The same row as it is now. Focus and the tick stay; who has it lights up if it changed. */
  private redraw(row: Row, fresh: Row): Row {
    const source = fresh.outerHTML;
    if (this.sources.get(row) === source) return row;
    const focused = row.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.k ?? "open" : null;
    const before = row.querySelector(".holder")?.textContent?.trim();
    row.className = fresh.className;
    row.dataset.order = fresh.dataset.order;
    row.dataset.who = fresh.dataset.who;
    row.dataset.until = fresh.dataset.until ?? "";
    row.replaceChildren(...fresh.childNodes);
    this.sources.set(row, source);
    const open = detailsOf(row);
    if (open) {
      opener(row)?.setAttribute("aria-expanded", "true");
      void fillDetails(row, open);
    }
    const holder = row.querySelector(".holder");
    if (before !== undefined && holder && before !== holder.textContent?.trim()) holder.classList.add("news");
    if (focused) (row.querySelector<HTMLElement>(`[data-k="${focused}"]`) ?? opener(row))?.focus({ preventScroll: true });
    this.picks.tick(row);
    showTimes(row);
    return row;
  }

  private drop(row: Row): void {
    const focused = row.contains(document.activeElement) || detailsOf(row)?.contains(document.activeElement);
    const beside = focused ? after(row) ?? before(row) : null;
    detailsOf(row)?.remove();
    row.remove();
    this.picks.forget(row.dataset.id!);
    if (focused) (beside ? opener(beside) : document.getElementById("main"))?.focus({ preventScroll: true });
  }

  /** The one that a notice told of, wherever in the list it stands. */
  private async show(id: string): Promise<void> {
    let row = this.row(id);
    if (!row) {
      const fresh = (await this.portions.fetch({ ...this.filters(), ids: id }))?.querySelector<Row>("tr.cbk");
      const rows = this.querySelector("#callback-rows");
      if (!fresh || !rows) { toast(say("callback_elsewhere")); return; }
      row = this.adopted(fresh);
      rows.prepend(row);
      this.drawn();
    }
    row.classList.add("fresh-row");
    row.scrollIntoView({ block: "center" });
    opener(row)?.focus({ preventScroll: true });
    if (!detailsOf(row)) toggleDetails(row);
  }

  // what is done with one

  private clicked(event: Event): void {
    const target = event.target as Element;
    if (this.picks.clicked(event as MouseEvent)) return;
    const open = target.closest<HTMLElement>(".opener");
    if (open) toggleDetails(open.closest("tr")!);
    if (target.closest("[data-retry]")) void this.load(Math.max(this.rows().length, 1));
    const more = target.closest("[data-more]");
    if (more || target.closest("[data-clear]")) event.preventDefault();
    if (more) void this.more();
    if (target.closest("[data-clear]")) this.clearFilters();
    const unfold = target.closest<HTMLElement>("[data-unfold]");
    if (unfold) unfold.setAttribute("aria-expanded", String(unfold.closest("form")!.toggleAttribute("data-open")));
  }

  private clearFilters(): void {
    const form = this.querySelector<HTMLFormElement>("[data-filters]")!;
    for (const field of form.querySelectorAll<HTMLInputElement | HTMLSelectElement>("select, input[type=search]")) if (field.name !== "sort") field.value = "";
    form.querySelector<HTMLElement>("input[type=search]")?.focus();
    this.apply();
  }

  private submitted(event: SubmitEvent): void {
    const form = event.target as HTMLFormElement;
    if (form.matches("[data-filters]")) this.apply();
    else if (form.id === "row-form") void this.change(form, event.submitter as HTMLButtonElement);
    else if (!form.matches("[data-bulk-form]")) return;
    else void this.picks.send(form, event.submitter as HTMLButtonElement);
    event.preventDefault();
    event.stopPropagation();
  }

  private async change(form: HTMLFormElement, button: HTMLButtonElement): Promise<void> {
    const id = button.closest<Row>("tr")!.dataset.id!;
    if (button.getAttribute("aria-busy")) return;
    button.setAttribute("aria-busy", "true");
    try {
      await send(button.formAction, new FormData(form));
    } catch (error) {
      toast((error as Error).message, "bad");
    } finally {
      button.removeAttribute("aria-busy");
      this.asked.add(id);
      void this.ask();
    }
  }
}
customElements.define("ringback-callbacks", Callbacks);
