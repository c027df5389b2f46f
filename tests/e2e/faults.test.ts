// SPDX-License-Identifier: Apache-2.0
//
// Twenty of the cycles of `make faults`.
import { expect, test } from "vitest";

import { killWhileRotating } from "./harness/faults.ts";

test("kill -9 while tokens rotate: nothing acknowledged is lost, nothing retired comes back", async () => {
  const counts = await killWhileRotating(20);
  expect(counts).toMatchObject({ cycles: 20, lost: 0, revived: 0, forcedSignIns: 0, rereads: 0 });
  expect(counts.acknowledged).toBeGreaterThan(20 * 12);
  expect(counts.cut, "kills that hit something").toBeGreaterThan(0);
});
