// SPDX-License-Identifier: Apache-2.0
//
// What an operator sees: metrics, held against promtool, a real Prometheus that scrapes the program, the alert rules, the
// dashboard and the table in docs/guides/operations.md.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, test } from "vitest";

import { exercise, rulesFile, type Exercised } from "./harness/exercise.ts";
import { fetched, root } from "./harness/paths.ts";
import { run, waitFor } from "./harness/process.ts";

const monitoring = join(root, "deploy/monitoring");
const dashboard = JSON.parse(readFileSync(join(monitoring, "openunison.dashboard.json"), "utf8")) as {
  templating: { list: { name: string; type: string; query: unknown }[] };
  panels: { id: number; type: string; title: string; datasource?: { uid: string }; gridPos: { x: number; y: number; w: number; h: number }; targets?: { expr: string; datasource: { uid: string } }[] }[];
};
const guide = readFileSync(join(root, "docs/guides/operations.md"), "utf8");

let it: Exercised;
let scraped: string;

interface Answer<T> {
  status: string;
  error?: string;
  data: T;
}
async function api<T>(path: string): Promise<T> {
  const answer = (await (await fetch(`${it.prometheus}/api/v1/${path}`)).json()) as Answer<T>;
  if (answer.status !== "success") throw new Error(`${path}: ${answer.error}`);
  return answer.data;
}
type Vector = { result: { metric: Record<string, string>; value: [number, string] }[] };
const query = (expression: string) => api<Vector>(`query?query=${encodeURIComponent(expression)}`);

