// SPDX-License-Identifier: Apache-2.0
//
// Where `kubectl oulogin` keeps what it signs in with: a file, or a file that a key in the desktop's keyring opens. The keyring is
// GNOME's, reached by libsecret's secret-tool as on a desktop; kubectl, the API server and Chromium are real.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { launchBrowser, letIn, signInAt } from "./harness/chromium.ts";
import { Keyring } from "./harness/keyring.ts";
import { Desk } from "./harness/oulogin.ts";
import { run, sleep } from "./harness/process.ts";
import { metric, stack, type Stack } from "./harness/stack.ts";

let s: Stack, browser: Browser, context: BrowserContext, page: Page, desk: Desk, keyring: Keyring;
let host: string;
beforeAll(async () => {
  s = await stack();
  host = new URL(s.portal.portal).host;
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => browser?.close());
beforeEach(async () => {
  desk = new Desk(s);
  keyring = await Keyring.start(join(desk.home, "desktop"));
  desk.more = { DBUS_SESSION_BUS_ADDRESS: keyring.address };
  // Notes how it is called, and calls the real one.
  writeFileSync(join(desk.bin, "secret-tool"), `#!/bin/sh\nprintf '%s\\n' "$*" >> "${calls()}"\nexec /usr/bin/secret-tool "$@"\n`, { mode: 0o755 });
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => {
  await context.close();
  await keyring.stop();
});

const calls = () => join(desk.home, "secret-tool-calls");
const called = () => (existsSync(calls()) ? readFileSync(calls(), "utf8").split("\n").filter(Boolean) : []);
async function signIn(...args: string[]) {
  const before = desk.opened.length, ended = desk.signIn(args);
  await signInAt(page, await desk.nextAddress(before), "alice");
  await letIn(page);
  const output = await ended;
  expect([output.code, output.stderr]).toEqual([0, expect.not.stringContaining("kubectl-oulogin:")]);
  return output;
}
const token = () => desk.oulogin(["get-token", `--host=${host}`, "--cluster=demo"]);
const whoami = async () => /Username\s+(\S+)/.exec((await desk.kubectl(["auth", "whoami"])).stdout)?.[1];
const refreshes = () => metric(s, "openunison_tokens_issued_total", 'client="kubernetes",grant="refresh_token"');
const kept = () => Object.fromEntries(desk.stateFiles().map((file) => [basename(file), JSON.parse(readFileSync(file, "utf8")) as Record<string, string>]));
const plain = () => Object.values(kept()).map((each) => each.refresh_token).filter(Boolean);
const sealed = () => Object.values(kept()).map((each) => each.sealed_refresh_token).filter(Boolean);
const storage = async () => (JSON.parse((await desk.oulogin(["status", "--output=json"])).stdout) as { portals: { storage: string }[] }).portals[0]!.storage;

describe("with a keyring that works", () => {
  test("auto uses it: no refresh token is in a file, and one refresh serves fifty callers", async () => {
    await signIn();
    expect(await whoami()).toBe("alice");
    expect([plain(), sealed().length]).toEqual([[], 2]);
    const items = await keyring.items();
    expect(items).toContain(`label = kubectl oulogin at ${host}`);
    expect(items).toContain(`attribute.host = ${host}`);
    expect(await storage()).toBe("keyring");
    expect((await desk.oulogin(["status"])).stdout).toContain("sealed with a key in the desktop's keyring");
    for (let round = 0; round < 2; round += 1) {
      desk.age(60);
      const before = await refreshes();
      const all = await Promise.all(Array.from({ length: 50 }, () => desk.kubectl(["get", "--raw", "/version"])));
      expect(all.filter((each) => each.code !== 0).map((each) => each.stderr)).toEqual([]);
      expect((await refreshes()) - before).toBe(1);
    }
    expect([plain(), sealed().length]).toEqual([[], 2]);
  });

  test("a kept token starts no program, and no secret is an argument of one", async () => {
    await signIn();
    const before = called().length;
    expect((await token()).code).toBe(0);
    expect(called()).toHaveLength(before);
    desk.age(60);
    expect((await token()).code).toBe(0);
    expect(called()).toHaveLength(before + 1);
    const key = /^secret = (\S+)$/m.exec(await keyring.items())![1]!;
    expect(Buffer.from(key, "base64")).toHaveLength(32);
    for (const line of called()) {
      expect(line).not.toContain(key);
      for (const secret of [...sealed(), ...Object.values(kept()).map((each) => each.id_token)].filter(Boolean)) expect(line).not.toContain(secret);
    }
    expect(called().filter((line) => line.startsWith("store"))).toHaveLength(1);
  });

  test.skipIf(process.getuid?.() !== 0 || existsSync("/run/user/0/bus"))("programs of the desktop, which have nothing but HOME, find the bus of the person", async () => {
    await signIn();
    desk.age(60);
    const runtime = "/run/user/0", bus = `${runtime}/bus`;
    await run("mkdir", ["-p", runtime]);
    await run("ln", ["-s", keyring.address.replace("unix:path=", ""), bus]);
    try {
      const bare = await run(join(s.tools, "kubectl"), ["auth", "whoami"], { env: { HOME: desk.home }, cwd: "/" });
      expect(bare.stdout, bare.stderr).toMatch(/Username\s+alice/);
    } finally {
      rmSync(bus);
    }
  });

  test("logout takes the key out, and so does --purge", async () => {
    await signIn();
    expect((await desk.oulogin(["logout"])).stderr).toBe(`Signed out at ${host}\n`);
    expect(await keyring.items()).toBe("");
    const ended = desk.signIn();
    await page.goto(await desk.nextAddress(1));
    await letIn(page);
    expect((await ended).code).toBe(0);
    expect(await keyring.items()).toContain("secret = ");
    expect((await desk.oulogin(["logout", "--purge"])).code).toBe(0);
    expect(await keyring.items()).toBe("");
    expect(desk.stateFiles()).toEqual([]);
  });

  test("--storage moves what is kept, asks nobody, and is remembered", async () => {
    await signIn("--storage=file");
    expect([plain().length, await keyring.items(), called()]).toEqual([2, "", []]);
    const opened = desk.opened.length;
    expect((await desk.oulogin([`--host=${host}`, "--storage=keyring"])).code).toBe(0);
    expect([plain(), sealed().length]).toEqual([[], 2]);
    desk.age(60);
    expect(await whoami()).toBe("alice");
    expect((await desk.oulogin([`--host=${host}`, "--storage=file"])).code).toBe(0);
    expect([plain().length, sealed(), await keyring.items()]).toEqual([2, [], ""]);
    desk.age(60);
    expect(await whoami()).toBe("alice");
    expect(desk.opened).toHaveLength(opened);
    // The next sign-in goes where the last one was asked to.
    await desk.oulogin(["logout"]);
    await context.clearCookies();
    await signIn();
    expect([plain().length, await keyring.items()]).toEqual([2, ""]);
  });

  test("kill -9 in the middle of a refresh, forty times: the session lives, and no token is in a file as it is", async () => {
    await signIn();
    for (let i = 0; i < 40; i += 1) {
      desk.age(60);
      const child = spawn(join(desk.bin, "kubectl-oulogin"), ["get-token", `--host=${host}`, "--cluster=demo"], { env: desk.environment(), stdio: "ignore" });
      const gone = new Promise((resolve) => child.once("exit", resolve));
      await sleep((i % 20) * 3);
      child.kill("SIGKILL");
      await gone;
      expect(plain()).toEqual([]);
    }
    desk.age(60);
    expect(await whoami()).toBe("alice");
    expect(desk.opened).toHaveLength(1);
  });
});

describe("with a keyring that doesn't work", () => {
  test("locked: what is left of a token is used, then one line says what to do; unlocked, it goes on", async () => {
    await signIn();
    await keyring.lock();
    const before = await refreshes();
    expect((await token()).code).toBe(0);
    desk.age(50);
    const last = await token();
    expect([last.code, last.stderr]).toEqual([0, ""]);
    desk.age(10);
    const failed = await token();
    expect([failed.code, failed.stdout]).toEqual([1, ""]);
    expect(failed.stderr).toBe(`kubectl-oulogin: the desktop's keyring is locked\nunlock it (as by signing in to the desktop) and try again, or run: kubectl oulogin --host=${host} --storage=file\n`);
    expect(await refreshes()).toBe(before);
    expect(keyring.questions).toBe(0);
    // A person who types a command is asked, once.
    expect((await desk.oulogin([`--host=${host}`, "--cluster=demo"])).code).toBe(1);
    expect(keyring.questions).toBe(1);
    await keyring.open();
    expect((await token()).code).toBe(0);
    expect(await whoami()).toBe("alice");
    expect(desk.opened).toHaveLength(1);
  });

  test("hanging: a clear line and not a hang; awake again, it goes on", async () => {
    await signIn();
    desk.age(60);
    keyring.hang();
    const failed = await token();
    expect([failed.code, failed.stdout]).toEqual([1, ""]);
    expect(failed.stderr).toMatch(/^kubectl-oulogin: the desktop's keyring doesn't answer\n.*--storage=file\n$/);
    keyring.hang(false);
    expect((await token()).code).toBe(0);
    expect(desk.opened).toHaveLength(1);
  });

  test("out of it without it: --storage=file signs in anew", async () => {
    await signIn();
    await keyring.lock();
    const ended = desk.oulogin([`--host=${host}`, "--storage=file", "--browser=desktop"]);
    await page.goto(await desk.nextAddress(1));
    await letIn(page);
    const output = await ended;
    expect([output.code, plain().length]).toEqual([0, 2]);
    expect(await whoami()).toBe("alice");
  });

  test("its key gone: it takes a sign-in", async () => {
    await signIn();
    await keyring.forgetEverything();
    desk.age(60);
    desk.more.CI = "1";
    const failed = await token();
    expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("no longer has the key to your sign-in")]);
    delete desk.more.CI;
    const ended = desk.signIn();
    await page.goto(await desk.nextAddress(1));
    await letIn(page);
    expect([(await ended).code, plain()]).toEqual([0, []]);
    expect(await whoami()).toBe("alice");
  });

  const without: [string, () => Promise<void>, RegExp][] = [
    ["locked", () => keyring.lock(), /keyring is locked/],
    ["of nobody yet", () => keyring.vanish(), /keyring (takes nothing|is locked)/],
    ["hanging", async () => keyring.hang(), /keyring doesn't answer/],
    ["without secret-tool", async () => writeFileSync(join(desk.bin, "secret-tool"), "", { mode: 0o644 }), /libsecret-tools/],
    ["without a session bus", async () => void (desk.more = {}), /no session bus/],
  ];
  test.each(without)("%s: auto keeps a file without a word, --storage=keyring says why before anybody signs in", async (name, breaks, says) => {
    await breaks();
    // No other directory of the PATH has the program either.
    if (name === "without secret-tool") desk.more.PATH = desk.bin;
    const refused = await desk.signIn(["--storage=keyring"]);
    if (/locked|nobody/.test(name)) expect(keyring.questions).toBe(1);
    expect([refused.code, refused.stdout, desk.opened]).toEqual([1, "", []]);
    expect(refused.stderr).toMatch(says);
    const asked = keyring.questions, output = await signIn();
    expect(output.stderr).not.toContain("keyring");
    expect(keyring.questions).toBe(asked);
    expect([plain().length, sealed()]).toEqual([2, []]);
    if (name === "without secret-tool") delete desk.more.PATH;
    desk.age(60);
    expect(await whoami()).toBe("alice");
  });
});
