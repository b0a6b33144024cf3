import { html, LitElement, type TemplateResult } from "lit";
import { sessionEnded } from "./api";
import { icon } from "./icons";
import { connect } from "./socket";
import { announce, toast } from "./toasts";
import { confirm, doubt, onConfirmed, onDoubted } from "./truth";
import { say } from "./words";

const PATIENCE = 1500; // a blink is not worth a strip

/** The sign in the top bar and the strip below it, while the page is behind: until it has been drawn anew. */
class Connection extends LitElement {
  private up = true;
  private waiting = 0;

  override createRenderRoot(): this { return this; }

  override connectedCallback(): void {
    super.connectedCallback();
    const socket = connect();
    onDoubted(() => this.tell(false));
    onConfirmed(() => this.tell(true));
    socket?.on("connect", () => { if (!document.querySelector("ringback-callbar")) confirm(); }); // which says so itself
    socket?.on("disconnect", (cause) => {
      this.later();
      if (cause === "io server disconnect") void this.checkSession();
    });
    socket?.on("connect_error", () => this.later());
    socket?.on("check", () => void this.checkSession());
  }

  // the server sends away those who are not logged in; a socket closed by it does not come back by itself
  private async checkSession(): Promise<void> {
    const answer = await fetch("/desk/badges", { headers: { "X-Requested-With": "fetch" } }).catch(() => null);
    if (answer?.status === 401) await sessionEnded();
    connect()?.connect();
  }

  private later(): void {
    this.waiting ||= window.setTimeout(doubt, PATIENCE);
  }

  private tell(up: boolean): void {
    clearTimeout(this.waiting);
    this.waiting = 0;
    if (up === this.up) return;
    this.up = up;
    document.getElementById("strip")!.hidden = up;
    document.documentElement.toggleAttribute("data-disconnected", !up);
    if (up) toast(say("connected_again"), "good");
    else announce(say("reconnecting"));
    this.requestUpdate();
  }

  override render(): TemplateResult {
    const word = say("disconnected");
    return this.up ? html`` : html`<span class="warning" role="img" aria-label=${word} title=${word}>${icon("wifi-off")}</span>`;
  }
}
customElements.define("ringback-connection", Connection);
