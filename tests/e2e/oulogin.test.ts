// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin` as people use it: knowing only the host, with real kubectl, the real API server and Chromium.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { launchBrowser, letIn, looks, signInAt, violations } from "./harness/chromium.ts";
import { Desk } from "./harness/oulogin.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { pluginProgram, root } from "./harness/paths.ts";
import { freePort, run, sleep, waitFor } from "./harness/process.ts";
import { metric, stack, type Stack } from "./harness/stack.ts";

const pictures = join(root, "build/screenshots");
let s: Stack, browser: Browser, context: BrowserContext, page: Page, desk: Desk;
let host: string;
beforeAll(async () => {
  s = await stack();
  host = new URL(s.portal.portal).host;
  mkdirSync(pictures, { recursive: true });
  browser = await launchBrowser(s.folder, s.authority.caFile);
});
afterAll(async () => browser?.close());
beforeEach(async () => {
  desk = new Desk(s);
  context = await browser.newContext();
  page = await context.newPage();
});
afterEach(async () => context.close());

/** Runs `kubectl oulogin` and signs that person in in Chromium. */
async function signIn(user = "alice", args: string[] = [], kubeconfig?: string) {
  const before = desk.opened.length, ended = desk.signIn(args, kubeconfig);
  await signInAt(page, await desk.nextAddress(before), user);
  await letIn(page);
  const output = await ended;
  expect(output.stderr).not.toContain("kubectl-oulogin:");
  expect(output.code).toBe(0);
  return output;
}
const whoami = async () => /Username\s+(\S+)/.exec((await desk.kubectl(["auth", "whoami"])).stdout)?.[1];
const current = async (kubeconfig?: string) => (await desk.kubectl(["config", "current-context"], kubeconfig)).stdout.trim();
const refreshes = () => metric(s, "openunison_tokens_issued_total", 'client="kubernetes",grant="refresh_token"');
/** What the kubeconfig's entry runs. */
const token = (...more: string[]) => desk.oulogin(["get-token", `--host=${host}`, "--cluster=demo", ...more]);
const endSessionsOf = (user: string) => s.portal.command(["sessions", "end", "--user", user, "--state", s.portal.state]);

