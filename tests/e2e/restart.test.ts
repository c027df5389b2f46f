// SPDX-License-Identifier: Apache-2.0
//
// The server restarted in between: sessions, keys and refresh tokens go on. And what an administrator does from the command
// line.
import { beforeAll, expect, test } from "vitest";

import { expire, person, stack, type Stack } from "./harness/stack.ts";
import { sleep } from "./harness/process.ts";

let s: Stack;
beforeAll(async () => {
  s = await stack();
});

test("kubectl and the browser go on after a restart, and after kill -9", async () => {
  const { visitor, machine } = await person(s, "alice");
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    await s.portal.stop(signal);
    await s.portal.start();
    await expire(machine, "alice");
    expect((await machine.kubectl(["auth", "whoami"])).stdout).toContain("alice");
    expect((await visitor.fetch(`${s.portal.portal}/profile`)).status).toBe(200);
  }
});

test("keys: list, rotate publishes ahead, tokens go on", async () => {
  const state = ["--state", s.portal.state];
  const before = JSON.parse(await s.portal.command(["keys", "list", ...state, "--output", "json"])) as { keys: { state: string; kid: string }[] };
  expect(before.keys.map((key) => key.state)).toEqual(["active"]);
  await s.portal.command(["keys", "rotate", ...state]);
  const after = JSON.parse(await s.portal.command(["keys", "list", ...state, "--output", "json"])) as typeof before;
  expect(after.keys.map((key) => key.state).sort()).toEqual(["active", "pending"]);
  const { machine } = await person(s, "bob");
  expect((await machine.kubectl(["auth", "whoami"])).stdout).toContain("bob");
});

test("sessions end --user signs that user out everywhere, and is audited", async () => {
  const { visitor, machine } = await person(s, "bob");
  expect(await s.portal.command(["sessions", "list", "--state", s.portal.state, "--user", "bob"])).toContain("bob");
  expect(await s.portal.command(["sessions", "end", "--state", s.portal.state, "--user", "bob"])).toMatch(/Ended \d+ sessions/);
  await expire(machine, "bob");
  expect((await machine.kubectl(["auth", "whoami"])).code).not.toBe(0);
  expect((await visitor.fetch(`${s.portal.portal}/profile`)).status).toBe(303);
  await sleep(100);
  expect(s.portal.audit().some((line) => line.event === "session_ended" && line.user === "bob" && line.reason === "admin")).toBe(true);
});
