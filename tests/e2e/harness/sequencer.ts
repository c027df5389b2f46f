// SPDX-License-Identifier: Apache-2.0
//
// The order of files is vitest's, but for the one that looks at what the others left behind.
import { BaseSequencer, type TestSpecification } from "vitest/node";

export default class Sequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const last = (file: TestSpecification) => file.moduleId.endsWith("/leaks.test.ts");
    return [...sorted.filter((file) => !last(file)), ...sorted.filter(last)];
  }
}
