/** Each problem beside its field, whatever it is made of; returns the first field that has one. */
export function markProblems(form: HTMLFormElement, problems: Record<string, string>): HTMLElement | null {
  let first: HTMLElement | null = null;
  for (const place of form.querySelectorAll<HTMLElement>("[data-error]")) {
    const name = place.dataset.error!, problem = problems[name] ?? "";
    place.hidden = !problem;
    place.textContent = problem;
    for (const field of form.querySelectorAll<HTMLInputElement>(`[name="${CSS.escape(name)}"]`)) {
      field.classList.toggle("is-invalid", Boolean(problem));
      problem ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
      if (problem) first ??= field;
    }
  }
  return first;
}

/** And the first one in focus. Returns whether there is any that could be shown. */
export function showProblems(form: HTMLFormElement, problems: Record<string, string>): boolean {
  const first = markProblems(form, problems);
  first?.focus();
  return Boolean(first);
}
