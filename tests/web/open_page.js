// node open_page.js ADDRESS CHROMIUM PICTURE WIDTH HEIGHT: a user's way through the page; what was seen goes to stdout
// as JSON, a screenshot to PICTURE.
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const [address, executablePath, picture, width, height] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"];
args.push("--disable-background-networking", "--disable-component-update", "--disable-sync");
const browser = await chromium.launch({ executablePath, args });
const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) } });
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
page.on("requestfailed", (request) => complaints.push(request.url()));
const status = () => page.textContent("#status");
const sampled = () =>
  page.waitForFunction(() => /^Sampled|missing/.test(document.querySelector("#status").textContent), null, { timeout: 240_000 });

await page.goto(address);
await sampled();
const seen = { first: await status() };
for (const name of await page.$$eval("select", (selects) => selects.map((select) => select.name))) {
  await page.selectOption(`select[name="${name}"]`, { index: 1 });
}
await page.fill("#seed", "7");
await page.press("#seed", "Enter");
await page.waitForFunction(() => document.querySelector("#caption").textContent.includes("seed 7"));
await sampled();
seen.caption = await page.textContent("#caption");
seen.status = await status();
await page.waitForSelector('#true_size[download*="000007"]');
const [download] = await Promise.all([page.waitForEvent("download"), page.click("#true_size")]);
seen.name = download.suggestedFilename();
seen.png = (await readFile(await download.path())).toString("base64");
const idle = () => page.waitForFunction(() => !document.querySelector("#another").disabled, null, { timeout: 240_000 });
await page.click("#another");
await idle();
if (await page.isVisible("#recolour")) await page.click("#recolour");
await idle();
seen.earlier = await page.locator("#earlier li").count();
await page.screenshot({ path: picture, fullPage: true });
seen.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
await browser.close();
console.log(JSON.stringify({ ...seen, complaints }));
