// What the server has of the list of callbacks, in portions. An answer to filters that are no longer set is dropped.
import { type Failure, send } from "./api";

const LONGEST = 500; // rows in one answer
type Values = Record<string, string>;

interface List extends HTMLElement {
  filters(): Values;
  failed(failed: boolean, why?: string): void;
}

export class Portions {
  private generation = 0; // of the filters

  constructor(private readonly list: List) {}

  /** The filters are others now. */
  anew(): void { this.generation += 1; }

  async fetch(values: Values): Promise<DocumentFragment | null> {
    const generation = this.generation;
    const current = (): boolean => this.list.isConnected && generation === this.generation;
    try {
      const text = await (await send(`/callbacks/rows?${new URLSearchParams(values)}`, undefined, { accept: "text/html" })).text();
      if (!current()) return null;
      this.list.failed(false);
      const holder = document.createElement("template");
      holder.innerHTML = text;
      return holder.content;
    } catch (error) {
      if (current()) this.list.failed(true, (error as Failure).message);
      return null;
    }
  }

  async fetchAll(size?: number): Promise<DocumentFragment | null> {
    const filters = this.list.filters();
    const parsed = await this.fetch(size ? { ...filters, size: String(Math.min(size, LONGEST)) } : filters);
    for (let left = (size ?? 0) - LONGEST; left > 0 && parsed; left -= LONGEST) {
      const more = parsed.querySelector<HTMLAnchorElement>("[data-more]");
      if (!more) break;
      const next = await this.fetch({ ...paging(more), size: String(Math.min(left, LONGEST)) });
      if (!next) return null;
      parsed.querySelector("#callback-rows")?.append(...next.querySelectorAll("#callback-rows > tr"));
      parsed.querySelector("#more")!.replaceWith(next.querySelector("#more")!);
    }
    return parsed;
  }
}

export const paging = (link: HTMLAnchorElement): Values => Object.fromEntries(new URL(link.getAttribute("href")!, location.href).searchParams);
