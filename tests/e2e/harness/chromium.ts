// SPDX-License-Identifier: Apache-2.0
//
// Debian's Chromium with the run's CA in a throwaway HOME; certificate errors are never ignored.
import { mkdirSync, mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium, type Browser, type BrowserContextOptions, type Page, type Response } from "playwright-core";

import { must } from "./process.ts";
import { keepOutput, noteAddress, noteSetCookies } from "./secrets.ts";
import { demoPeople } from "./upstream.ts";

export async function launchBrowser(folder: string, caFile: string, more: string[] = []): Promise<Browser> {
  const home = mkdtempSync(join(folder, "browser-"));
  const database = join(home, ".pki/nssdb");
  mkdirSync(database, { recursive: true });
  await must("certutil", ["-N", "-d", `sql:${database}`, "--empty-password"]);
  await must("certutil", ["-A", "-d", `sql:${database}`, "-n", "demo", "-t", "C,,", "-i", caFile]);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", env: { ...process.env, HOME: home } as Record<string, string>,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", ...more],
  });
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    context.on("response", (response) => void note(response).catch(() => {}));  // it may be gone with its page
    return context;
  };
  return browser;
}

async function note(response: Response): Promise<void> {
  noteAddress(response.url());
  noteSetCookies((await response.headersArray()).filter((field) => field.name.toLowerCase() === "set-cookie").map((field) => field.value));
  if (response.status() >= 400 && response.headers()["content-type"]?.startsWith("text/html")) keepOutput(`${response.status()}-page`, await response.text());
}

/** Signs in at the identity provider that `address` leads to. */
export async function signInAt(page: Page, address: string, user: string): Promise<void> {
  await page.goto(address);
  await page.fill("#login", user);
  await page.fill("#password", demoPeople[user]!.password);
  await page.click("button");
}

/** Answers the question of `kubectl oulogin`; the page of the program comes next. */
export async function letIn(page: Page): Promise<void> {
  await page.click("button[value=allow]");
  await page.waitForURL("http://127.0.0.1:*/callback*");
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds, a line each, and whether the page must be scrolled sideways. axe runs by the browser's protocol: the pages' own policy would rightly refuse a foreign script. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  const result = (await page.evaluate("axe.run()")) as { violations: { id: string; nodes: { html: string; failureSummary?: string }[] }[] };
  const wide = await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth");
  const found = result.violations.map((violation) => `${violation.id}: ${violation.nodes[0]!.html} ${violation.nodes[0]!.failureSummary ?? ""}`);
  return wide ? [...found, "the page is wider than the window"] : found;
}

export const looks: [string, BrowserContextOptions][] = [
  ["light", { colorScheme: "light", viewport: { width: 1200, height: 800 } }],
  ["dark", { colorScheme: "dark", viewport: { width: 1200, height: 800 } }],
  ["phone", { colorScheme: "light", viewport: { width: 320, height: 700 } }],
];
