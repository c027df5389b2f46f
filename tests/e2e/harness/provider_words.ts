// SPDX-License-Identifier: Apache-2.0
//
// oidc-provider warns on the console that it is set up as only tests would: of no use to who looks at a demo. Imported before it,
// this keeps its words out of the terminal; `wordsGoTo` writes them, and those that come later, to a file.
import { appendFileSync } from "node:fs";

const kept: string[] = [];
let file = "";
const keep = (line: string): void => {
  if (file) appendFileSync(file, `${line}\n`);
  else kept.push(line);
};
for (const level of ["info", "warn"] as const) {
  const former = console[level].bind(console);
  console[level] = (...words: unknown[]) => (typeof words[0] === "string" && /^\S*oidc-provider [A-Z]+: /.test(words[0]) ? keep(words[0]) : former(...words));
}

export function wordsGoTo(path: string): void {
  file = path;
  for (const line of kept.splice(0)) keep(line);
}
