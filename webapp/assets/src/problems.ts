/** Each problem beside its field, the first one in focus. Returns whether there is any that could be shown. */
export function showProblems(form: HTMLFormElement, problems: Record<string, string>): boolean {
  let first: HTMLElement | null = null;
  for (const place of form.querySelectorAll<HTMLElement>("[data-error]")) {
    const problem = problems[place.dataset.error!] ?? "", field = form.elements.namedItem(place.dataset.error!) as HTMLInputElement;
    place.hidden = !problem;
    place.textContent = problem;
    field.classList.toggle("is-invalid", Boolean(problem));
    problem ? field.setAttribute("aria-invalid", "true") : field.removeAttribute("aria-invalid");
    if (problem) first ??= field;
  }
  first?.focus();
  return Boolean(first);
}
