import { svg, type SVGTemplateResult } from "lit";

const sprite = document.querySelector<HTMLMetaElement>('meta[name="icons"]')?.content ?? "";

export const icon = (name: string, size = ""): SVGTemplateResult =>
  svg`<svg class="icon ${size}" aria-hidden="true" focusable="false"><use href="${sprite}#${name}"></use></svg>`;
