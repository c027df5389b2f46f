// SPDX-License-Identifier: Apache-2.0
//
// The arithmetic that says "flat" or "grows" in `make soak`.
import { expect, test } from "vitest";

import { percentile99, slope, studentT, type Sample } from "./harness/slope.ts";

/** The same noise at every run. */
function noise(): () => number {
  let state = 12345;
  return () => ((state = (state * 1103515245 + 12345) % 2147483648) / 2147483648) * 2 - 1;
}
function samples(lives: number, seconds: number, value: (at: number, life: number) => number): Sample[] {
  return Array.from({ length: lives * seconds }, (_, i) => ({ life: Math.floor(i / seconds), at: i % seconds, value: value(i % seconds, Math.floor(i / seconds)) }));
}

test("a line has its slope, whatever the levels of the lives", () => {
  const found = slope(samples(3, 100, (at, life) => 1000 * life + at / 60))!;
  expect(found.perHour).toBeCloseTo(60, 6);
  expect(found.high - found.low).toBeLessThan(1e-6);
});

test("noise around a level is flat, and growth that stands out of it is not", () => {
  const one = noise(), other = noise();
  const flat = slope(samples(2, 200, () => 50 + 5 * one()))!;
  expect(flat.low).toBeLessThan(0);
  expect(flat.high).toBeGreaterThan(0);
  const grows = slope(samples(2, 200, (at) => 50 + 5 * other() + at / 30))!;
  expect(grows.low).toBeGreaterThan(0);
  expect(grows.low).toBeLessThan(120);
  expect(grows.high).toBeGreaterThan(120);
});

test("the beginning of a life doesn't count, and too little says nothing", () => {
  const found = slope(samples(2, 150, (at) => (at < 30 ? at * 10 : 300)))!;
  expect(found.perHour).toBeCloseTo(0, 6);
  expect(slope(samples(1, 50, (at) => at))).toBeUndefined();
});

test("Student's t, and the 99th of a hundred", () => {
  for (const [freedom, expected] of [[5, 2.571], [10, 2.228], [30, 2.042], [100, 1.984]] as const) expect(studentT(freedom)).toBeCloseTo(expected, 2);
  expect(percentile99(Array.from({ length: 200 }, (_, i) => i + 1))).toBe(199);
});
