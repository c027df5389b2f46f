// SPDX-License-Identifier: Apache-2.0
//
// Many kubectl at once across an expiry: one successor, nobody signed out.
import { copyFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, test } from "vitest";

import { expire, metric, person, stack, type Stack } from "./harness/stack.ts";

let s: Stack;
beforeAll(async () => {
  s = await stack();
});

const reuse = () => metric(s, "openunison_refreshes_total", 'outcome="reuse"');
const counts = async () => ({ rotated: await metric(s, "openunison_refreshes_total", 'outcome="rotated"'), repeated: await metric(s, "openunison_refreshes_total", 'outcome="repeated"') });

test("20 kubectl on copies of one kubeconfig: none fails, one successor", async () => {
  const { machine } = await person(s, "alice");
  await machine.kubectl(["auth", "whoami"]);
  await expire(machine, "alice");
  const copies = Array.from({ length: 20 }, (_, i) => join(machine.home, `copy-${i}`));
  for (const copy of copies) copyFileSync(machine.config, copy);
  const before = await counts();
  const outputs = await Promise.all(copies.map((copy) => machine.kubectl(["auth", "whoami"], copy)));
  const after = await counts();
  expect(outputs.filter((output) => output.code !== 0).map((output) => output.stderr)).toEqual([]);
  expect(after.rotated - before.rotated).toBe(1);
  expect(after.repeated - before.repeated).toBe(19);
});

test("20 kubectl on one file: no call fails for another reason than kubectl's own lock, and the next needs no sign-in", async () => {
  const { machine } = await person(s, "alice");
  await machine.kubectl(["auth", "whoami"]);
  await expire(machine, "alice");
  const reused = await reuse();
  const before = await counts();
  const outputs = await Promise.all(Array.from({ length: 20 }, () => machine.kubectl(["auth", "whoami"])));
  const after = await counts();
  const lock = /could not persist new tokens|config\.lock/, truncated = /localhost:8080 was refused|context was not found|no context exists|does not exist|connection refused|You must be logged in|EOF|current-context/;
  const failures = outputs.filter((output) => output.code !== 0);
  console.log(`kubectl's own lock: ${failures.filter((output) => lock.test(output.stderr)).length}, its truncated file: ${failures.filter((output) => !lock.test(output.stderr) && truncated.test(output.stderr)).length} of 20`);
  expect(failures.filter((output) => !lock.test(output.stderr) && !truncated.test(output.stderr)).map((output) => output.stderr)).toEqual([]);
  expect(after.rotated - before.rotated).toBeGreaterThanOrEqual(1);
  expect((await reuse()) - reused).toBe(0);
  expect((await machine.kubectl(["auth", "whoami"])).stdout).toContain("alice");
});
