// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin --password-stdin` for built-in users, where values allow it and where they don't. Portals of their own; no cluster.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { Desk } from "./harness/oulogin.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { freePort, run } from "./harness/process.ts";
import { noteSecret, noteTokens } from "./harness/secrets.ts";
import { stack, type Stack } from "./harness/stack.ts";

const password = "password-of-dora-7";
let s: Stack, desk: Desk, allowed: OpenUnison, forbidden: OpenUnison;
async function portalWith(name: string, authentication: string): Promise<OpenUnison> {
  const folder = join(s.folder, name);
  mkdirSync(folder, { recursive: true });
  const portal = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", authentication, openunisonExtra: "az_groups: [staff]" });
  await portal.prepare();
  await portal.addUser("dora", password, ["staff"]);
  await portal.addUser("eve", "password-of-eve-7", ["elsewhere"]);
  await portal.start();
  return portal;
}
beforeAll(async () => {
  s = await stack();
  noteSecret("password", password);
  allowed = await portalWith("sent-passwords", "password_from_command_line: true");
  forbidden = await portalWith("refused-passwords", "group_refresh_seconds: 300");
});
afterAll(async () => {
  await allowed?.stop();
  await forbidden?.stop();
});
beforeEach(() => {
  desk = new Desk(s);
  desk.more = { CI: "true", DISPLAY: "", BROWSER: "" };
});

const hostOf = (portal: OpenUnison) => new URL(portal.portal).host;
/** The password goes in by a pipe. */
async function signIn(portal: OpenUnison, username: string, input: string, ...more: string[]) {
  const file = join(desk.home, "input");
  writeFileSync(file, input);
  const args = [`--host=${hostOf(portal)}`, `--certificate-authority=${s.authority.caFile}`, `--username=${username}`, "--password-stdin", ...more];
  const output = await run("sh", ["-c", 'program="$1"; shift; cat "$HOME/input" | "$program" "$@"', "sh", join(desk.bin, "kubectl-oulogin"), ...args], { env: desk.environment(), cwd: desk.home });
  noteTokens(output.stdout);
  return output;
}
const events = (portal: OpenUnison, event: string) => portal.audit().filter((line) => line.event === event);

test("signs in without a browser, as any sign-in; the sessions page names the machine, and logout ends it", async () => {
  const done = await signIn(allowed, "dora", `${password}\nnot read`);
  expect([done.code, done.stdout], done.stderr).toEqual([0, ""]);
  expect(done.stderr).toMatch(/Signed in at .* as dora/);
  expect(done.stderr).not.toContain(password);
  const token = await desk.oulogin(["get-token", `--host=${hostOf(allowed)}`, "--cluster=demo"]);
  expect([token.code, token.stdout]).toEqual([0, expect.stringContaining("ExecCredential")]);
  const visitor = new Visitor(s.authority.caPem);
  await visitor.signIn(allowed.portal, "dora", password);
  const sessions = await visitor.fetch(`${allowed.portal}/sessions`);
  expect(sessions.body).toContain("kubectl oulogin on ");
  expect(events(allowed, "sign_in")).toEqual(expect.arrayContaining([expect.objectContaining({ user: "dora", provider: "local" })]));
  expect(events(allowed, "session_ended")).toEqual([expect.objectContaining({ user: "dora", kind: "web", reason: "no_browser" })]);
  expect(events(allowed, "token")).toEqual(expect.arrayContaining([expect.objectContaining({ client: "kubectl-oulogin", grant: "password" })]));
  expect((await desk.oulogin(["logout"])).code).toBe(0);
  expect(desk.opened).toEqual([]);
});

test("a wrong password and an unknown user are told the same, and too many are held back", async () => {
  const wrong = await signIn(allowed, "dora", "not the password\n");
  const unknown = await signIn(allowed, "nobody", "not the password\n");
  expect([wrong.code, wrong.stdout]).toEqual([1, ""]);
  expect(wrong.stderr).toMatch(/^kubectl-oulogin: user name or password is wrong\n/);
  expect(unknown).toEqual(wrong);
  expect((await signIn(allowed, "eve", "password-of-eve-7\n")).stderr).toMatch(/needs the group staff/);
  let last = wrong;
  for (let i = 0; i < 30 && !last.stderr.includes("too many attempts"); i += 1) last = await signIn(allowed, "mallory", "guess\n");
  expect([last.code, last.stderr]).toEqual([1, expect.stringContaining("too many attempts")]);
  // The page counts them too.
  const visitor = new Visitor(s.authority.caPem);
  expect((await visitor.signIn(allowed.portal, "mallory", "guess")).status).toBe(429);
  expect(events(allowed, "sign_in_refused").map((line) => line.code)).toEqual(expect.arrayContaining(["wrong_password", "throttled", "not_allowed"]));
  expect(existsSync(desk.config)).toBe(false);
});

test("where values don't allow it, and with what can't be used, it says so and sends nothing", async () => {
  expect(await signIn(forbidden, "dora", password)).toMatchObject({ code: 1, stderr: expect.stringContaining("takes no passwords from the command line") as string });
  expect(events(forbidden, "sign_in_refused")).toEqual([]);
  const cases: [() => Promise<{ code: number | null; stderr: string }>, RegExp][] = [
    [() => signIn(allowed, "dora", ""), /no password on the first line/],
    [() => signIn(allowed, "dora", `${"x".repeat(1025)}\n`), /more than 1024 bytes/],
    [() => desk.oulogin([`--host=${hostOf(allowed)}`, `--certificate-authority=${s.authority.caFile}`, "--password-stdin"]), /needs --username/],
    [() => signIn(allowed, "dora", password, "--device"), /two ways/],
    [() => desk.oulogin([`--host=${hostOf(allowed)}`, "--username=dora"]), /--username is for --password-stdin/],
    [() => run("script", ["-qec", `'${join(desk.bin, "kubectl-oulogin")}' --host=${hostOf(allowed)} --username=dora --password-stdin --certificate-authority=${s.authority.caFile} 2> '${join(desk.home, "said")}'; cat '${join(desk.home, "said")}' >&2; exit 2`, "/dev/null"], { env: desk.environment() }).then((each) => ({ ...each, stderr: each.stdout })), /is a terminal/],
  ];
  for (const [output, says] of cases) expect(await output()).toMatchObject({ code: 2, stderr: expect.stringMatching(says) as string });
});
