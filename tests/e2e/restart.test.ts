// SPDX-License-Identifier: Apache-2.0
//
// The server restarted in between: sessions, keys and refresh tokens go on. And what an administrator does from the command
// line.
import { beforeAll, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { openunisonProgram } from "./harness/paths.ts";
import { expire, person, stack, type Stack } from "./harness/stack.ts";
import { run, sleep } from "./harness/process.ts";

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

test("killed while keys rotate, the ring opens as it was before or after, and the active key stays", async () => {
  const list = async () => (JSON.parse(await s.portal.command(["keys", "list", "--state", s.portal.state, "--output", "json"])) as { keys: { state: string; kid: string }[] }).keys;
  const active = (keys: { state: string; kid: string }[]) => keys.filter((key) => key.state === "active").map((key) => key.kid);
  const before = active(await list());
  for (let round = 0; round < 12; round += 1) {
    const rotating = run(openunisonProgram, ["keys", "rotate", "--state", s.portal.state]);
    await sleep(round);
    await s.portal.stop("SIGKILL");
    await rotating;
    await s.portal.start();
    expect(active(await list())).toEqual(before);
    expect((await new Visitor(s.authority.caPem).fetch(`${s.portal.issuer}/certs`)).body).toContain(before[0]);
  }
  const { machine } = await person(s, "alice");
  expect((await machine.kubectl(["auth", "whoami"])).stdout).toContain("alice");
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
