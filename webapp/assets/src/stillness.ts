// Rows do not come, go or move under a pointer that was moved lately; but none waits for long.
import type { Row } from "./cbk";

const STILL = 700, HELD = 1200; // ms

export class Stillness {
  private waiting = new Map<string, Row | null>(); // what comes (null: goes) once the pointer is still
  private moved = 0; // when the pointer was last moved over the rows
  private since = 0;
  private timer = 0;

  constructor(private readonly change: (waiting: [string, Row | null][]) => void) {}

  stir(): void { this.moved = performance.now(); }
  add(id: string, fresh: Row | null): void { this.waiting.set(id, fresh); }
  remove(id: string): void { this.waiting.delete(id); }
  clear(): void { this.waiting.clear(); }
  end(): void { clearTimeout(this.timer); }

  settle(): void {
    clearTimeout(this.timer);
    if (!this.waiting.size) return;
    const now = performance.now();
    this.since ||= now;
    const rest = Math.min(this.moved + STILL, this.since + HELD) - now;
    if (rest > 0) this.timer = window.setTimeout(() => this.settle(), rest);
    else this.flush();
  }

  private flush(): void {
    const waiting = [...this.waiting];
    this.since = 0;
    this.waiting.clear();
    this.change(waiting);
  }
}
