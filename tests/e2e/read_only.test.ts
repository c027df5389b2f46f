// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin` with a kubeconfig that it may not write, as one that is mounted or made by others is: it says so before anybody
// signs in, and nothing is changed. Run as somebody who isn't root, to whom modes mean nothing.
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { launchBrowser, letIn, signInAt } from "./harness/chromium.ts";
import { Desk } from "./harness/oulogin.ts";
import { pluginProgram } from "./harness/paths.ts";
import { must, run, type Output } from "./harness/process.ts";
import { stack, type Stack } from "./harness/stack.ts";

const isRoot = process.getuid?.() === 0, nobody = 65534;
const others = "apiVersion: v1\nkind: Config\nclusters:\n- name: kind\n  cluster: {server: \"https://127.0.0.1:1\"}\n";

/** A desk in a folder that everybody reaches, and whose person isn't root. */
class OrdinaryDesk extends Desk {
  constructor(stack: Stack, readonly place: string) {
    super({ ...stack, folder: place });
    rmSync(join(this.bin, "kubectl-oulogin"));
    cpSync(pluginProgram, join(this.bin, "kubectl-oulogin"));
  }
  own(): Promise<unknown> {
    return isRoot ? must("chown", ["-R", `${nobody}:${nobody}`, this.home]) : Promise.resolve();
  }
  as(command: string, args: string[], kubeconfig?: string): Promise<Output> {
    const options = { env: this.environment(kubeconfig), cwd: this.home };
    return isRoot ? run("setpriv", [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", command, ...args], options) : run(command, args, options);
  }
  override oulogin(args: string[], kubeconfig?: string): Promise<Output> {
    return this.as(join(this.bin, "kubectl-oulogin"), args, kubeconfig);
  }
}

let s: Stack, browser: Browser, context: BrowserContext, page: Page, desk: OrdinaryDesk, place: string, authority: string;
let host: string;
beforeAll(async () => {
  s = await stack();
  host = new URL(s.portal.portal).host;
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => browser?.close());
beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), "openunison-e2e-read-only-"));
  chmodSync(place, 0o755);
  desk = new OrdinaryDesk(s, place);
  authority = join(place, "ca.crt");
  cpSync(s.authority.caFile, authority);
  mkdirSync(join(desk.home, ".kube"));
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  rmSync(place, { recursive: true, force: true });
});

const login = (kubeconfig?: string) => desk.oulogin([`--host=${host}`, `--certificate-authority=${authority}`, "--browser=desktop"], kubeconfig);
async function signIn(kubeconfig?: string): Promise<Output> {
  const ended = login(kubeconfig);
  await signInAt(page, await desk.nextAddress(desk.opened.length), "alice");
  await letIn(page);
  return ended;
}
/** Names, modes, owners and contents of everything in the folder. */
const picture = (folder: string) => readdirSync(folder).sort().map((name) => [name, statSync(join(folder, name)).mode & 0o777, statSync(join(folder, name)).uid, readFileSync(join(folder, name), "utf8")]);

const cases: [string, (folder: string, config: string) => void, RegExp][] = [
  ["a write-protected file (0400)", (_folder, config) => chmodSync(config, 0o400), /config is write-protected; allow writing \(chmod u\+w\), or name another file with --kubeconfig/],
  ["a folder without write, and a file with", (folder) => chmodSync(folder, 0o555), /the folder \S+\/\.kube can't be written to \(Permission denied\); change its permissions, or name another file with --kubeconfig/],
];
if (isRoot) {
  cases.push(
    ["a file and a folder of somebody else", (folder, config) => { chownSync(config, 0, 0); chmodSync(config, 0o444); chownSync(folder, 0, 0); }, /config is write-protected/],
    ["a file of somebody else in a folder of one's own", (_folder, config) => { chownSync(config, 0, 0); chmodSync(config, 0o644); }, /config is write-protected/],
  );
}
test.each(cases)("%s: said before anybody signs in, and nothing is changed", async (_name, protect, says) => {
  const folder = join(desk.home, ".kube");
  writeFileSync(desk.config, others, { mode: 0o600 });
  await desk.own();
  protect(folder, desk.config);
  const before = picture(folder);
  const refused = await login();
  expect([refused.code, refused.stdout, desk.opened]).toEqual([1, "", []]);
  expect(refused.stderr).toMatch(says);
  expect(refused.stderr.split("\n")).toHaveLength(2);
  expect(picture(folder)).toEqual(before);
  // Another file, as it says.
  chmodSync(folder, 0o755);
  const output = await signIn(join(desk.home, "mine"));
  expect([output.code, output.stderr]).toEqual([0, expect.stringMatching(/Changed: .*\/mine/)]);
  expect((await desk.as(join(s.tools, "kubectl"), ["auth", "whoami"], join(desk.home, "mine"))).stdout).toMatch(/Username\s+alice/);
});

test("one that can't be read is said to be that, and isn't taken for an empty one", async () => {
  writeFileSync(desk.config, others, { mode: 0o600 });
  await desk.own();
  if (isRoot) chownSync(desk.config, 0, 0);
  else chmodSync(desk.config, 0);
  const refused = await login();
  expect([refused.code, desk.opened]).toEqual([1, []]);
  expect(refused.stderr).toMatch(/\.kube\/config can't be read: Permission denied/);
});

test("made read-only after a sign-in: kubectl and a run that changes nothing work, a switch is refused", async () => {
  await desk.own();
  expect((await signIn()).code).toBe(0);
  const folder = join(desk.home, ".kube");
  chmodSync(desk.config, 0o400);
  chmodSync(folder, 0o555);
  const before = picture(folder);
  expect((await desk.as(join(s.tools, "kubectl"), ["auth", "whoami"])).stdout).toMatch(/Username\s+alice/);
  desk.age(60);
  expect((await desk.as(join(s.tools, "kubectl"), ["auth", "whoami"])).stdout).toMatch(/Username\s+alice/);
  const again = await desk.oulogin([`--host=${host}`, "--cluster=demo"]);
  expect([again.code, again.stderr]).toEqual([0, expect.stringContaining("kubectl now uses the context demo")]);
  const refused = await desk.oulogin(["switch", "second"]);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("write-protected")]);
  expect(picture(folder)).toEqual(before);
  // Signing out ends the session all the same, and says that the entries stay.
  const purged = await desk.oulogin(["logout", "--purge"]);
  expect([purged.code, purged.stderr]).toEqual([1, expect.stringMatching(/Signed out at .*\n.*write-protected/)]);
  expect(picture(folder)).toEqual(before);
  expect(existsSync(desk.state) && desk.stateFiles().filter((file) => file.includes("/cluster-"))).toEqual([]);
});
