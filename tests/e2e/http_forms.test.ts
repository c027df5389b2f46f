// SPDX-License-Identifier: Apache-2.0
//
// Thousands of requests of HTTP/1.1, good, hostile and mutated, read by our parser, by Boost.Beast's and by Node's server: what
// they take, and what of it. Every disagreement must be of a class that is explained in harness/h1_disagreements.ts.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, test } from "vitest";

import { compare, explain, kClasses, type Disagreement, type Peer } from "./harness/h1_disagreements.ts";
import { mutations, NodeReader, seeds, type Form, type Reading } from "./harness/h1_forms.ts";
import { root } from "./harness/paths.ts";
import { must } from "./harness/process.ts";

const build = join(root, "build/release");
const program = join(build, "bin/h1_readings");
// The same in every run; others to look for more.
const kMutations = Number(process.env.HTTP_FORMS_COUNT ?? 6000);
const kSeed = Number(process.env.HTTP_FORMS_SEED ?? 20_261_125);

interface Case {
  form: Form;
  readings: Record<Peer | "Ours", Reading>;
}
let cases: Case[];

const fromHex = (text: string) => Buffer.from(text, "hex").toString("latin1");
const lines = (text: string) => text.trim().split("\n").map((line) => JSON.parse(line));

function decode(reading: Reading): Reading {
  const messages = reading.messages.map(({ method, target, fields, body }) => ({
    method: fromHex(method), target: fromHex(target), body: fromHex(body), fields: fields.map(([name, value]) => [fromHex(name), fromHex(value)] as [string, string]),
  }));
  return { messages, end: reading.end, reason: Buffer.from(reading.reason, "hex").toString() };
}

beforeAll(async () => {
  await must("ninja", ["-C", build, "h1_readings"], { timeout: 170_000 });
  const table: Form[] = lines(await must(program, ["table"])).map(({ name, good, form }) => ({ name, good, bytes: Buffer.from(form, "hex") }));
  const given = [...table, ...seeds()];
  const forms = [...given, ...mutations(given, kMutations, kSeed)];
  const readings = lines(await must(program, ["read"], { input: forms.map(({ bytes }) => `${bytes.toString("hex")}\n`).join("") }));
  expect(readings.length).toBe(forms.length);
  const node = new NodeReader();
  cases = [];
  for (const [i, form] of forms.entries())
    cases.push({ form, readings: { Ours: decode(readings[i].ours), Beast: decode(readings[i].beast), Node: await node.read(form.bytes) } });
});

test("every disagreement with Beast and Node is explained", () => {
  const counts = new Map<string, number>();
  const unexplained: string[] = [];
  for (const { form, readings } of cases) {
    for (const peer of ["Beast", "Node"] as const) {
      const found = compare(peer, form.bytes.toString("latin1"), readings.Ours, readings[peer]);
      if (!found) continue;
      const known = explain(found);
      if (!known) unexplained.push(`${form.name} with ${peer}: ${describe(found)}\n  ${JSON.stringify(form.bytes.toString("latin1"))}`);
      else counts.set(`${peer}: ${known.name}`, (counts.get(`${peer}: ${known.name}`) ?? 0) + 1);
    }
  }
  console.log(`${cases.length} forms; disagreements by class:\n${[...counts].sort().map(([name, count]) => `${count}  ${name}`).join("\n")}`);
  expect(unexplained, unexplained.slice(0, 5).join("\n")).toEqual([]);
  // A class that nothing is of any more explains nothing. Node's depend on its version.
  const dead = kClasses.filter(({ name, peers }) => peers.includes("Beast") && !counts.has(`Beast: ${name}`)).map(({ name }) => name);
  expect(dead).toEqual([]);
});

test("the forms are many, and both good and bad for every parser", () => {
  expect(cases.length).toBeGreaterThan(6000);
  for (const parser of ["Ours", "Beast", "Node"] as const) {
    const taken = cases.filter(({ readings }) => readings[parser].messages.length > 0).length;
    const refused = cases.filter(({ readings }) => readings[parser].end === "refused").length;
    expect(taken, parser).toBeGreaterThan(500);
    expect(refused, parser).toBeGreaterThan(500);
    expect(cases.some(({ readings }) => readings[parser].messages.length >= 3), parser).toBe(true);
    expect(cases.some(({ readings }) => readings[parser].messages.some(({ body }) => body !== "")), parser).toBe(true);
  }
});

// The comparison itself must see what parts two parsers.
test("a parser that reads otherwise is found", () => {
  const good: Reading = { messages: [{ method: "GET", target: "/a?b", fields: [["host", "a"], ["x", "y"]], body: "c" }], end: "clean", reason: "" };
  const message = good.messages[0]!;
  const others: [string, Reading][] = [
    ["different method", { ...good, messages: [{ ...message, method: "PUT" }] }],
    ["different target", { ...good, messages: [{ ...message, target: "/a" }] }],
    ["different host", { ...good, messages: [{ ...message, fields: [["host", "b"], ["x", "y"]] }] }],
    ["different fields", { ...good, messages: [{ ...message, fields: [["host", "a"], ["x", "z"]] }] }],
    ["different fields", { ...good, messages: [{ ...message, fields: [["host", "a"]] }] }],
    ["different body", { ...good, messages: [{ ...message, body: "" }] }],
    ["stricter ", { ...good, messages: [message, message] }],
    ["laxer ", { ...good, messages: [], end: "refused", reason: "x" }],
    ["end ", { ...good, end: "open" }],
  ];
  for (const [expected, theirs] of others) {
    const found = compare("Node", "", good, theirs);
    expect(`${found?.kind} ${found?.what}`).toBe(expected);
    expect(explain(found!), expected).toBeUndefined();
  }
  expect(compare("Node", "", good, { ...good, end: "closed" })).toBeUndefined();
  expect(compare("Node", "", good, { ...good, messages: [{ ...message, target: "http://A/a?b", fields: [["HOST", "A"], ["Te", "trailers"], ["X", "y"]] }] })).toBeUndefined();
});

test("the documentation tells of every class", () => {
  const file = join(root, "docs/reference/http1.md");
  const text = readFileSync(file, "utf8");
  const [begin, end] = ["<!-- classes -->\n", "<!-- end of classes -->"];
  const rows = kClasses.map(({ name, peers, section, right, why }) => `| ${name} | ${peers.join(", ")} | ${section} | ${right} | ${why} |\n`).join("");
  const table = `| what | read otherwise by | section | who is right | why |\n|---|---|---|---|---|\n${rows}`;
  const made = text.slice(0, text.indexOf(begin) + begin.length) + table + text.slice(text.indexOf(end));
  if (process.env.OPENUNISON_WRITE_GOLDEN) writeFileSync(file, made);
  else expect(text).toBe(made);
});

function describe({ kind, what, ours, theirs, at }: Disagreement): string {
  const shown = (reading: Reading) => `${reading.messages.length} taken, then ${reading.end} ${reading.reason}`;
  const parts = kind === "different" ? `; ours ${JSON.stringify(ours.messages[at])}, theirs ${JSON.stringify(theirs.messages[at])}` : "";
  return `${kind} ${what}; ours: ${shown(ours)}; theirs: ${shown(theirs)}${parts}`;
}
