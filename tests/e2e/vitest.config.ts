// SPDX-License-Identifier: Apache-2.0
//
// One process for all files: they share one stack (harness/stack.ts), which takes seconds to start and is stopped at exit.
import { defineConfig } from "vitest/config";

import Sequencer from "./harness/sequencer.ts";

export default defineConfig({
  test: {
    // A lane of tools/e2e_tests; names given to vitest itself match parts of others' names.
    include: process.env.E2E_FILES?.split(/\s+/).filter(Boolean) ?? ["*.test.ts"],
    globalSetup: ["./harness/cleanup.ts"],
    pool: "forks",
    poolOptions: { forks: { singleFork: true, isolate: false } },
    fileParallelism: false,
    sequence: { sequencer: Sequencer },
    testTimeout: 120_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
  },
});
