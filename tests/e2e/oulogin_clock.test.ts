// SPDX-License-Identifier: Apache-2.0
//
// `kubectl oulogin` on a machine whose clock is wrong, by ten minutes and by a day (libfaketime): it signs in, and a token is as old
// as it is, whatever the clock shows. The program that people get is static, and nothing can be put before its clock: this is the
// same source, linked dynamically. Portal, API server and kubectl have the true time.
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { Authority } from "./harness/certs.ts";
import { Cluster } from "./harness/cluster.ts";
import { Desk } from "./harness/oulogin.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { pinnedTools, root } from "./harness/paths.ts";
import { freePort, must, sleep, waitFor, type Output } from "./harness/process.ts";

const build = join(root, "build/release"), kMinutes = 600, kDay = 86_400, kLife = 20, password = "correct horse battery staple";
let authority: Authority, portal: OpenUnison, cluster: Cluster, host: string, folder: string;
beforeAll(async () => {
  await must("ninja", ["-C", build, "kubectl-oulogin"], { timeout: 170_000 });
  folder = join(root, "build/e2e-oulogin-clock");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // Certificates that are good also for a clock of yesterday.
  authority = await Authority.create(folder, 3);
  cluster = await Cluster.prepare(join(folder, "cluster"), pinnedTools, authority);
  portal = new OpenUnison({ folder, authority, port: await freePort(), managementPort: await freePort(), apiServer: cluster.server, authentication: `token_life_seconds: ${kLife}\nrefresh_token: {grace_period_millis: 1000}` });
  await portal.prepare();
  await portal.addUser("carol", password, ["admins"]);
  await portal.start();
  host = new URL(portal.portal).host;
  await cluster.start(await portal.apiServerFlags());
}, 180_000);
afterAll(async () => {
  await cluster?.stop();
  await portal?.stop();
});

class WrongDesk extends Desk {
  private readonly control: string;
  private offset = 0;
  constructor() {
    super({ folder, tools: pinnedTools, portal, authority } as ConstructorParameters<typeof Desk>[0]);
    const program = join(this.bin, "kubectl-oulogin");
    rmSync(program);
    symlinkSync(join(build, "bin/kubectl-oulogin"), program);
    this.control = join(this.home, "offset");
    this.set(0);
    this.more = {
      LD_PRELOAD: `/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/faketime/libfaketimeMT.so.1`, FAKETIME_TIMESTAMP_FILE: this.control, FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1", DONT_FAKE_MONOTONIC: "1",
    };
  }
  /** Its clock goes so many seconds wrong. */
  set(seconds: number): void {
    this.offset = seconds;
    writeFileSync(this.control, `${seconds < 0 ? "-" : "+"}${Math.abs(seconds)}\n`);
  }
  async signInAsCarol(): Promise<Output> {
    const ended = this.signIn(), visitor = new Visitor(authority.caPem);
    const address = await this.nextAddress(0);
    const back = await visitor.allow(await visitor.submitLogin(await visitor.follow(address), "carol", password), "http://127.0.0.1");
    await fetch(back.url);
    return ended;
  }
  /** A token, whose stamp is by this machine's clock and so a kubectl here compares it rightly. */
  async token(): Promise<string> {
    const output = await this.oulogin(["get-token", `--host=${host}`, "--cluster=demo"]);
    expect([output.code, output.stderr]).toEqual([0, ""]);
    const { status } = JSON.parse(output.stdout) as { status: { token: string; expirationTimestamp: string } };
    const left = (Date.parse(status.expirationTimestamp) - Date.now()) / 1000 - this.offset;
    expect(left).toBeGreaterThan(-2);
    expect(left).toBeLessThan(kLife + 2);
    return status.token;
  }
}
const rotated = async () => Number(/^openunison_refreshes_total\{outcome="rotated"\} (\S+)/m.exec(await (await fetch(`${portal.management}/metrics`)).text())?.[1] ?? NaN);

test("signing in works, a token is kept as long as it is good, and the next comes in time", async () => {
  const desks = [0, kMinutes, -kMinutes, kDay, -kDay].map((offset) => ({ offset, desk: new WrongDesk(), first: "" }));
  for (const each of desks) {
    each.desk.set(each.offset);
    const output = await each.desk.signInAsCarol();
    expect([each.offset, output.code, output.stderr]).toEqual([each.offset, 0, expect.stringMatching(/Signed in at .* as carol, for at most 1[12] h/)]);
    each.first = await each.desk.token();
    const before = await rotated();
    expect(await each.desk.token()).toBe(each.first);
    expect(await rotated()).toBe(before);
  }
  const before = await rotated();
  await sleep((kLife - 4) * 1000);
  for (const each of desks) expect([each.offset, await each.desk.token()]).not.toEqual([each.offset, each.first]);
  expect((await rotated()) - before).toBe(desks.length);
  // What it gives is good by the true time.
  for (const { desk } of desks) await waitFor("the API server to know the portal", async () => /Username\s+carol/.test((await desk.kubectl(["auth", "whoami"])).stdout), 60_000, 500);
});

test("where a certificate isn't good by the wrong clock, it is said that it may be the clock", async () => {
  for (const [offset, reason] of [[-10 * kDay, "is not yet valid"], [60 * kDay, "has expired"]] as const) {
    const desk = new WrongDesk();
    desk.set(offset);
    const failed = await desk.signIn();
    expect([failed.code, desk.opened]).toEqual([1, []]);
    expect(failed.stderr).toContain(`certificate isn't trusted: certificate ${reason}`);
    const day = new Date(Date.now() + offset * 1000).toISOString().slice(0, 10);
    expect(failed.stderr).toMatch(new RegExp(`\nthis machine's clock shows ${day}T\\S+: if that is wrong, set it; .*\n$`));
  }
});

test("a clock that is set between two calls makes no kept token older or younger", async () => {
  const desk = new WrongDesk();
  expect((await desk.signInAsCarol()).code).toBe(0);
  const first = await desk.token(), before = await rotated();
  for (const offset of [kMinutes, -kMinutes, kDay, -kDay, 0]) {
    desk.set(offset);
    expect(await desk.token()).toBe(first);
  }
  expect(await rotated()).toBe(before);
  await sleep((kLife - 4) * 1000);
  // Back to before the token was made: by that clock it would still be good.
  desk.set(-kMinutes);
  expect(await desk.token()).not.toBe(first);
  expect((await rotated()) - before).toBe(1);
  expect(readFileSync(portal.log, "utf8")).not.toContain("stale_refresh_token");
});
