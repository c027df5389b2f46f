// SPDX-License-Identifier: Apache-2.0
//
// What -v and -vv of `kubectl oulogin` say: enough to find out what goes wrong, and none of the secrets that pass, which a proxy in
// between notes one by one.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import { launchBrowser, letIn, signInAt } from "./harness/chromium.ts";
import { Keyring } from "./harness/keyring.ts";
import { Desk } from "./harness/oulogin.ts";
import { freePort, waitFor, type Output } from "./harness/process.ts";
import { Recorder } from "./harness/recorder.ts";
import { findLeaks, secretsOfTheRun, type Secret } from "./harness/secrets.ts";
import { stack, type Stack } from "./harness/stack.ts";

let s: Stack, browser: Browser, context: BrowserContext, page: Page, desk: Desk, recorder: Recorder;
let host: string, said: string, passed: Secret[];
beforeAll(async () => {
  s = await stack();
  host = new URL(s.portal.portal).host;
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => browser?.close());
beforeEach(async () => {
  desk = new Desk(s);
  said = "";
  passed = [];
  recorder = await Recorder.start(await freePort(), s.portal.portal, await s.authority.issue("recorder", "/CN=localhost"), s.authority.caPem);
  desk.more = { HTTPS_PROXY: recorder.url.replace("//", "//dora:word-of-the-proxy@") };
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  await recorder.stop();
});

/** Takes note of what was said, and of what is kept after it. */
function hear(output: Output): Output {
  said += output.stderr;
  for (const file of desk.stateFiles())
    for (const [name, value] of Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, string>)) if (name.endsWith("_token") && value) passed.push({ kind: "token", value });
  return output;
}
const oulogin = async (...args: string[]) => hear(await desk.oulogin(args));
const token = (...more: string[]) => oulogin("get-token", `--host=${host}`, "--cluster=demo", ...more);
async function signIn(...args: string[]): Promise<Output> {
  const before = desk.opened.length, ended = desk.signIn(args);
  await signInAt(page, await desk.nextAddress(before), "alice");
  await letIn(page);
  passed.push({ kind: "code", value: new URL(page.url()).searchParams.get("code")! });
  return hear(await ended);
}
/** Everything that passed, in whatever form, is not in what was said. */
function nothingLeaked(atLeast: number): void {
  const all = [...passed, ...recorder.secrets, { kind: "password" as const, value: "word-of-the-proxy" }, ...secretsOfTheRun()];
  expect(new Set([...passed, ...recorder.secrets].map((each) => each.value)).size).toBeGreaterThanOrEqual(atLeast);
  expect(findLeaks(all, [{ path: "stderr", text: said, page: false }])).toEqual([]);
  // The search finds them where they are.
  const [one] = recorder.secrets;
  expect(findLeaks(all, [{ path: "stderr", text: `${said}${one!.value}`, page: false }])).not.toEqual([]);
}

test("a sign-in, a kept token, a refresh, an exchange and a sign-out: all is told, and no secret", async () => {
  await signIn("-vv");
  expect(said).toMatch(/^\[\d+ ms\] way to sign in: browser$/m);
  expect(said).toMatch(/^\[\d+ ms\] proxy: http:\/\/127\.0\.0\.1:\d+$/m);
  expect(said).toMatch(new RegExp(`^\\[\\d+ ms\\] GET https://${host}/\\.well-known/openunison: 200, \\d+ ms$`, "m"));
  expect(said).toMatch(/^\[\d+ ms\] browser: opened with .*\/browser$/m);
  expect(said).toMatch(/\/token with grant_type=authorization_code client_id=kubectl-oulogin code=\[\d+ characters\] redirect_uri=\S+ code_verifier=\[43 characters\]/);
  expect(said).toMatch(/^\[\d+ ms\] storage: /m);

  said = "";
  expect((await token("-v")).stderr).toMatch(/^\[\d+ ms\] token of demo: the kept one\n$/);
  desk.age(60);
  const refreshed = await token("--verbose", "--verbose");
  expect(JSON.parse(refreshed.stdout)).toMatchObject({ kind: "ExecCredential" });
  expect(refreshed.stderr).toMatch(/lock of .*: free/);
  expect(refreshed.stderr).toMatch(/token of demo: \d+ s left, too little/);
  expect(refreshed.stderr).toMatch(/grant_type=refresh_token client_id=kubernetes refresh_token=\[\d+ characters\]/);
  // -v says what is asked, and not what is in it.
  desk.age(60);
  const less = await token("-v");
  expect(less.stderr).toMatch(/POST \S+\/token: 200, \d+ ms/);
  expect(less.stderr).not.toContain("grant_type");
  expect((await oulogin("get-token", `--host=${host}`, "--cluster=second", "-vv")).stderr).toMatch(/grant_type=urn:ietf:params:oauth:grant-type:token-exchange/);
  desk.age(60);
  expect((await desk.kubectl(["get", "--raw", "/version"])).stderr).toBe("");
  desk.age(60);
  desk.more.KUBECTL_OULOGIN_VERBOSE = "2";
  hear(await desk.kubectl(["get", "--raw", "/version"]));
  expect(said).toMatch(/\/token with grant_type=refresh_token/);
  delete desk.more.KUBECTL_OULOGIN_VERBOSE;
  expect((await oulogin("status", "-vv")).code).toBe(0);
  expect((await oulogin("logout", "--all", "-vv")).stderr).toMatch(/POST \S+\/api\/sign_out: 204/);
  expect((await token("-vv")).code).toBe(1);
  expect(recorder.paths).toEqual(expect.arrayContaining(["GET /api/account", "POST /api/sign_out"]));
  nothingLeaked(20);
});

test("what is refused is told with the portal's words, and no secret", async () => {
  await signIn("--storage=file");
  await s.portal.command(["sessions", "end", "--user", "alice", "--state", s.portal.state]);
  desk.age(60);
  desk.more.CI = "1";
  const failed = await token("-vv");
  expect([failed.code, failed.stdout]).toEqual([1, ""]);
  expect(failed.stderr).toMatch(/POST \S+\/token: 400, \d+ ms/);
  expect(failed.stderr).toMatch(/it says: /);
  expect(failed.stderr).toMatch(/way to sign in: none: this is a continuous integration job \(CI is set\)/);
  nothingLeaked(8);
});

test("with the keyring, and by a code", async () => {
  const keyring = await Keyring.start(join(desk.home, "desktop"));
  try {
    desk.more.DBUS_SESSION_BUS_ADDRESS = keyring.address;
    await signIn("-vv");
    desk.age(60);
    expect((await token("-vv")).stderr).toMatch(/keyring: secret-tool search: 0, \d+ ms/);
    passed.push({ kind: "key", value: /^secret = (\S+)$/m.exec(await keyring.items())![1]! });
    await oulogin("logout", "-vv");

    const child = spawn(join(desk.bin, "kubectl-oulogin"), [`--host=${host}`, `--certificate-authority=${s.authority.caFile}`, "--device", "-vv"], { env: desk.environment(), cwd: desk.home });
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const code = await waitFor("a code", async () => /\b([B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4})\b/.exec(stderr)?.[1]);
    await page.goto(`${s.portal.portal}/device?user_code=${code}`);
    await page.click("button:has-text('Go on')");
    await page.waitForSelector("text=Let this device in?");
    await page.click("button:has-text('Allow')");
    expect(await ended).toBe(0);
    hear({ code: 0, stdout: "", stderr });
    expect(stderr).toMatch(/device_code=\[\d+ characters\]/);
    nothingLeaked(15);
  } finally {
    await keyring.stop();
  }
});
