// SPDX-License-Identifier: Apache-2.0
//
// An API server that is told of the portal by the AuthenticationConfiguration that `api-server-config` prints, instead of by
// flags: the same people with the same names, groups and rights.
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Cluster } from "./harness/cluster.ts";
import type { Machine } from "./harness/kubectl.ts";
import { waitFor } from "./harness/process.ts";
import { expire, person, stack, type Stack } from "./harness/stack.ts";

let s: Stack, cluster: Cluster;
beforeAll(async () => {
  s = await stack();
  cluster = await Cluster.prepare(join(s.folder, "by-file"), s.tools, s.authority);
  await cluster.start(await s.portal.apiServerFlags(undefined, "file"));
  await cluster.applyDemoAccess();
  const { machine } = await person(s, "alice");
  await waitFor("the API server to know the provider", async () => (await there(machine, "auth", "whoami")).code === 0);
});
afterAll(async () => cluster?.stop());

/** The pasted command names the first cluster; the person and the tokens are the same here. */
const there = (machine: Machine, ...args: string[]) => machine.kubectl([`--server=${cluster.server}`, ...args]);
const userInfo = async (output: Promise<{ stdout: string }>) => (JSON.parse((await output).stdout) as { status: { userInfo: { username: string; groups: string[]; extra: Record<string, string[]> } } }).status.userInfo;

test("names, groups and the token's id are those that flags give", async () => {
  const { machine } = await person(s, "alice");
  const byFile = await userInfo(there(machine, "auth", "whoami", "-o", "json"));
  expect(byFile).toEqual(await userInfo(machine.kubectl(["auth", "whoami", "-o", "json"])));
  expect(byFile.username).toBe("alice");
  expect(byFile.groups).toEqual(["demo-admins", "developers", "system:authenticated"]);
  expect(byFile.extra["authentication.kubernetes.io/credential-id"]?.[0]).toMatch(/^JTI=/);
});

test("RBAC allows and refuses by group, and a refreshed token is as good", async () => {
  const alice = await person(s, "alice"), bob = await person(s, "bob"), carol = await person(s, "carol");
  expect((await there(alice.machine, "get", "nodes")).code).toBe(0);
  expect((await there(bob.machine, "get", "nodes")).stderr).toContain('User "bob" cannot list resource "nodes"');
  expect((await there(bob.machine, "get", "pods")).code).toBe(0);
  await expire(bob.machine, "bob");
  expect((await there(bob.machine, "get", "pods")).code).toBe(0);
  expect((await there(carol.machine, "get", "pods")).stderr).toContain("forbidden");
});

test("a token for another cluster is no credential here", async () => {
  const { machine } = await person(s, "alice", "second");
  const refused = await there(machine, "auth", "whoami");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toContain("Unauthorized");
});
