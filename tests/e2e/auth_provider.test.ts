// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin --auth-provider`: the real kubectl's built-in provider keeps the tokens, many at once and from old copies.
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, letIn, signInAt } from "./harness/chromium.ts";
import { Desk } from "./harness/oulogin.ts";
import { sleep } from "./harness/process.ts";
import { expire, metric, stack, type Stack } from "./harness/stack.ts";

let s: Stack, browser: Browser;
beforeAll(async () => {
  s = await stack();
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => browser?.close());
const count = (outcome: string) => metric(s, "openunison_refreshes_total", `outcome="${outcome}"`);

test("many kubectl at once cost no sign-in, and a copy from before the grace is refused and ends nothing", async () => {
  const desk = new Desk(s), page = await (await browser.newContext()).newPage(), ended = desk.signIn(["--auth-provider"]);
  await signInAt(page, await desk.nextAddress(0), "alice");
  await letIn(page);
  expect((await ended).code).toBe(0);
  // A machine without the plugin.
  desk.more = { PATH: `${s.tools}:/usr/bin:/bin` };
  const whoami = (kubeconfig?: string) => desk.kubectl(["auth", "whoami"], kubeconfig);
  expect((await whoami()).stdout).toMatch(/Username\s+alice/);

  await expire(desk, "alice");
  const old = join(desk.home, "old-copy");
  copyFileSync(desk.config, old);
  const copies = Array.from({ length: 20 }, (_, i) => join(desk.home, `copy-${i}`));
  for (const copy of copies) copyFileSync(desk.config, copy);
  const rotated = await count("rotated");
  const together = await Promise.all(copies.map((copy) => whoami(copy)));
  expect(together.filter((each) => each.code !== 0).map((each) => each.stderr)).toEqual([]);
  expect((await count("rotated")) - rotated).toBe(1);
  // On one file kubectl's own lock and its truncated file make some of them fail; the session outlives that.
  await Promise.all(Array.from({ length: 20 }, () => whoami()));
  copyFileSync(copies[0]!, desk.config);

  await sleep(31_000);
  await expire(desk, "alice");
  expect((await whoami()).stdout).toMatch(/Username\s+alice/);
  const reused = await count("reuse");
  const stale = await whoami(old);
  expect([stale.code, stale.stderr]).toEqual([1, expect.stringMatching(/invalid_grant|logged in|refresh/)]);
  expect(await count("reuse")).toBeGreaterThan(reused);
  await expire(desk, "alice");
  expect((await whoami()).stdout, readFileSync(s.portal.log, "utf8").split("\n").slice(-5).join("\n")).toMatch(/Username\s+alice/);
});
