// When to draw a part of the page anew. Several changes in a row are one drawing, and however many come, it is drawn now and then.

export class Redraw {
  private timer = 0;
  private due = 0;
  private drawing = false;
  private again = false;
  private stopped = false;

  constructor(private draw: () => Promise<void>, private calm: number) {}

  soon(): void {
    if (this.drawing) this.again = true;
    else if (!this.timer && !this.stopped) this.timer = window.setTimeout(() => void this.now(), this.calm);
  }

  /** Once more after so many seconds, when time alone changes what is shown. The server says them, so no clock has to be right. */
  after(seconds: string | undefined): void {
    clearTimeout(this.due);
    if (seconds !== undefined) this.due = window.setTimeout(() => this.soon(), Math.min(Number(seconds) * 1000, 2 ** 31 - 1));
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    clearTimeout(this.due);
  }

  private async now(): Promise<void> {
    this.timer = 0;
    this.drawing = true;
    try {
      await this.draw();
    } finally {
      this.drawing = false;
      if (this.again) { this.again = false; this.soon(); }
    }
  }
}
