import htmx from "htmx.org";
import { send } from "./api";
import { onChanged } from "./changes";

const CALM = 250; // several changes in a row are one request

/** <ringback-live id on="call callbacks">: a part of the page that is drawn anew when such a thing changes; with every="5" also so often. */
class Live extends HTMLElement {
  private timer = 0;
  private beat = 0;
  private deaf: () => void = () => undefined;

  connectedCallback(): void {
    this.deaf = onChanged(({ kind }) => { if ((this.getAttribute("on") ?? "").split(" ").includes(kind)) this.soon(); });
    const every = Number(this.getAttribute("every"));
    if (every) this.beat = window.setInterval(() => { if (!document.hidden) this.soon(); }, every * 1000);
  }
  disconnectedCallback(): void {
    clearInterval(this.beat);
    this.deaf();
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
