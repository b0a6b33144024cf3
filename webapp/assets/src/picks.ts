// The selected callbacks, and what is done with all of them.
import { type Failure, send } from "./api";
import { showProblems } from "./problems";
import { toast } from "./toasts";
import { language, say } from "./words";

const DONE: Record<string, (count: string) => string> = {
  assign: (count) => say("bulk_assign", { count }),
  release: (count) => say("bulk_release", { count }),
  dismiss: (count) => say("bulk_dismiss", { count }),
};
const count = new Intl.NumberFormat(language);

interface List extends HTMLElement {
  rows(): HTMLTableRowElement[];
  readonly found: number;
  filters(): Record<string, string>;
  load(size?: number): Promise<void>;
}
interface Told { done: number; refused: number; why: { who: string; why: string }[] }

export class Picks {
  private ids = new Set<string>();
  private whole = false; // all that the filters say, whether they are loaded or not
  private last: string | null = null; // where a range begins

  private readonly submitted = (event: Event): void => {
    const form = event.target as HTMLFormElement;
    if (!form.matches("[data-bulk-dismiss]")) return;
    event.preventDefault();
    event.stopPropagation();
    void this.dismiss(form);
  };

  constructor(private readonly list: List) {}

  begin(): void { document.addEventListener("submit", this.submitted, { capture: true }); }
  end(): void { document.removeEventListener("submit", this.submitted, { capture: true }); }

  get size(): number { return this.whole ? this.list.found : this.ids.size; }

  /** Returns whether it was about the selection. */
  clicked(event: MouseEvent): boolean {
    const target = event.target as HTMLElement;
    if (target instanceof HTMLInputElement && target.dataset.k === "pick") this.set(target.closest("tr")!, target.checked, event.shiftKey);
    else if (target instanceof HTMLInputElement && target.matches("[data-pick-all]")) this.setAll(target.checked);
    else if (target.closest("[data-whole]")) { this.whole = true; this.drawn(); }
    else if (target.closest("[data-unpick]")) this.clear();
    else return false;
    return true;
  }

  toggle(row: HTMLTableRowElement | null, range: boolean): boolean {
    if (!row?.querySelector("[data-k=pick]")) return false;
    this.set(row, range || !this.ids.has(row.dataset.id!), range);
    return true;
  }

  private set(row: HTMLTableRowElement, on: boolean, range: boolean): void {
    const rows = this.list.rows(), here = rows.indexOf(row), from = rows.findIndex((other) => other.dataset.id === this.last);
    this.forgetWhole();
    const chosen = range && from >= 0 ? rows.slice(Math.min(here, from), Math.max(here, from) + 1) : [row];
    for (const each of chosen) on ? this.ids.add(each.dataset.id!) : this.ids.delete(each.dataset.id!);
    this.last = row.dataset.id!;
    this.drawn();
  }

  private setAll(on: boolean): void {
    this.whole = false;
    this.ids = new Set(on ? this.list.rows().map((row) => row.dataset.id!) : []);
    this.drawn();
  }

  // who takes one out of "all" has chosen those that are loaded
  private forgetWhole(): void {
    if (this.whole) this.ids = new Set(this.list.rows().map((row) => row.dataset.id!));
    this.whole = false;
  }

  forget(id: string): void { this.ids.delete(id); }

  clear(): boolean {
    const any = this.size > 0;
    this.ids.clear();
    this.whole = false;
    this.last = null;
    this.drawn();
    return any;
  }

  tick(row: HTMLTableRowElement): void {
    const box = row.querySelector<HTMLInputElement>("[data-k=pick]");
    if (!box) return;
    box.checked = this.whole || this.ids.has(row.dataset.id!);
    row.classList.toggle("picked", box.checked);
  }

  drawn(): void {
    const bar = this.list.querySelector<HTMLElement>("[data-bulk]");
    if (!bar) return;
    const rows = this.list.rows();
    for (const row of rows) this.tick(row);
    const all = this.list.querySelector<HTMLInputElement>("[data-pick-all]"), shown = rows.length > 0 && rows.every((row) => this.whole || this.ids.has(row.dataset.id!));
    if (all) {
      all.checked = shown;
      all.indeterminate = !shown && this.size > 0;
    }
    bar.hidden = !this.size;
    if (!this.size) return;
    bar.querySelector("[data-count]")!.textContent = say("selected", { count: count.format(this.size) });
    const whole = bar.querySelector<HTMLElement>("[data-whole]")!;
    whole.hidden = this.whole || !shown || this.list.found <= this.ids.size;
    whole.textContent = say("select_whole", { count: count.format(this.list.found) });
  }

  async send(form: HTMLFormElement, button: HTMLButtonElement | null): Promise<void> {
    const verb = button?.value ?? "assign";
    await this.carryOut(form, verb, { to: String(new FormData(form).get("to") ?? "") });
  }

  private async dismiss(form: HTMLFormElement): Promise<void> {
    const done = await this.carryOut(form, "dismiss", { reason: String(new FormData(form).get("reason") ?? "") });
    if (!done) return;
    form.reset();
    form.closest("dialog")?.close();
  }

  private async carryOut(form: HTMLFormElement, verb: string, more: Record<string, string>): Promise<boolean> {
    if (form.getAttribute("aria-busy") || !this.size) return false;
    form.setAttribute("aria-busy", "true");
    const which = this.whole ? { all: true, filters: this.list.filters() } : { ids: [...this.ids] };
    try {
      const answer = await send("/callbacks/bulk", undefined, { method: "POST", json: { verb, ...which, ...more } });
      this.tell(verb, (await answer.json()) as Told);
      this.clear();
      return true;
    } catch (error) {
      const { message, fields } = error as Failure;
      if (!showProblems(form, fields ?? {})) toast(message, "bad");
      return false;
    } finally {
      form.removeAttribute("aria-busy");
      await this.list.load(Math.max(this.list.rows().length, 1));
    }
  }

  private tell(verb: string, { done, refused, why }: Told): void {
    const words = DONE[verb]!(count.format(done));
    if (!refused) { toast(words, "good"); return; }
    const dialog = document.getElementById("bulk-told") as HTMLDialogElement;
    dialog.querySelector("[data-told]")!.textContent = say("bulk_refused", { done: words, count: count.format(refused) });
    dialog.querySelector("[data-refusals]")!.replaceChildren(...why.map((each) => {
      const item = document.createElement("li"), name = document.createElement("b");
      name.textContent = each.who || "–";
      item.append(name, ` ${each.why}`);
      return item;
    }));
    const more = dialog.querySelector<HTMLElement>("[data-more-refusals]")!;
    more.hidden = refused <= why.length;
    more.textContent = say("and_more", { count: count.format(refused - why.length) });
    document.querySelector<HTMLDialogElement>("#dismiss-many")?.close();
    dialog.showModal();
  }
}