describe("signing in", () => {
  test("with only the host: a browser, the clusters, and kubectl works; the second run opens none", async () => {
    const output = await signIn();
    await page.waitForSelector("h1");
    await page.screenshot({ path: join(pictures, "oulogin-signed-in.png"), fullPage: true });
    expect(await violations(page)).toEqual([]);
    expect(output.stderr).toMatch(/Signed in at .* as alice/);
    expect(output.stderr).toContain("Also there: second");
    expect(output.stdout).toBe("");
    expect(await whoami()).toBe("alice");
    expect(await current()).toBe("demo");
    const opened = desk.opened.length;

    await desk.kubectl(["config", "use-context", "second"]);
    const again = await desk.oulogin([`--host=${host}`, "--cluster=demo"]);
    expect([again.code, desk.opened.length, await current()]).toEqual([0, opened, "demo"]);
    // The other cluster's API server gets a token of its own, without anybody being asked.
    expect((await desk.oulogin([`--host=${host}`, "--cluster=second"])).code).toBe(0);
    expect(await whoami()).toContain("#alice");
    expect(desk.opened).toHaveLength(opened);
  });

  test("the entry calls the plugin by its path, and nothing secret is in the kubeconfig", async () => {
    await signIn();
    const config = readFileSync(desk.config, "utf8");
    const program = join(desk.bin, "kubectl-oulogin");
    expect(config).toContain(program);
    expect(config).not.toContain("token:");
    expect(config).toMatch(/installHint/);
    for (const file of desk.stateFiles()) {
      const kept = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
      for (const name of ["refresh_token", "id_token"]) if (kept[name]) expect(config).not.toContain(kept[name]);
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    // As a desktop starts programs: nothing but HOME, and no terminal.
    const bare = await run(join(s.tools, "kubectl"), ["auth", "whoami"], { env: { HOME: desk.home }, cwd: "/" });
    expect(bare.stdout).toMatch(/Username\s+alice/);
  });

  test("--output json says what was done, and the sessions page shows the machine", async () => {
    const done = JSON.parse((await signIn("bob", ["--output=json", "--context=mine"])).stdout) as Record<string, unknown>;
    expect(done).toMatchObject({ user: "bob", context: "mine", cluster: "demo", server: s.cluster.server, signed_in: true });
    await page.goto(`${s.portal.portal}/sessions`);
    expect(await page.textContent("main")).toContain("kubectl oulogin");
  });

  test.each(looks)("the portal asks before it lets the program in, and a refusal ends it, in %s", async (look, options) => {
    const own = await browser.newContext({ ...options, javaScriptEnabled: look !== "dark" }), asked = await own.newPage();
    const ended = desk.signIn();
    const address = await desk.nextAddress(0);
    await signInAt(asked, address, "alice");
    await asked.waitForSelector("button[value=allow]");
    expect(await asked.textContent("main")).toContain(new URL(new URL(address).searchParams.get("redirect_uri")!).origin);
    await asked.screenshot({ path: join(pictures, `oulogin-question-${look}.png`), fullPage: true });
    if (look !== "dark") expect(await violations(asked)).toEqual([]);
    await asked.click("button[value=deny]");
    await asked.waitForURL("http://127.0.0.1:*/callback*");
    const output = await ended;
    expect([output.code, output.stderr]).toEqual([1, expect.stringContaining("the portal refused: the person said no")]);
    expect(existsSync(desk.config)).toBe(false);
    await own.close();
  });

  test("an error at the portal comes back to the terminal and to the browser", async () => {
    const ended = desk.signIn();
    const address = new URL(await desk.nextAddress(0));
    const callback = new URL(address.searchParams.get("redirect_uri")!);
    callback.search = new URLSearchParams({ error: "access_denied", error_description: "not you <b>", state: address.searchParams.get("state")!, iss: s.portal.issuer }).toString();
    await page.goto(callback.href);
    expect(await page.textContent("body")).toContain("not you <b>");
    const output = await ended;
    expect([output.code, output.stderr]).toEqual([1, expect.stringContaining("not you <b>")]);
    expect(existsSync(desk.config)).toBe(false);
  });

  test("a callback of somebody else changes nothing", async () => {
    const ended = desk.signIn();
    const address = await desk.nextAddress(0);
    const callback = new URL(new URL(address).searchParams.get("redirect_uri")!);
    for (const query of ["?code=evil&state=wrong", `?code=evil&state=${new URL(address).searchParams.get("state")}&iss=https://evil.example`, ""])
      expect((await fetch(callback.href + query)).status).toBe(400);
    await signInAt(page, address, "alice");
    await letIn(page);
    expect((await ended).code).toBe(0);
  });

  test("by a code, where there is no browser", async () => {
    desk.more = { SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22" };
    const child = spawn(join(desk.bin, "kubectl-oulogin"), [`--host=${host}`, `--certificate-authority=${s.authority.caFile}`, "--device"], { env: desk.environment(), cwd: desk.home });
    let said = "";
    child.stderr.on("data", (data: Buffer) => (said += data.toString()));
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    const code = await waitFor("a code", async () => /\b([B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4})\b/.exec(said)?.[1]);
    await signInAt(page, `${s.portal.portal}/device?user_code=${code}`, "alice");
    await page.click("button:has-text('Go on')");
    await page.waitForSelector("text=Let this device in?");
    expect(await page.textContent("main")).toContain("kubectl oulogin");
    await page.click("button:has-text('Allow')");
    expect(await ended).toBe(0);
    expect(desk.opened).toEqual([]);
    expect(await whoami()).toBe("alice");
  });

  test("--auth-provider writes kubectl's own form, which works without the plugin", async () => {
    await signIn("alice", ["--auth-provider"]);
    expect(readFileSync(desk.config, "utf8")).toContain("idp-issuer-url");
    desk.more = { PATH: `${s.tools}:/usr/bin:/bin` };
    expect(await whoami()).toBe("alice");
  });
});

describe("tokens", () => {
  test("fifty kubectl at once on one kubeconfig, over the end of a token: none fails, one refresh", async () => {
    await signIn();
    expect(await whoami()).toBe("alice");
    for (let round = 0; round < 3; round += 1) {
      desk.age(60);
      const before = await refreshes();
      const all = await Promise.all(Array.from({ length: 50 }, () => desk.kubectl(["get", "--raw", "/version"])));
      expect(all.filter((each) => each.code !== 0).map((each) => each.stderr)).toEqual([]);
      expect((await refreshes()) - before).toBe(1);
    }
  });

  test("a kept token is printed without the portal, and an unreachable portal ends no session", async () => {
    await signIn();
    const first = await token();
    const credential = JSON.parse(first.stdout) as { kind: string; status: { token: string; expirationTimestamp: string } };
    expect(credential.kind).toBe("ExecCredential");
    expect(Date.parse(credential.status.expirationTimestamp)).toBeGreaterThan(Date.now());
    expect(first.stderr).toBe("");
    await s.portal.stop();
    try {
      expect((await token()).stdout).toContain(credential.status.token);
      desk.age(60);
      const away = await token();
      expect([away.code, away.stdout]).toEqual([1, ""]);
      expect(away.stderr).toMatch(/^kubectl-oulogin: .*refused.*\n$/);
    } finally {
      await s.portal.start();
    }
    expect((await token()).code).toBe(0);
    expect(desk.opened).toHaveLength(1);
  });

  test("the session ended at the portal: in CI and over SSH one clear line and no browser", async () => {
    await signIn();
    await endSessionsOf("alice");
    desk.age(60);
    for (const more of [{ CI: "true" }, { SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22" }, { DISPLAY: "", BROWSER: "" }]) {
      desk.more = more;
      const failed = await token();
      expect([failed.code, failed.stdout]).toEqual([1, ""]);
      expect(failed.stderr).toMatch(new RegExp(`kubectl-oulogin: .*\\nrun: kubectl oulogin --host=${host}\\n$`));
    }
    expect(desk.opened).toHaveLength(1);
  });

  test("twenty callers on a desktop open one tab; signing in there serves them all", async () => {
    await signIn();
    await endSessionsOf("alice");
    desk.age(60);
    const before = desk.opened.length;
    const all = Array.from({ length: 20 }, () => token("--browser=desktop"));
    const address = await desk.nextAddress(before);
    await sleep(1_000);
    expect(desk.opened).toHaveLength(before + 1);
    await context.clearCookies();
    await signInAt(page, address, "alice");
    await letIn(page);
    for (const each of await Promise.all(all)) expect([each.code, each.stdout]).toEqual([0, expect.stringContaining("ExecCredential")]);
    expect(desk.opened).toHaveLength(before + 1);
  });

  test("after a refusal nobody opens another for a while, until somebody asks", async () => {
    await signIn();
    await endSessionsOf("alice");
    desk.age(60);
    const before = desk.opened.length;
    const refused = token("--browser=desktop");
    const address = new URL(await desk.nextAddress(before));
    const callback = new URL(address.searchParams.get("redirect_uri")!);
    callback.search = new URLSearchParams({ error: "access_denied", state: address.searchParams.get("state")!, iss: s.portal.issuer }).toString();
    await fetch(callback.href);
    expect((await refused).code).toBe(1);
    const others = await Promise.all(Array.from({ length: 5 }, () => token("--browser=desktop")));
    for (const each of others) expect([each.code, each.stderr]).toEqual([1, expect.stringContaining("no browser is opened for")]);
    expect(desk.opened).toHaveLength(before + 1);
    await context.clearCookies();
    await signIn();
    expect(await whoami()).toBe("alice");
  });
});

describe("kubeconfigs", () => {
  const others = `apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: kind
  cluster: {server: "https://127.0.0.1:1"}
- {name: demo, cluster: {server: "https://other.example.com"}}
users:
- name: kind
  user: {token: "1e3"}
contexts:
- name: kind
  context: {cluster: kind, user: kind}
- name: demo
  context: {cluster: demo, user: kind}
current-context: kind
`;
  test("names that are taken by others are left alone", async () => {
    mkdirSync(join(desk.home, ".kube"));
    writeFileSync(desk.config, others, { mode: 0o640 });
    await signIn();
    const view = JSON.parse((await desk.kubectl(["config", "view", "--raw", "-o", "json"])).stdout) as { clusters: { name: string; cluster: { server: string } }[]; users: { name: string; user: { token?: string } }[] };
    expect(view.clusters.find((each) => each.name === "demo")!.cluster.server).toBe("https://other.example.com");
    expect(view.users.find((each) => each.name === "kind")!.user.token).toBe("1e3");
    expect(await current()).toMatch(/^demo@/);
    expect(await whoami()).toBe("alice");
    expect(statSync(desk.config).mode & 0o777).toBe(0o640);
  });

  test("two portals and three clusters in a KUBECONFIG list: each entry goes where it belongs", async () => {
    const folder = join(s.folder, "oulogin-second-portal");
    mkdirSync(folder, { recursive: true });
    const other = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1" });
    await other.prepare();
    await other.addUser("carol", "correct horse battery staple", ["admins"]);
    await other.start();
    try {
      const first = join(desk.home, "one.yaml"), second = join(desk.home, "two.yaml");
      writeFileSync(first, others);
      writeFileSync(second, "apiVersion: v1\nkind: Config\nclusters: []\n");
      const list = `${join(desk.home, "missing.yaml")}:${first}:${second}`;
      await signIn("alice", [], list);
      const ended = desk.oulogin([`--host=${new URL(other.portal).host}`, `--certificate-authority=${s.authority.caFile}`, "--browser=desktop"], list);
      await page.goto(await desk.nextAddress(1));
      await page.fill("[name=username]", "carol");
      await page.fill("[name=password]", "correct horse battery staple");
      await page.click("form button[type=submit], form button");
      await letIn(page);
      expect((await ended).stderr).toMatch(/as carol/);
      const listed = JSON.parse((await desk.oulogin(["list", "--output=json"], list)).stdout) as { contexts: { context: string; host: string; cluster: string; current: boolean }[] };
      expect(listed.contexts.map((each) => `${each.host} ${each.cluster}`).sort()).toEqual([`${host} demo`, `${host} second`, `${new URL(other.portal).host} demo`].sort());
      expect(readFileSync(second, "utf8")).toBe("apiVersion: v1\nkind: Config\nclusters: []\n");
      const demo = listed.contexts.find((each) => each.host === host && each.cluster === "demo")!;
      expect((await desk.oulogin(["switch", demo.context], list)).code).toBe(0);
      expect((await desk.kubectl(["auth", "whoami"], list)).stdout).toMatch(/Username\s+alice/);
      const status = JSON.parse((await desk.oulogin(["status", "--output=json"])).stdout) as { portals: { user: string }[] };
      expect(status.portals.map((each) => each.user).sort()).toEqual(["alice", "carol"]);
    } finally {
      await other.stop();
    }
  });

  test("a symbolic link stays one, a stale lock is passed, and a broken file is named before anybody signs in", async () => {
    mkdirSync(join(desk.home, ".kube"));
    const real = join(desk.home, "real.yaml");
    writeFileSync(real, others);
    symlinkSync(real, desk.config);
    await signIn();
    expect(readFileSync(real, "utf8")).toContain("get-token");
    expect((await run("readlink", [desk.config])).stdout.trim()).toBe(real);

    writeFileSync(`${real}.lock`, "");
    await run("touch", ["-d", "2 hours ago", `${real}.lock`]);
    expect((await desk.oulogin(["switch", "second"])).code).toBe(0);
    expect(existsSync(`${real}.lock`)).toBe(false);

    const opened = desk.opened.length;
    writeFileSync(real, "apiVersion: v1\nclusters: [\n");
    const broken = await desk.signIn();
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringMatching(/\.kube\/config:\d+:\d+: /)]);
    expect(desk.opened).toHaveLength(opened);
    expect(readFileSync(real, "utf8")).toBe("apiVersion: v1\nclusters: [\n");
  });

  test("kill -9 while the context is changed, a hundred times: the file is always whole", async () => {
    await signIn();
    for (let i = 0; i < 100; i += 1) {
      const child = spawn(join(desk.bin, "kubectl-oulogin"), ["switch", i % 2 ? "demo" : "second"], { env: desk.environment(), stdio: "ignore" });
      const gone = new Promise((resolve) => child.once("exit", resolve));
      await sleep((i % 10) * 0.7);
      child.kill("SIGKILL");
      await gone;
      expect(["demo", "second"]).toContain(/current-context: "?(\w+)"?/.exec(readFileSync(desk.config, "utf8"))?.[1]);
    }
    expect((await desk.kubectl(["config", "get-contexts", "-o", "name"])).stdout.trim().split("\n").sort()).toEqual(["demo", "second"]);
    expect(await desk.oulogin(["switch", "demo"])).toMatchObject({ code: 0 });
    expect(await whoami()).toBe("alice");
  });
});

describe("the rest", () => {
  test("status, logout, --all and --purge", async () => {
    await signIn();
    expect((await desk.oulogin(["status"])).stdout).toMatch(new RegExp(`${host}\\n  signed in as alice .*\\n  ends in 1[12] h.*\\n  cluster demo: `));
    expect((await desk.oulogin(["logout"])).stderr).toBe(`Signed out at ${host}\n`);
    expect((await desk.oulogin(["status"])).code).toBe(1);
    desk.more = { CI: "1" };
    expect((await token()).stderr).toContain("you aren't signed in");
    desk.more = {};
    // The browser's session lives on: it needs no password.
    const ended = desk.signIn();
    await page.goto(await desk.nextAddress(1));
    await letIn(page);
    expect((await ended).code).toBe(0);

    expect((await desk.oulogin(["logout", "--all", "--purge"])).code).toBe(0);
    const cookie = (await context.cookies(s.portal.portal)).find((each) => each.name === "__Host-openunison")!;
    expect((await new Visitor(s.authority.caPem).fetch(`${s.portal.portal}/sessions`, { headers: { cookie: `${cookie.name}=${cookie.value}` } })).status).toBe(303);
    expect(existsSync(join(desk.state, encodeURIComponent(host)))).toBe(false);
    expect((await desk.kubectl(["config", "view", "-o", "json"])).stdout).toContain('"users": null');
  });

  test("what can go wrong on the way is said with what to do", async () => {
    const cases: [string[], number, RegExp][] = [
      [["--host=nosuch.invalid", "--browser=desktop"], 1, /nosuch\.invalid has no address/],
      [["--host=127.0.0.1:1", "--browser=desktop"], 1, /127\.0\.0\.1:1.*refused/],
      [[`--host=${new URL(s.upstream.issuer).host}`, `--certificate-authority=${s.authority.caFile}`, "--browser=desktop"], 1, /is no OpenUnison portal/],
      [[`--host=${host}`, "--browser=desktop"], 1, /certificate isn't trusted[\s\S]*--certificate-authority=FILE/],
      [[`--host=${host}`, "--certificate-authority=/nonexistent"], 2, /--certificate-authority=\/nonexistent: it can't be read/],
      [["--host=http://x"], 2, /https/],
      [[], 2, /--host is missing/],
      [["--host=x", "--nonsense"], 2, /nonsense/],
      [["nonsense"], 2, /nonsense/],
      [["get-token", `--host=${host}`], 2, /cluster/],
      [["switch", "nowhere"], 2, /no contexts yet/],
      [["completion", "tcsh"], 2, /tcsh/],
    ];
    for (const [args, code, says] of cases) {
      const output = await desk.oulogin(args);
      expect([args, output.code, output.stderr + output.stdout]).toEqual([args, code, expect.stringMatching(says)]);
    }
    expect(desk.opened).toEqual([]);
    await signIn();
    const wrong = await desk.oulogin([`--host=${host}`, "--cluster=nowhere"]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("may use demo, second")]);
  });

  test("completions name commands, flags and contexts in each shell", async () => {
    await signIn();
    const complete = async (...words: string[]) => (await desk.oulogin(["__complete", ...words])).stdout.trim().split("\n");
    expect(await complete("st")).toEqual(["status", ":4"]);
    expect(await complete("switch", "")).toEqual(expect.arrayContaining(["demo", "second", ":4"]));
    expect(await complete("--browser=d")).toEqual(["--browser=desktop", ":4"]);
    expect(await complete("--storage=k")).toEqual(["--storage=keyring", ":4"]);
    expect(await complete("status", "--v")).toEqual(["--verbose", ":4"]);
    expect(await complete("--kubeconfig=")).toEqual([":0"]);
    for (const [shell, check] of [["bash", ["bash", "-n"]], ["zsh", ["zsh", "-n"]], ["fish", ["fish", "-n"]]] as const) {
      const script = join(desk.home, `completion.${shell}`);
      writeFileSync(script, (await desk.oulogin(["completion", shell])).stdout);
      expect((await run(check[0], [...check.slice(1), script])).code).toBe(0);
    }
    const bash = await run("bash", ["-c", `source ${join(desk.home, "completion.bash")}; COMP_LINE='kubectl-oulogin switch se'; COMP_POINT=\${#COMP_LINE}; _kubectl_oulogin; echo "\${COMPREPLY[@]}"`], { env: desk.environment() });
    expect(bash.stdout.trim()).toBe("second");
  });

  test("the program is static, small and starts at once", async () => {
    expect((await run("file", ["-b", pluginProgram])).stdout).toMatch(/static-pie/);
    expect(statSync(pluginProgram).size).toBeLessThanOrEqual(8 << 20);
  });
});
