import htmx from "htmx.org";
import { send } from "./api";

const CALM = 250; // several changes in a row are one request

/** <ringback-live id on="call callbacks">: a part of the page that is drawn anew when such a thing changes. */
class Live extends HTMLElement {
  private timer = 0;
  private listen = (event: Event): void => {
    const kinds = (this.getAttribute("on") ?? "").split(" ");
    if (kinds.includes((event as CustomEvent<string>).detail)) this.soon();
  };

  connectedCallback(): void { document.addEventListener("ringback:changed", this.listen); }
  disconnectedCallback(): void {
    document.removeEventListener("ringback:changed", this.listen);
    clearTimeout(this.timer);
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.draw(), CALM);
  }

  private async draw(): Promise<void> {
    const page = location.href;
    const text = await send(page, undefined, { accept: "text/html" }).then((r) => r.text()).catch(() => "");
    if (!text || !this.isConnected || location.href !== page) return;
    await htmx.swap({ text, target: this, select: `#${CSS.escape(this.id)} > *`, swap: "innerMorph" });
  }
}
customElements.define("ringback-live", Live);
