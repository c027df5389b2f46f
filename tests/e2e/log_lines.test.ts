// SPDX-License-Identifier: Apache-2.0
//
// What the log has, held against the tables in docs/guides/operations.md both ways; and the trace of a request, from the client
// through log, audit and error page to the identity provider.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { exercise, trace, type Exercised, type Line } from "./harness/exercise.ts";
import { logLines } from "./harness/log.ts";
import { root } from "./harness/paths.ts";
import { waitFor } from "./harness/process.ts";

const guide = readFileSync(join(root, "docs/guides/operations.md"), "utf8");
const section = (heading: string) => {
  const from = guide.slice(guide.indexOf(`\n${heading}\n`) + heading.length + 2);
  const end = from.search(/^#+ /m);
  return end < 0 ? from : from.slice(0, end);
};
const words = (text: string) => [...text.matchAll(/`([a-z_]+)`/g)].map((match) => match[1]!);
const fields = (lines: Line[]) => [...new Set(lines.flatMap((line) => Object.keys(line)))].sort();

let it: Exercised;
let lines: Line[];
beforeAll(async () => {
  it = await exercise();
  lines = it.lines();
});

describe("documented fields", () => {
  test("of access lines", () => {
    const rows = [...section("### Access lines").matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+) \|/gm)].flatMap((match) => words(match[1]!));
    expect(rows.length).toBeGreaterThan(8);
    const access = lines.filter((line) => line.message === "request");
    for (const line of access) expect(fields([line])).toEqual(["level", "message", "time", ...rows].sort());
  });

  test("of lines about what couldn't be read", () => {
    const documented = words(/"request refused"`, [^:]*: (.*)\.$/m.exec(section("### Access lines"))![1]!);
    const refused = lines.filter((line) => line.message === "request refused");
    expect(refused.length).toBeGreaterThan(0);
    for (const line of refused) expect(fields([line])).toEqual(["level", "message", "time", ...documented].sort());
  });

  test("of each audit event", () => {
    const rows = new Map([...section("### Audit lines").matchAll(/^\| `([a-z_]+)` \| .* \| ([^|]*) \|$/gm)].map((match) => [match[1]!, words(match[2]!)]));
    const audit = it.portal.audit();
    // Of a start with another database than the last one: tests/e2e has it with the faults of the store.
    const elsewhere = ["all_sessions_ended"];
    expect([...new Set(audit.map((line) => String(line.event)))].sort()).toEqual([...rows.keys()].filter((event) => !elsewhere.includes(event)).sort());
    for (const [event, documented] of rows) {
      if (elsewhere.includes(event)) continue;
      expect([event, fields(audit.filter((line) => line.event === event))]).toEqual([event, ["event", "level", "time", ...documented].sort()]);
    }
  });

  test("warnings of the values file are lines like all others", () => {
    const [warning] = lines.filter((line) => line.message === "the values file has a warning");
    expect(warning).toMatchObject({ level: "warn" });
    expect(warning!.reason).toContain(`${it.portal.valuesFile}:`);
    expect(logLines(it.portal.log).filter((line) => !line.startsWith("{"))).toEqual([]);
  });

  test("every line has a time and a level", () => {
    for (const line of lines) {
      expect(line.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(["debug", "info", "warn", "error", "audit"]).toContain(line.level);
    }
  });

  test("every refusal of the edge that the program counts has a row", async () => {
    const counted = [...(await it.metrics()).matchAll(/^openunison_http_refused_total\{reason="([a-z0-9_]+)"\}/gm)].map((match) => match[1]!);
    const rows = [...section("## Limits").matchAll(/^\| ((?:`[a-z0-9_]+`(?:, )?)+) \|/gm)].flatMap((match) => [...match[1]!.matchAll(/`([a-z0-9_]+)`/g)].map((each) => each[1]!));
    expect(rows.sort()).toEqual(counted.sort());
    const keys = [...section("## Limits").matchAll(/\| ((?:`[a-z_]+`(?:, )?)+) \|$/gm)].flatMap((match) => words(match[1]!));
    const values = readFileSync(join(root, "docs/reference/values.md"), "utf8");
    expect(keys.length).toBeGreaterThan(8);
    for (const key of keys) expect(values).toContain(`server.limits.${key}`);
  });
});

describe("the trace of a request", () => {
  const named = (key: string, value: string) => lines.filter((line) => line[key] === value);

  test("is in its access line with a span of ours, and in its audit lines", () => {
    const access = named("trace", trace.id).filter((line) => line.message === "request");
    expect(access.length).toBeGreaterThan(10);
    for (const line of access) {
      expect(line.span).toMatch(/^[0-9a-f]{16}$/);
      expect(line.span).not.toBe(trace.parent);
    }
    const events = new Set(named("trace", trace.id).filter((line) => line.level === "audit").map((line) => line.event));
    for (const event of ["sign_in", "sign_in_refused", "token", "token_refused", "revocation", "session_ended", "user_changed"]) expect([...events]).toContain(event);
  });

  test("has the same request id in all of a request's lines", () => {
    const request = named("event", "sign_in").find((line) => line.provider === "company")!.request as string;
    const [access] = named("request", request).filter((line) => line.message === "request");
    expect(access).toMatchObject({ trace: trace.id, path: "/auth/oidc" });
  });

  test("goes on to the identity provider, our span as the parent, with its state", () => {
    const spans = named("trace", trace.id).filter((line) => line.message === "request").map((line) => line.span as string);
    const sent = it.upstream.control.traces;
    expect(sent.length).toBeGreaterThan(3);
    for (const { traceparent, tracestate } of sent) {
      const [version, id, parent, flags] = traceparent.split("-");
      expect([version, id, flags, tracestate]).toEqual(["00", trace.id, "01", trace.state]);
      expect(spans).toContain(parent);
    }
  });

  test("is made where there is none or a malformed one, another for each request", async () => {
    const ids = new Set<unknown>();
    for (const given of [undefined, "00-zz", `00-${trace.id.toUpperCase()}-${trace.parent}-01`, `00-${"0".repeat(32)}-${trace.parent}-01`, `00-${trace.id}-${trace.parent}-01-more`]) {
      const answer = await it.visitor(given === undefined ? {} : { traceparent: given }).fetch(`${it.portal.portal}/signed-out`);
      // Written when the answer is out.
      const line = await waitFor("the access line", async () => it.lines().find((each) => each.request === answer.headers["x-request-id"] && each.message === "request"));
      expect(line.trace).toMatch(/^[0-9a-f]{32}$/);
      expect(line.trace).not.toBe(trace.id);
      expect(line.trace).not.toBe("0".repeat(32));
      ids.add(line.trace);
    }
    expect(ids.size).toBe(5);
  });

  test("is beside the reference on an error page, where the caller sent it", async () => {
    const follower = it.visitor({ traceparent: `00-${trace.id}-${trace.parent}-01` });
    expect((await follower.fetch(`${it.portal.portal}/nowhere`)).body).toContain(`trace <code>${trace.id}</code>`);
    expect((await it.visitor().fetch(`${it.portal.portal}/nowhere`)).body).not.toContain("trace <code>");
  });
});