beforeAll(async () => {
  it = await exercise();
  // Two scrapes after all that happened.
  const done = Date.now() / 1000;
  await waitFor("two scrapes more", async () => Number((await query("timestamp(openunison_build_info)")).result[0]?.value[1] ?? 0) > done + 2, 60_000, 200);
  scraped = await it.metrics();
});
const families = () => new Map([...scraped.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map((match) => [match[1]!, match[2]!]));

describe("the exposition", () => {
  test("passes promtool check metrics", async () => {
    const checked = await run(fetched("promtool"), ["check", "metrics"], { input: scraped });
    expect(checked).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("has no label value that came from a request", () => {
    for (const raw of ["nobody", "forged", "dora", "alice", "127.0.0.1", "xxxx", "4bf92f35"]) expect(scraped.toLowerCase()).not.toContain(`"${raw}`);
    const routes = new Set([...scraped.matchAll(/route="([^"]*)"/g)].map((match) => match[1]!));
    expect(routes).toContain("/auth/idp/k8sIdp/token");
    expect(routes).toContain("other");
    expect(routes).toContain("unread");
    expect(routes.size).toBeLessThan(40);
  });

  test("is each documented, with type and labels, and what is documented is there", () => {
    const rows = new Map([...guide.matchAll(/^\| `((?:openunison|process)_[a-z0-9_]+)` \| (counter|gauge|histogram) \|([^|]*)\|/gm)].map((match) => [match[1]!, { type: match[2]!, labels: match[3]!.trim() }]));
    const seen = families();
    expect([...rows.keys()].sort()).toEqual([...seen.keys()].sort());
    for (const [name, row] of rows) {
      expect(`${name} ${row.type}`).toBe(`${name} ${seen.get(name)}`);
      const sample = scraped.split("\n").find((line) => new RegExp(`^${name}(_bucket)?[{ ]`).test(line))!;
      const labels = [...sample.matchAll(/([a-z_]+)="/g)].map((match) => match[1]!).filter((label) => label !== "le").sort();
      expect(`${name} ${[...row.labels.matchAll(/`([a-z_]+)`/g)].map((match) => match[1]!).sort().join(" ")}`).toBe(`${name} ${labels.join(" ")}`);
    }
  });

  test("the exercise shows in it", async () => {
    const value = async (expression: string) => Number((await query(expression)).result[0]?.value[1] ?? NaN);
    expect(await value('openunison_sign_ins_total{provider="company",outcome="signed_in"}')).toBe(1);
    expect(await value('openunison_sign_ins_total{provider="local",outcome="wrong_password"}')).toBe(1);
    expect(await value('openunison_sign_ins_total{provider="company",outcome="bad_attempt"}')).toBe(1);
    expect(await value('openunison_tokens_issued_total{client="kubernetes",grant="authorization_code"}')).toBe(1);
    expect(await value('openunison_tokens_issued_total{client="app",grant="refresh_token"}')).toBe(0);
    expect(await value('openunison_refreshes_total{outcome="rotated"}')).toBe(4);
    expect(await value('openunison_refreshes_total{outcome="repeated"}')).toBe(1);
    expect(await value('openunison_refreshes_total{outcome="reuse"}')).toBe(1);
    expect(await value('openunison_refreshes_total{outcome="refused"}')).toBe(1);
    expect(await value('openunison_upstream_rereads_total{provider="company",outcome="failed"}')).toBeGreaterThan(0);
    expect(await value('openunison_upstream_rereads_total{provider="company",outcome="confirmed"}')).toBeGreaterThan(0);
    expect(await value('openunison_identity_provider_requests_total{provider="company",endpoint="token",outcome="broken"}')).toBeGreaterThan(0);
    expect(await value('abs(openunison_identity_provider_clock_offset_seconds{provider="company"})')).toBeLessThan(5);
    expect(await value('openunison_work_seconds_count{pool="password"}')).toBeGreaterThan(1);
    expect(await value('openunison_http_refused_total{reason="target_size"}')).toBe(1);
    expect(await value('openunison_http_request_seconds_count{route="/auth/idp/k8sIdp/token"}')).toBeGreaterThan(6);
    expect(await value('count(openunison_signing_key_created_timestamp_seconds{state="pending"})')).toBe(1);
    expect(await value("openunison_signing_key_next_rotation_timestamp_seconds - time()")).toBeGreaterThan(80_000);
    expect(await value('openunison_certificate_expiry_timestamp_seconds{kind="serving",name="tls.crt"} - time()')).toBeGreaterThan(29 * 86_400);
    expect(await value("process_resident_memory_bytes")).toBeGreaterThan(4 << 20);
    expect(await value("process_open_fds")).toBeGreaterThan(8);
    expect(await value("time() - process_start_time_seconds")).toBeLessThan(600);
    expect(await value("process_cpu_seconds_total")).toBeGreaterThan(0);
  });
});

describe("alert rules", () => {
  test("are sound", async () => {
    const checked = await run(fetched("promtool"), ["check", "rules", rulesFile]);
    expect(checked.stderr).toBe("");
    expect(checked.code).toBe(0);
  });

  test("fire for what they are there for, and only then", async () => {
    const tested = await run(fetched("promtool"), ["test", "rules", join(monitoring, "openunison.rules.test.yaml")]);
    expect(tested.stderr + tested.stdout).toContain("SUCCESS");
    expect(tested.code).toBe(0);
  });

  test("are each in the guide's table, with severity and runbook", () => {
    const written = [...readFileSync(rulesFile, "utf8").matchAll(/alert: (\S+)[\s\S]*?severity: (\w+)[\s\S]*?runbook_url: \S+#(\S+)/g)].map((match) => match.slice(1).join(" "));
    const rows = [...guide.matchAll(/^\| `(OpenUnison\w+)` \| (\w+) \| [^|]+ \| \[[^\]]+\]\(#(\S+)\) \|$/gm)].map((match) => match.slice(1).join(" "));
    expect(written.length).toBeGreaterThan(15);
    expect(rows).toEqual(written);
  });

  test("each has a test that sees it firing", () => {
    const tests = readFileSync(join(monitoring, "openunison.rules.test.yaml"), "utf8");
    for (const [, name] of readFileSync(rulesFile, "utf8").matchAll(/alert: (\S+)/g)) expect(tests).toContain(`alertname="${name}"`);
  });

  test("are evaluated by Prometheus on what the program tells, and none fires", async () => {
    const { groups } = await api<{ groups: { rules: { name: string; query: string; health: string; lastError?: string; state: string; annotations: Record<string, string> }[] }[] }>("rules");
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(15);
    for (const rule of rules) expect([rule.name, rule.health, rule.lastError ?? ""]).toEqual([rule.name, "ok", ""]);
    expect(rules.filter((rule) => rule.state === "firing").map((rule) => rule.name)).toEqual([]);
  });

  test("name metrics that there are, and runbooks that are written", async () => {
    const names = new Set(await api<string[]>("label/__name__/values"));
    const anchors = new Set([...guide.matchAll(/^#+ (.+)$/gm)].map((match) => match[1]!.toLowerCase().replaceAll(/[^a-z0-9 -]/g, "").replaceAll(" ", "-")));
    const text = readFileSync(rulesFile, "utf8");
    for (const [name] of text.replaceAll(/^\s*#.*$/gm, "").matchAll(/\b(?:openunison|process)_[a-z0-9_]+/g)) expect(names).toContain(name);
    const runbooks = [...text.matchAll(/runbook_url: (\S+)/g)].map((match) => match[1]!);
    expect(runbooks.length).toBe([...text.matchAll(/alert: /g)].length);
    for (const runbook of runbooks) {
      const [file, anchor] = runbook.split("#");
      expect(file).toBe("docs/guides/operations.md");
      expect([...anchors]).toContain(anchor);
    }
  });
});

describe("the dashboard", () => {
  const targets = dashboard.panels.flatMap((panel) => (panel.targets ?? []).map((target) => [panel.title, target.expr] as [string, string]));

  test("chooses its data source, and every panel uses that one", () => {
    expect(dashboard.templating.list.map((variable) => `${variable.name} ${variable.type}`)).toEqual(["datasource datasource", "job query", "instance query"]);
    for (const panel of dashboard.panels.filter((each) => each.type !== "row")) {
      expect([panel.title, panel.datasource?.uid]).toEqual([panel.title, "${datasource}"]);
      expect(panel.targets!.length).toBeGreaterThan(0);
      for (const target of panel.targets!) expect(target.datasource.uid).toBe("${datasource}");
    }
  });

  test("has panels with ids of their own that don't cover each other", () => {
    expect(new Set(dashboard.panels.map((panel) => panel.id)).size).toBe(dashboard.panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect([title, taken.has(`${x} ${y}`)]).toEqual([title, false]);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });

  test.each(targets)("%s: %s", async (_title, expression) => {
    const asked = expression.replaceAll("$__rate_interval", "1m").replaceAll("$job", ".*").replaceAll("$instance", ".*");
    expect(asked).not.toContain("$");
    expect((await query(asked)).result.length).toBeGreaterThan(0);
  });
});
