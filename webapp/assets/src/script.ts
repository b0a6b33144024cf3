// <ringback-script>: the script of a call, in a panel beside its card. Where an agent is in it, the server knows.
import { Failure, send } from "./api";
import { keep, keptOf } from "./kept";
import { toast } from "./toasts";
import { say } from "./words";
import { showProblems } from "./problems";
import { blank, values } from "./wrapup";

type Values = Record<string, string>;

keep("script", {
  url: (uid) => `/calls/${uid}/script`,
  method: "PUT",
  json: (text) => JSON.parse(text) as unknown,
  saved: "script-saved",
  readable: (text) => Object.entries(JSON.parse(text) as Values).filter(([name]) => name !== "step").map(([, value]) => value).join(", "),
});

export class ScriptPanel extends HTMLElement {
  private uid = "";
  private opened = new Set<string>(); // by itself, once for each call

  connectedCallback(): void {
    this.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      void this.goOn((event.submitter as HTMLButtonElement | null)?.value ?? "0");
    });
    this.addEventListener("click", (event) => {
      const button = (event.target as Element).closest("button");
      if (button?.matches("[data-script-close]")) this.close();
      else if (button?.matches("[data-script-back]")) void this.step("back");
      else if (button?.matches("[data-script-restart]")) void this.step("restart");
    });
    this.addEventListener("input", () => keptOf("script", this.uid).typed(JSON.stringify(this.typed())));
    this.addEventListener("keydown", (event) => {
      const field = event.target instanceof Element && event.target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
      if (event.key === "Escape") { event.stopPropagation(); field ? this.take() : this.close(); return; }
      if (field || event.ctrlKey || event.metaKey || event.altKey) return;
      const way = this.querySelector<HTMLButtonElement>(`[data-way-key="${CSS.escape(event.key)}"]`);
      if (!way) return;
      event.preventDefault();
      event.stopPropagation();
      way.click();
    });
  }

  get form(): HTMLFormElement | null { return this.querySelector("[data-script-form]"); }
  private typed(): Values { return { ...values(this.form!), step: this.form!.dataset.step! }; }

  /** Alt S: opens, gets the keyboard, closes. */
  toggle(uid: string): void {
    if (this.hidden || this.uid !== uid) void this.open(uid, true);
    else if (this.contains(document.activeElement)) this.close();
    else this.take();
  }

  /** The keyboard: where the ways' digits count. */
  private take(): void { (this.querySelector<HTMLElement>(".script-title") ?? this.querySelector<HTMLElement>(".script-body"))?.focus(); }

  openOnce(uid: string): void {
    if (this.opened.has(uid)) return;
    this.opened.add(uid);
    void this.open(uid, false);
  }

  private async open(uid: string, focus: boolean): Promise<void> {
    this.uid = uid;
    try {
      this.show(await (await send(`/calls/${uid}/script`, undefined, { accept: "text/html" })).text(), focus);
    } catch (error) {
      toast((error as Error).message, "bad");
    }
  }

  /** With the call's card gone there is nothing to read from. */
  follow(uids: Set<string>): void { if (!this.hidden && !uids.has(this.uid)) this.close(); }

  close(): void {
    const had = this.contains(document.activeElement);
    this.hidden = true;
    document.documentElement.removeAttribute("data-script");
    if (had) document.querySelector<HTMLElement>(`#head-${CSS.escape(this.uid)}`)?.focus();
  }

  private show(text: string, focus: boolean): void {
    focus ||= this.contains(document.activeElement);
    this.innerHTML = text;
    this.hidden = false;
    document.documentElement.dataset.script = "open";
    const draft = keptOf("script", this.uid).draft();
    if (draft !== null) this.restore(JSON.parse(draft) as Values);
    if (focus) this.take();
  }

  private restore(draft: Values): void {
    const form = this.form!;
    if (draft.step !== form.dataset.step) return;
    for (const field of form.elements) {
      if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement) || draft[field.name] === undefined) continue;
      if (field instanceof HTMLInputElement && field.type === "radio") field.checked = draft[field.name] === field.value;
      else field.value = draft[field.name]!;
    }
  }

  private async goOn(way: string): Promise<void> {
    const form = this.form!;
    if (showProblems(form, blank(form, this.typed()))) return;
    await this.step("", { way });
  }

  private async step(what: "" | "back" | "restart", more: Values = {}): Promise<void> {
    const form = this.form!;
    if (form.getAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await send(`/calls/${this.uid}/script${what ? `/${what}` : ""}`, undefined, { method: "POST", accept: "text/html, application/json;q=0.5", json: { ...this.typed(), ...more } });
      keptOf("script", this.uid).forget();
      this.show(await answer.text(), true);
    } catch (error) {
      const { status, message, fields } = error as Failure;
      form.removeAttribute("aria-busy");
      if (status === 409) { toast(message, "bad"); await this.open(this.uid, true); }
      else if (!showProblems(form, fields ?? {})) toast(status === 0 ? say("script_waits") : message, "bad");
    }
  }
}
customElements.define("ringback-script", ScriptPanel);

export const scriptPanel = (): ScriptPanel | null => document.querySelector("ringback-script");
