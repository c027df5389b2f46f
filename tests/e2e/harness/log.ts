// SPDX-License-Identifier: Apache-2.0
//
// Reading a log that a program is writing: only lines that have ended. The kernel shows a reader the first part of a
// write that crosses a page before the rest of it.
import { readFileSync } from "node:fs";

function written(file: string): Buffer {
  const bytes = readFileSync(file);
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1);
}

/** Where the last ended line ends, in bytes. */
export function logEnd(file: string): number {
  return written(file).length;
}

/** The lines from a byte on (0, or what `logEnd` gave), without empty ones. */
export function logLines(file: string, from = 0): string[] {
  return written(file).subarray(from).toString("utf8").split("\n").filter(Boolean);
}

/** The lines as JSON objects, without what a start that fails tells a person in words. Any other line throws. */
export function logEntries(file: string, from = 0): Record<string, unknown>[] {
  return logLines(file, from).filter((line) => !line.startsWith("openunison: ")).map((line) => JSON.parse(line) as Record<string, unknown>);
}
