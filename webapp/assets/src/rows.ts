/** <ringback-rows>: several numbers, several addresses. Indices only grow, so that the server keeps the order. */
class Rows extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("click", (event) => {
      const act = (event.target as Element).closest<HTMLElement>("[data-act]");
      if (act?.dataset.act === "add-row") this.add();
      if (act?.dataset.act === "remove-row") this.remove_(act.closest<HTMLElement>(".point")!);
    });
  }

  private add(): void {
    const next = 1 + Math.max(-1, ...[...this.querySelectorAll<HTMLElement>(".point")].map((row) => Number(row.dataset.index)));
    const copy = this.querySelector("template")!.content.cloneNode(true) as DocumentFragment;
    copy.firstElementChild!.setAttribute("data-index", String(next));
    for (const input of copy.querySelectorAll("input")) {
      input.name = input.name.replace("__i__", String(next));
      if (input.id) input.id = input.id.replace("__i__", String(next));
    }
    const rows = this.querySelector(".rows")!;
    rows.append(copy);
    rows.lastElementChild!.querySelector<HTMLElement>("input")?.focus();
  }

  private remove_(row: HTMLElement): void {
    const beside = (row.nextElementSibling ?? row.previousElementSibling)?.querySelector<HTMLElement>("input");
    row.remove();
    (beside ?? this.querySelector<HTMLElement>('[data-act="add-row"]'))?.focus();
  }
}
customElements.define("ringback-rows", Rows);

/** <ringback-filters>: a choice applies at once; text waits for Enter. */
class Filters extends HTMLElement {
  connectedCallback(): void {
    this.addEventListener("change", (event) => {
      if ((event.target as HTMLElement).matches("select, [type=checkbox]")) this.querySelector("form")?.requestSubmit();
    });
  }
}
customElements.define("ringback-filters", Filters);
