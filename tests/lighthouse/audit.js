// Lighthouse's marks for pages of an agent who is logged in: node audit.js URL CHROMIUM. Ends with 1 when one is below the least.
import lighthouse from "lighthouse";
import desktop from "lighthouse/core/config/desktop-config.js";
import puppeteer from "puppeteer-core";

const LEAST = 95;
const MARKS = ["performance", "accessibility", "best-practices"];
const [, , url, executablePath] = process.argv;

const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
let bad = false;
try {
  const page = await browser.newPage();
  await logIn(page);
  for (const [name, path] of [["Desk", "/desk"], ["Contact", await firstContact(page)], ["Call log", "/calls"]]) {
    const { lhr } = await lighthouse(url + path, { logLevel: "error", onlyCategories: MARKS }, desktop, page);
    const marks = MARKS.map((mark) => Math.round((lhr.categories[mark].score ?? 0) * 100));
    console.log(`${name.padEnd(10)}${MARKS.map((mark, i) => `${mark} ${marks[i]}`).join("   ")}`);
    if (lhr.runtimeError) console.log(`  ${lhr.runtimeError.message}`);
    if (marks.every((mark) => mark >= LEAST)) continue;
    bad = true;
    explain(lhr);
  }
} finally {
  await browser.close();
}
process.exit(bad ? 1 : 0);

async function logIn(page) {
  await page.goto(`${url}/login`);
  await page.click('[data-login="alice"]');
  await page.waitForFunction(() => location.pathname === "/desk");
}

/** Somebody with whom there were calls. */
async function firstContact(page) {
  await page.goto(`${url}/calls`);
  return page.$eval('#call-rows a[href^="/contacts/"]', (link) => link.pathname);
}

/** What cost marks, the worst first. */
function explain({ categories, audits }) {
  for (const mark of MARKS) {
    const lost = categories[mark].auditRefs.filter(({ id, weight }) => weight && audits[id].score !== null && audits[id].score < 0.95);
    lost.sort((a, b) => (1 - audits[b.id].score) * b.weight - (1 - audits[a.id].score) * a.weight);
    for (const { id } of lost) {
      const { title, displayValue = "", details } = audits[id];
      console.log(`  ${mark}: ${title} ${displayValue}`);
      for (const item of (details?.items ?? []).slice(0, 5)) console.log(`    ${item.node?.snippet ?? item.url ?? item.description ?? JSON.stringify(item).slice(0, 200)}`);
    }
  }
}
