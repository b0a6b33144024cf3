// <ringback-dial>: the dial pad. What is typed is a number to call, or words to find somebody by.
import { send } from "./api";
import { toast } from "./toasts";
import { say } from "./words";

const CALM = 150; // ms
const NUMBER = /^[+0-9()\-./\s]{3,}$/;

class Dial extends HTMLElement {
  private timer = 0;
  private asked = 0;

  connectedCallback(): void {
    this.addEventListener("input", (event) => { if (event.target === this.field) this.typed(); });
    this.addEventListener("change", (event) => {
      const select = (event.target as Element).closest<HTMLSelectElement>("#shown-number");
      if (!select) return;
      select.form?.requestSubmit();
      this.showing();
    });
    this.addEventListener("submit", (event) => {
      if (!(event.target as Element).matches("[data-dial-pad]")) return;
      event.preventDefault();
      event.stopPropagation();
      this.go();
    });
    this.addEventListener("click", (event) => this.pressed((event.target as Element).closest<HTMLElement>("[data-pad]")?.dataset.pad));
    this.querySelector<HTMLElement>(".handler")?.toggleAttribute("hidden", !("registerProtocolHandler" in navigator));
    this.showing();
    requestAnimationFrame(() => this.begin());
  }

  disconnectedCallback(): void { clearTimeout(this.timer); }

  private get field(): HTMLInputElement { return this.querySelector<HTMLInputElement>("#dial-number")!; }
  private get button(): HTMLButtonElement { return this.querySelector<HTMLButtonElement>("#dial-call")!; }

  /** The keyboard is ready at once, but for thumbs, whose keypad a screen keyboard would cover. */
  private begin(): void {
    if (matchMedia("(pointer: coarse)").matches || document.activeElement?.closest("ringback-callbar, dialog")) return;
    this.field.focus({ preventScroll: true });
    this.field.setSelectionRange(this.field.value.length, this.field.value.length);
  }

  private pressed(key: string | undefined): void {
    if (key === undefined) return;
    if (key === "handle") { this.handleLinks(); return; }
    const { field } = this, start = field.selectionStart ?? field.value.length, end = field.selectionEnd ?? start;
    if (key === "erase") field.setRangeText("", start === end ? Math.max(0, start - 1) : start, end, "end");
    else field.setRangeText(key, start, end, "end");
    this.typed();
  }

  private typed(): void {
    const text = this.field.value.trim();
    this.button.dataset.number = NUMBER.test(text) ? text : "";
    this.toggleAttribute("data-words", Boolean(text) && !this.button.dataset.number);
    if (!this.button.dataset.number) this.idle();
    else if (!this.button.dataset.refused) this.button.removeAttribute("aria-disabled"); // who types and presses Enter at once is not ignored
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.find(text), CALM);
  }

  /** Words are nobody's number: there is nothing to call, and nothing to complain of. */
  private idle(): void {
    const { button } = this;
    if (button.dataset.refused && !button.dataset.title) return; // said by the server: no phone
    delete button.dataset.refused;
    button.setAttribute("aria-disabled", "true");
    const why = this.querySelector<HTMLElement>("#dial-why");
    if (why) why.hidden = true;
  }

  private async find(text: string): Promise<void> {
    const mine = ++this.asked;
    const answer = await send(`/dial/matches?q=${encodeURIComponent(text)}`, undefined, { accept: "text/html" }).then((r) => r.text()).catch(() => null);
    if (mine !== this.asked || !this.isConnected) return;
    if (answer === null) { toast(say("network"), "bad"); return; }
    this.querySelector("#dial-matches")!.innerHTML = answer;
    this.showing();
  }

  /** Enter calls the number, or goes to the first of those who were found. */
  private go(): void {
    if (this.button.dataset.number) this.button.click();
    else this.querySelector<HTMLElement>("#dial-matches [data-number]")?.focus();
  }

  /** Whatever is called from here shows the number that is chosen here. */
  private showing(): void {
    const shown = this.querySelector<HTMLSelectElement>("#shown-number")?.value ?? "";
    for (const button of this.querySelectorAll<HTMLElement>("button[data-number]")) button.dataset.shown = shown;
  }

  private handleLinks(): void {
    navigator.registerProtocolHandler("tel", `${location.origin}/dial?tel=%s`);
    toast(say("links_asked"));
  }
}
customElements.define("ringback-dial", Dial);
