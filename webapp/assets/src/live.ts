import htmx from "htmx.org";
import { send } from "./api";
import { onChanged } from "./changes";
import { Redraw } from "./redraw";

const CALM = 250; // ms; calm="1000" for what costs more and changes more often

/** <ringback-live id on="call callbacks">: a part of the page that is drawn anew when such a thing changes.
 *  Inside, data-next says after how many seconds time alone changes it. */
class Live extends HTMLElement {
  private redraw: Redraw | null = null;
  private deaf: () => void = () => undefined;

  connectedCallback(): void {
    this.redraw = new Redraw(() => this.draw(), Number(this.getAttribute("calm") ?? CALM));
    this.deaf = onChanged(({ kind }) => { if ((this.getAttribute("on") ?? "").split(" ").includes(kind)) this.redraw?.soon(); });
    this.wait();
  }

  disconnectedCallback(): void {
    this.deaf();
    this.redraw?.stop();
  }

  private wait(): void {
    this.redraw?.after(this.querySelector<HTMLElement>("[data-next]")?.dataset.next);
  }

  private async draw(): Promise<void> {
    const page = location.href;
    const text = await send(page, undefined, { accept: "text/html" }).then((r) => r.text()).catch(() => "");
    if (!text || !this.isConnected || location.href !== page) return;
    await htmx.swap({ text, target: this, select: `#${CSS.escape(this.id)} > *`, swap: "innerMorph" });
    this.wait();
  }
}
customElements.define("ringback-live", Live);
