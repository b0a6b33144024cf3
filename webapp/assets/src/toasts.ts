import { html, LitElement, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { icon } from "./icons";
import { say } from "./words";

type Tone = "good" | "info" | "bad";
interface Act { label: string; act: () => void }
interface Toast { id: number; text: string; tone: Tone; undo?: Act }
const GLYPHS: Record<Tone, string> = { good: "circle-check", info: "info-circle", bad: "alert-triangle" };
const STAYS = 6000, STAYS_TO_UNDO = 12_000; // ms

/** Messages bottom left. They go after six seconds unless looked at; errors stay until closed. */
class Toasts extends LitElement {
  private list: Toast[] = [];
  private timers = new Map<number, number>();
  private last = 0;

  override createRenderRoot(): this { return this; }

  show(text: string, tone: Tone, undo?: Act): void {
    this.list = [...this.list.filter((toast) => toast.text !== text), { id: ++this.last, text, tone, undo }].slice(-4);
    if (tone !== "bad") this.schedule(this.last, undo ? STAYS_TO_UNDO : STAYS);
    announce(text);
    this.requestUpdate();
  }

  private schedule(id: number, stays = STAYS): void {
    this.timers.set(id, window.setTimeout(() => this.drop(id), stays));
  }
  private hold(id: number): void {
    clearTimeout(this.timers.get(id));
  }
  private drop(id: number): void {
    this.hold(id);
    this.list = this.list.filter((toast) => toast.id !== id);
    this.requestUpdate();
  }

  /** What was done last and can be taken back. Returns whether there is such a thing. */
  undo(): boolean {
    const last = this.list.findLast((toast) => toast.undo);
    if (last) this.takeBack(last);
    return Boolean(last);
  }
  private takeBack(toast: Toast): void {
    this.drop(toast.id);
    toast.undo!.act();
  }

  override render(): TemplateResult {
    return html`${repeat(this.list, (toast) => toast.id, (toast) => html`
      <div class="toast-item ${toast.tone}" @pointerenter=${() => this.hold(toast.id)} @focusin=${() => this.hold(toast.id)}
           @pointerleave=${() => toast.tone !== "bad" && this.schedule(toast.id)}>
        ${icon(GLYPHS[toast.tone])}<span class="text">${toast.text}</span>
        ${toast.undo ? html`<button type="button" class="btn small" aria-keyshortcuts="Alt+U" @click=${() => this.takeBack(toast)}>${toast.undo.label} <kbd aria-hidden="true">Alt U</kbd></button>` : ""}
        <button type="button" class="btn quiet small square" aria-label=${say("close")} @click=${() => this.drop(toast.id)}>${icon("x")}</button>
      </div>`)}`;
  }
}
customElements.define("ringback-toasts", Toasts);

/** Says something politely to those who hear the page. */
export function announce(text: string, region: "polite" | "assertive" = "polite"): void {
  const element = document.getElementById(region);
  if (element) element.textContent = text;
}

export function toast(text: string, tone: Tone = "info", undo?: Act): void {
  document.querySelector<Toasts>("ringback-toasts")?.show(text, tone, undo);
}

export function undoLast(): boolean {
  return document.querySelector<Toasts>("ringback-toasts")?.undo() ?? false;
}
