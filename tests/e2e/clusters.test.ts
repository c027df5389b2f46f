// SPDX-License-Identifier: Apache-2.0
//
// Two clusters behind one portal: a token of one is no credential of the other.
import { readFileSync } from "node:fs";

import { beforeAll, expect, test } from "vitest";

import { person, stack, type Stack } from "./harness/stack.ts";
import { waitFor } from "./harness/process.ts";

let s: Stack;
beforeAll(async () => {
  s = await stack();
});

const idToken = (kubeconfig: string) => /id-token: (\S+)/.exec(readFileSync(kubeconfig, "utf8"))![1]!;

test("each API server takes its own tokens and refuses the other's", async () => {
  const first = await person(s, "alice"), second = await person(s, "alice", "second");
  await first.machine.kubectl(["auth", "whoami"]);
  await waitFor("the second API server to know the provider", async () => (await second.machine.kubectl(["auth", "whoami"])).code === 0, 30_000, 1000);
  const withToken = (machine: typeof first.machine, server: string, token: string) =>
    machine.kubectl(["auth", "whoami", "--kubeconfig", "/dev/null", "--server", server, "--certificate-authority", s.authority.caFile, "--token", token]);
  const tokenOfFirst = idToken(first.machine.config), tokenOfSecond = idToken(second.machine.config);
  expect((await withToken(first.machine, s.cluster.server, tokenOfFirst)).stdout).toContain("alice");
  expect((await withToken(first.machine, s.second.server, tokenOfSecond)).stdout).toContain("#alice");
  expect((await withToken(first.machine, s.second.server, tokenOfFirst)).stderr).toMatch(/Unauthorized|logged in/);
  expect((await withToken(first.machine, s.cluster.server, tokenOfSecond)).stderr).toMatch(/Unauthorized|logged in/);
});
