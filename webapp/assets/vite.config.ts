import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");

/** One SVG file with a <symbol> for each name in src/icons.txt: one request, cached, coloured by CSS. */
function iconSprite(): Plugin {
  const names = read("src/icons.txt").split(/\s+/).filter(Boolean);
  const symbol = (name: string): string => {
    const svg = read(`node_modules/@tabler/icons/icons/outline/${name}.svg`);
    const body = svg.slice(svg.indexOf(">", svg.indexOf("<svg")) + 1, svg.lastIndexOf("</svg>"));
    return `<symbol id="${name}" viewBox="0 0 24 24">${body.replace(/\s+/g, " ").trim()}</symbol>`;
  };
  return {
    name: "ringback-icon-sprite",
    buildStart() {
      this.addWatchFile("src/icons.txt");
      const source = `<svg xmlns="http://www.w3.org/2000/svg">${names.map(symbol).join("")}</svg>`;
      this.emitFile({ type: "asset", name: "icons.svg", originalFileName: "src/icons.svg", source });
    },
  };
}

export default defineConfig({
  base: "/static/dist/",
  publicDir: false,
  plugins: [iconSprite()],
  build: {
    outDir: "../static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    // light-dark() is written to the file as it is: every theme is one stylesheet
    target: ["chrome123", "firefox120", "safari17.5"],
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    rolldownOptions: { input: "src/main.ts" },
  },
  css: { preprocessorOptions: { scss: { loadPaths: ["node_modules"], quietDeps: true } } },
});
