import htmx from "htmx.org";
import { send } from "./api";
import type { Callbar } from "./callbar";
import { onChanged } from "./changes";
import { toast } from "./toasts";

/** <ringback-bell>: what one was told. New notices are said at once, and stand in the list until they were read. */
class Bell extends HTMLElement {
  private seen: Set<string> | null = null;
  private deaf: () => void = () => undefined;

  connectedCallback(): void {
    this.deaf = onChanged(({ kind }) => { if (kind === "notices") void this.ask(); });
    this.querySelector("details")?.addEventListener("toggle", (event) => {
      if ((event.target as HTMLDetailsElement).open) void this.ask();
    });
    void this.ask();
  }

  disconnectedCallback(): void { this.deaf(); }

  private async ask(): Promise<void> {
    const text = await send("/notices/bell", undefined, { accept: "text/html" }).then((r) => r.text()).catch(() => "");
    const panel = this.querySelector<HTMLElement>(".panel");
    if (!text || !panel) return;
    await htmx.swap({ text, target: panel, swap: "innerMorph" });
    this.count(Number(panel.querySelector<HTMLElement>("[data-unread]")?.dataset.unread ?? 0));
    this.say([...panel.querySelectorAll<HTMLElement>("[data-notice]")]);
  }

  private count(unread: number): void {
    const badge = this.querySelector<HTMLElement>(".count");
    if (!badge) return;
    badge.hidden = !unread;
    badge.querySelector(".n")!.textContent = String(unread);
  }

  /** Those that were there when the page came are under the bell; only what is new is said. */
  private say(notices: HTMLElement[]): void {
    const known = this.seen;
    this.seen = new Set([...(known ?? []), ...notices.map((notice) => notice.dataset.notice!)]);
    if (!known) return;
    const news = notices.filter((each) => !known.has(each.dataset.notice!));
    if (news.some((notice) => "sounds" in notice.dataset)) void document.querySelector<Callbar>("ringback-callbar")?.ringer.hint("due");
    for (const notice of news.reverse()) {
      toast(notice.dataset.title ?? "", notice.dataset.urgent ? "bad" : "info");
    }
  }
}
customElements.define("ringback-bell", Bell);

// going to what a notice is about is having read it
document.addEventListener("click", (event) => {
  const notice = (event.target as Element).closest<HTMLElement>("[data-read]");
  if (!notice) return;
  notice.closest("details")?.removeAttribute("open");
  void send(notice.dataset.read!, {}, { keepalive: true }).catch(() => undefined);
});
