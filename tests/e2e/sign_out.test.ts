// SPDX-License-Identifier: Apache-2.0
//
// Signing out across the two sites, in Chromium: at the portal with the provider's session left alone or ended with it, and at the
// provider, which tells the portal (OpenID Connect Back-Channel Logout).
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, signInAt } from "./harness/chromium.ts";
import { Machine } from "./harness/kubectl.ts";
import { pinnedTools } from "./harness/paths.ts";
import { waitFor } from "./harness/process.ts";
import { expire } from "./harness/stack.ts";
import { VariantStack, type Variant } from "./harness/variants.ts";

let s: VariantStack;
let browser: Browser;
beforeAll(async () => {
  s = await VariantStack.shared();
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => {
  await browser?.close();
  await s?.stopVariant();
});

async function signIn(page: Page, user: string): Promise<void> {
  await signInAt(page, s.portalUrl, user);
  await page.waitForURL(`${s.portalUrl}/`);
}

async function withPage(f: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext();
  try {
    await f(await context.newPage());
  } finally {
    await context.close();
  }
}

/** Makes a command in this browser and pastes it. */
async function kubectlOf(page: Page): Promise<Machine> {
  await page.goto(`${s.portalUrl}/k8s/demo`);
  await page.click("text=Make a command");
  const machine = new Machine(s.folder, pinnedTools);
  expect((await machine.paste((await page.textContent("#command"))!)).code).toBe(0);
  return machine;
}

const ended = (variant: Variant, user: string) => variant.portal.audit().filter((line) => line.event === "session_ended" && line.user === user);

test("local: the provider's session stays, and the page says so", async () => {
  await s.variant({ oidc: "logout: local" });
  await withPage(async (page) => {
    await signIn(page, "alice");
    await page.click("header >> text=Sign out");
    await page.waitForURL("**/signed-out**");
    expect(await page.textContent("main")).toContain("At your identity provider you may still be signed in");
    await page.click("text=Sign in again");
    await page.waitForURL(`${s.portalUrl}/`);
    expect(await page.textContent("header")).toContain("Alice Liddell");
  });
});

test("upstream: the provider's session ends too, and kubectl's with both", async () => {
  const variant = await s.variant({ oidc: "logout: upstream" });
  await withPage(async (page) => {
    await signIn(page, "bob");
    const machine = await kubectlOf(page);
    await page.click("header >> text=Sign out");
    await page.waitForURL(`${s.upstreamUrl}/session/end**`);
    expect(new URL(page.url()).searchParams.get("id_token_hint")).toBeTruthy();
    await page.click("text=Yes, sign me out");
    await page.waitForURL(`${s.portalUrl}/signed-out**`);
    expect(await page.textContent("main")).not.toContain("may still be signed in");
    await page.click("text=Sign in again");
    await page.waitForSelector("#password");  // asked again: nothing of the provider's session is left
    await expire(machine, "bob");
    expect((await machine.kubectl(["auth", "whoami"])).code).not.toBe(0);
  });
  expect(ended(variant, "bob").length).toBeGreaterThan(0);
});

test("back-channel: signing out at the provider ends the browser's and kubectl's sessions, of that person only", async () => {
  const variant = await s.variant({ upstream: { backchannelLogoutUri: `${s.portalUrl}/auth/oidc/backchannel_logout`, ca: s.authority.caPem } });
  const other = await variant.person("bob");
  await withPage(async (page) => {
    await signIn(page, "alice");
    const machine = await kubectlOf(page);
    expect((await machine.kubectl(["auth", "whoami"])).stdout).toContain("alice");
    await page.goto(`${s.upstreamUrl}/session/end`);
    await page.click("text=Yes, sign me out");
    await waitFor("the portal to be told", async () => ended(variant, "alice").length > 0);
    await page.goto(`${s.portalUrl}/profile`);
    await page.waitForSelector("#password");
    await expire(machine, "alice");
    const refused = await machine.kubectl(["auth", "whoami"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("this session is over");
  });
  expect(ended(variant, "alice").map((line) => line.reason)).toEqual(expect.arrayContaining(["backchannel_logout"]));
  expect(ended(variant, "bob")).toEqual([]);
  await expire(other.machine, "bob");
  expect((await other.machine.kubectl(["auth", "whoami"])).stdout).toContain("bob");
});
