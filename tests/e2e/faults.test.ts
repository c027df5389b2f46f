// SPDX-License-Identifier: Apache-2.0
//
// The short form of `make faults`.
import { expect, test } from "vitest";

import { damagedState, failingDisk, fullDisk, type DiskFault } from "./harness/disk_faults.ts";
import { killWhileRotating } from "./harness/faults.ts";

test("kill -9 while tokens rotate: nothing acknowledged is lost, nothing retired or revoked comes back", async () => {
  const counts = await killWhileRotating(20);
  expect(counts).toMatchObject({ cycles: 20, lost: 0, revived: 0, forcedSignIns: 0, rereads: 0, replayed: 0 });
  expect(counts.acknowledged).toBeGreaterThan(20 * 12);
  expect(counts.cut, "kills that hit something").toBeGreaterThan(0);
});

function expectGood(counts: DiskFault): void {
  expect(counts, counts.name).toMatchObject({ wrong: 0, lost: 0, revived: 0, page: true, recovered: true, told: counts.asked });
  expect(counts.asked).toBeGreaterThan(0);
  expect(counts.acknowledged).toBeGreaterThan(0);
}

test("a disk that is full: nothing is lost, everybody is told, and it recovers by itself", async () => {
  const counts = await fullDisk();
  expectGood(counts);
  expect(counts.reason).toMatch(/the disk is full/);
});

test("a disk that fails: nothing is lost, everybody is told, and it recovers by itself", async () => {
  const all = await failingDisk();
  for (const counts of all) expectGood(counts);
  const reasons = Object.fromEntries(all.map((counts) => [counts.name, counts.reason]));
  expect(reasons["write-enospc"]).toMatch(/the disk is full/);
  expect(reasons["write-erofs"]).toMatch(/can't be written/);
  for (const name of ["write-eio", "fsync-eio", "fsync-eio truncate-eio"]) expect(reasons[name]).toMatch(/the disk fails/);
});

test("state that was damaged or put back: a clear word, and no session of the past", async () => {
  const results = Object.fromEntries((await damagedState()).map((result) => [result.name, result]));
  for (const result of Object.values(results)) expect(result.accepted, result.name).toBe(0);
  expect(results["as a kill left it"]).toMatchObject({ outcome: "kept", said: "", checked: expect.stringMatching(/ 0 errors/) });
  for (const [name, said] of [
    ["older database put back", /an older session database was put back/],
    ["database removed", /the session database is gone/],
    ["log removed", /an older session database was put back/],
    ["log damaged in its middle", /log \(sessions\.db-wal\) was damaged/],
    ["counter damaged", /sessions\.counter can't be read/],
    ["counter removed", /sessions\.counter is gone/],
  ] as const) {
    expect(results[name]!.outcome, name).toBe("ended");
    expect(results[name]!.said, name).toMatch(said);
    expect(results[name]!.said, name).toMatch(/all sessions were ended/);
    expect(results[name]!.checked, name).toMatch(said);
  }
  for (const [name, said] of [
    ["database's header damaged", /isn't an SQLite database/],
    ["database cut short", /damaged/],
    ["database's pages damaged", /damaged/],
    ["key file damaged", /don't open with OU_MASTER_KEY/],
  ] as const) {
    expect(results[name]!.outcome, name).toBe("refused");
    expect(results[name]!.said, name).toMatch(said);
    if (name.startsWith("database")) expect(results[name]!.checked, name).toMatch(said);
  }
});
