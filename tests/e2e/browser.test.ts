// SPDX-License-Identifier: Apache-2.0
//
// Chromium through the real sign-in, with portal (localhost) and identity provider (127.0.0.1) on different sites. Every page is
// held against axe and pictured in light, dark and on a phone.
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { launchBrowser, looks, signInAt, violations } from "./harness/chromium.ts";
import { root } from "./harness/paths.ts";
import { stack, type Stack } from "./harness/stack.ts";

const pictures = join(root, "build/screenshots");
let s: Stack;
let browser: Browser;

beforeAll(async () => {
  s = await stack();
  mkdirSync(pictures, { recursive: true });
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => browser?.close());

async function signIn(page: Page, user = "alice", start = "/"): Promise<void> {
  await signInAt(page, s.portal.portal + start, user);
}

describe.each(looks)("pages in %s", (look, options) => {
  let context: BrowserContext, page: Page;
  beforeAll(async () => {
    context = await browser.newContext(options);
    page = await context.newPage();
    await signIn(page);
  });
  afterAll(async () => context.close());

  const pages: [string, string][] = [["applications", "/"], ["kubernetes", "/k8s/demo"], ["profile", "/profile"], ["sessions", "/sessions"], ["end-sessions", "/sessions/end?what=others"], ["sign-out", "/logout"], ["not-found", "/nowhere"]];
  test.each(pages)("%s", async (name, path) => {
    await page.goto(s.portal.portal + path);
    await page.screenshot({ path: join(pictures, `${name}-${look}.png`), fullPage: true });
    expect(await violations(page)).toEqual([]);
  });

  test("the command page, and signing out", async () => {
    await page.goto(`${s.portal.portal}/k8s/demo`);
    await page.click("text=Make a command");
    await page.waitForSelector("#command");
    await page.screenshot({ path: join(pictures, `command-${look}.png`), fullPage: true });
    expect(await violations(page)).toEqual([]);
    await page.click("header >> text=Sign out");
    await page.waitForURL("**/signed-out**");
    await page.screenshot({ path: join(pictures, `signed-out-${look}.png`), fullPage: true });
    expect(await violations(page)).toEqual([]);
    expect(await page.textContent("h1")).toBe("Signed out");
  });
});

test("cookies are __Host-, HttpOnly, Secure and Lax, and nothing is left of the attempt", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, "bob");
  const ours = (await context.cookies()).filter((cookie) => cookie.domain === "localhost");
  expect(ours.map((cookie) => cookie.name).sort()).toEqual(["__Host-openunison", "__Host-ou-provider"]);
  for (const cookie of ours) expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
  await context.close();
});

test("pages work without JavaScript, and a page may not be framed", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await signIn(page, "alice", "/k8s/demo");
  expect(page.url()).toBe(`${s.portal.portal}/k8s/demo`);
  await page.click("text=Make a command");
  expect(await page.textContent("#command")).toContain("kubectl config set-credentials");
  const answer = (await page.goto(s.portal.portal + "/profile"))!;
  expect(answer.headers()["content-security-policy"]).toContain("frame-ancestors 'none'");
  expect(answer.headers()["cache-control"]).toBe("no-store");
  await context.close();
});

test("first paint is under 60 KiB with its stylesheet, and the theme is remembered", async () => {
  const context = await browser.newContext({ colorScheme: "light" });
  const page = await context.newPage();
  await signIn(page, "alice");
  const html = (await (await page.goto(s.portal.portal + "/"))!.body()).length;
  const sheet = await page.getAttribute('link[rel="stylesheet"]', "href");
  const css = (await page.goto(s.portal.portal + sheet!))!;
  expect(css.headers()["cache-control"]).toContain("immutable");
  expect(html + (await css.body()).length).toBeLessThan(60 * 1024);
  await page.goto(s.portal.portal + "/");
  await page.click("text=Dark");
  await page.waitForTimeout(300);
  await page.reload();
  expect(await page.getAttribute("html", "data-theme")).toBe("dark");
  await context.close();
});

test("the keyboard reaches everything: skip link first, then the navigation", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, "alice");
  await page.waitForSelector(".skip");
  await page.keyboard.press("Tab");
  expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to content");
  await context.close();
});

test("a client's request returns to it through the sign-in, across sites", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  let seen = "";
  await page.route("https://127.0.0.1:9999/**", (route) => {
    seen = route.request().url();
    return route.fulfill({ status: 200, body: "client" });
  });
  const query = new URLSearchParams({ client_id: "relying-party", redirect_uri: "https://127.0.0.1:9999/callback", response_type: "code", scope: "openid", state: "s1" });
  await signIn(page, "alice", `/auth/idp/k8sIdp/auth?${query.toString()}`);
  await page.waitForURL("https://127.0.0.1:9999/**");
  expect(seen).toContain("state=s1");
  expect(seen).toContain("code=");
  await context.close();
});
