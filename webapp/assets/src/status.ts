// <ringback-status>: the agent's status menu in the header. The server draws it (GET /desk/status), alike in all tabs.
import htmx from "htmx.org";
import { send } from "./api";
import { onChanged } from "./changes";
import { Redraw } from "./redraw";
import { showTimes } from "./time";
import { announce } from "./toasts";

const CALM = 150; // ms

class Status extends HTMLElement {
  private redraw: Redraw | null = null;
  private said = "";
  private deaf: () => void = () => undefined;

  connectedCallback(): void {
    this.said = this.word;
    this.redraw = new Redraw(() => this.draw(), CALM);
    this.deaf = onChanged(({ kind }) => { if (kind === "status" || kind === "call") this.redraw?.soon(); });
    this.addEventListener("keydown", this.step);
    this.wait();
  }

  disconnectedCallback(): void {
    this.deaf();
    this.redraw?.stop();
    this.removeEventListener("keydown", this.step);
  }

  private get menu(): HTMLDetailsElement { return this.querySelector("details")!; }
  private get word(): string { return this.querySelector("summary .text")?.textContent?.trim() ?? ""; }
  private get items(): HTMLButtonElement[] { return [...this.querySelectorAll<HTMLButtonElement>(".panel button")]; }

  /** Opens it, with the keyboard on its first entry. */
  show(): void {
    this.menu.open = true;
    (this.querySelector<HTMLElement>("[data-first]") ?? this.querySelector<HTMLElement>('[aria-current="true"]') ?? this.items[0])?.focus();
  }

  private step = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    if (!this.menu.open) { this.show(); return; }
    const items = this.items, at = items.indexOf(document.activeElement as HTMLButtonElement);
    items[(at + by + items.length) % items.length]?.focus();
  };

  /** A break becomes too long without anybody doing anything. */
  private wait(): void { this.redraw?.after(this.menu.dataset.next); }

  private async draw(): Promise<void> {
    const text = await send("/desk/status", undefined, { accept: "text/html" }).then((r) => r.text()).catch(() => "");
    if (!text || !this.isConnected) return;
    const focused = this.contains(document.activeElement);
    await htmx.swap({ text, target: this, swap: "innerMorph" });
    showTimes(this);
    this.wait();
    if (focused && !this.contains(document.activeElement)) this.querySelector<HTMLElement>("summary")?.focus();
    if (this.word === this.said) return;
    this.said = this.word;
    const alarm = this.querySelector("summary")?.dataset.alarm;
    alarm ? announce(alarm, "assertive") : announce(this.word);
  }
}
customElements.define("ringback-status", Status);

export function showStatusMenu(): boolean {
  const menu = document.querySelector<Status>("ringback-status");
  menu?.show();
  return Boolean(menu);
}
