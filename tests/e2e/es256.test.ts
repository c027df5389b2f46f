// SPDX-License-Identifier: Apache-2.0
//
// A portal that signs with ES256, and real API servers that were told so by what `api-server-config` prints. Built-in users.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { Cluster } from "./harness/cluster.ts";
import { Machine } from "./harness/kubectl.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { openunisonProgram } from "./harness/paths.ts";
import { freePort, run, waitFor } from "./harness/process.ts";
import { stack, type Stack } from "./harness/stack.ts";

let s: Stack, portal: OpenUnison, machine: Machine;
const clusters = new Map<string, Cluster>();
beforeAll(async () => {
  s = await stack();
  const folder = join(s.folder, "es256");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const way of ["flags", "file"]) clusters.set(way, await Cluster.prepare(join(folder, way), s.tools, s.authority));
  portal = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: clusters.get("flags")!.server, openunisonExtra: "signing_algorithm: ES256" });
  await portal.prepare();
  await portal.addUser("dora", "password-of-dora", ["staff"]);
  await portal.start();
  await Promise.all([...clusters].map(async ([way, cluster]) => cluster.start(await portal.apiServerFlags(undefined, way as "flags" | "file"))));
  const visitor = new Visitor(s.authority.caPem);
  await visitor.signIn(portal.portal, "dora", "password-of-dora");
  machine = new Machine(folder, s.tools, "dora");
  await machine.paste(await visitor.command(portal.portal, "demo"));
}, 120_000);
afterAll(async () => {
  for (const cluster of clusters.values()) await cluster.stop();
  await portal?.stop();
});

test.each(["flags", "file"])("kubectl works where the API server was told by %s", async (way) => {
  const there = () => machine.kubectl([`--server=${clusters.get(way)!.server}`, "auth", "whoami"]);
  await waitFor("the API server to know the provider", async () => (await there()).code === 0, 60_000, 1_000);
  expect((await there()).stdout).toMatch(/Username\s+dora/);
});

test("EKS, which takes RS256 only, isn't told anything that wouldn't work", async () => {
  for (const format of ["eks-cli", "eksctl", "terraform"]) {
    const refused = await run(openunisonProgram, ["api-server-config", "-f", portal.valuesFile, "--format", format]);
    expect([refused.code, refused.stdout]).toEqual([1, ""]);
    expect(refused.stderr).toContain("EKS takes RS256 only");
  }
});
