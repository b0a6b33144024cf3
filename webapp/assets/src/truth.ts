// Whether the page shows what is. Who learns that it may not says so; the strip, the ring and the call bar act on it.
const DOUBTED = "ringback:doubted", CONFIRMED = "ringback:confirmed";

export const doubt = (): void => { document.dispatchEvent(new Event(DOUBTED)); };
export const confirm = (): void => { document.dispatchEvent(new Event(CONFIRMED)); };
export const onDoubted = (listener: () => void): void => document.addEventListener(DOUBTED, listener);
export const onConfirmed = (listener: () => void): void => document.addEventListener(CONFIRMED, listener);
