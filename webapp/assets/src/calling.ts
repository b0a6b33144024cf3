// Before anything rings: every button with a number says whether it may be called now, and if not, why. The server decides (POST /calling).
import { send } from "./api";
import { onChanged } from "./changes";
import { announce, toast } from "./toasts";
import { say } from "./words";

const CALM = 150; // ms
const MOST = 300; // numbers of one question; the server takes no more
interface Answer { refusals: (string | null)[]; next: number | null }

const known = new Map<string, string>(); // what is called → why not; "": it may be called
let asking = false, again = false, timer = 0, due = 0;

const buttons = (): HTMLButtonElement[] => [...document.querySelectorAll<HTMLButtonElement>('button[data-number]:not([data-number=""])')];
const nameOf = ({ dataset }: HTMLElement): string => [dataset.number, dataset.party ?? "", dataset.callback ?? ""].join(" ");

/** Ask anew for what is on the page: `all`, or what is not known yet. */
function ask(all: boolean): void {
  again ||= all;
  if (!asking) { clearTimeout(timer); timer = window.setTimeout(() => void now(), CALM); }
}

async function now(): Promise<void> {
  const wanted = new Map<string, object>();
  for (const button of buttons()) {
    const { number, party, callback } = button.dataset;
    if (number && (again || !known.has(nameOf(button)))) wanted.set(nameOf(button), { number, party, callback });
  }
  again = false;
  const names = [...wanted.keys()].slice(0, MOST);
  if (!names.length) return;
  asking = true;
  try {
    const answer = await send("/calling", undefined, { json: { numbers: names.map((name) => wanted.get(name)) } }).then((r) => r.json() as Promise<Answer>);
    names.forEach((name, i) => known.set(name, answer.refusals[i] ?? ""));
    clearTimeout(due);
    if (answer.next !== null) due = window.setTimeout(() => ask(true), Math.min(answer.next * 1000, 2 ** 31 - 1));
    show();
  } catch { /* the server asks the same when the button is pressed */ } finally {
    asking = false;
    if (again || wanted.size > MOST) ask(false);
  }
}

function show(): void {
  for (const button of buttons()) {
    const why = known.get(nameOf(button));
    if (why === undefined || (why === (button.dataset.refused ?? "") && button.hasAttribute("aria-disabled") === Boolean(why))) continue;
    button.dataset.title ??= button.title;
    button.dataset.label ??= button.getAttribute("aria-label") ?? "";
    const label = button.dataset.label;
    if (why) {
      button.dataset.refused = why;
      button.setAttribute("aria-disabled", "true");
      button.title = why;
      if (label) button.setAttribute("aria-label", `${label}. ${why}`);
    } else {
      delete button.dataset.refused;
      button.removeAttribute("aria-disabled");
      button.title = button.dataset.title;
      if (label) button.setAttribute("aria-label", label);
    }
    const said = button.dataset.why ? document.getElementById(button.dataset.why) : null;
    if (said) { said.textContent = why; said.hidden = !why; }
  }
}

// it can still be reached and pressed: then the reason is said aloud
document.addEventListener("click", (event) => {
  const button = (event.target as Element).closest<HTMLElement>("button[data-refused]");
  if (!button) return;
  event.preventDefault();
  event.stopPropagation();
  toast(say("not_called", { why: button.dataset.refused! }));
  announce(button.dataset.refused!, "assertive");
}, { capture: true });

onChanged(({ kind }) => { if (kind === "call" || kind === "status") ask(true); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(true); });
// pages come and go, and what is drawn anew has lost what was said at it
let page = document.getElementById("main");
new MutationObserver(() => {
  const here = document.getElementById("main"), other = here !== page; // on another page other things may hold: a contact was changed
  page = here;
  show();
  ask(other);
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["data-number", "data-refused"] });
ask(true);
