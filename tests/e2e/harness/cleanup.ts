// SPDX-License-Identifier: Apache-2.0
//
// After all tests: ends what the worker started and didn't come to end itself, by the process ids that it noted.
import { mkdirSync, readFileSync, rmSync, existsSync } from "node:fs";
import { join } from "node:path";

import { root } from "./paths.ts";
import { forgetAll } from "./secrets.ts";

export default function setup(): () => void {
  // Of several lanes each has processes of its own, and all note secrets in one place (tools/e2e_tests).
  const lane = process.env.E2E_LANE ?? "";
  const pids = join(root, "build", `e2e-pids${lane && `-${lane}`}`);
  mkdirSync(join(root, "build"), { recursive: true });
  rmSync(pids, { force: true });
  process.env.E2E_PIDS = pids;
  if (lane === "") forgetAll();
  return () => {
    if (!existsSync(pids)) return;
    for (const pid of readFileSync(pids, "utf8").split("\n").filter(Boolean)) {
      try {
        process.kill(Number(pid), "SIGTERM");
      } catch {
        // It has ended already.
      }
    }
  };
}
