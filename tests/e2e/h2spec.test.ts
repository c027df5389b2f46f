// SPDX-License-Identifier: Apache-2.0
//
// The conformance tests of HTTP/2 that others wrote (h2spec 2.2.1), all of them, over TLS against the built program: against a
// page that answers GET, and against one that answers before it has read a body.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { Authority } from "./harness/certs.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { pinnedTools, root } from "./harness/paths.ts";
import { freePort, run } from "./harness/process.ts";

const h2spec = join(pinnedTools, "h2spec");
let portal: OpenUnison;

beforeAll(async () => {
  if (!existsSync(h2spec)) throw new Error(`${h2spec} is missing: run tools/cluster_tools`);
  const folder = join(root, "build/h2spec");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  portal = new OpenUnison({ folder, authority: await Authority.create(folder), port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", store: "memory" });
  await portal.prepare();
  await portal.addUser("dora", "password-of-dora", []);
  await portal.start();
});
afterAll(async () => portal?.stop());

test.each([
  ["a page", "/auth/idp/k8sIdp/.well-known/openid-configuration"],
  ["a method that isn't allowed", "/auth/idp/k8sIdp/token"],
])("145 of 145 on %s", async (_name, path) => {
  // -k: it has no way to name a certificate authority.
  const result = await run(h2spec, ["-h", "localhost", "-p", String(portal.options.port), "-t", "-k", "-P", path, "--timeout", "5"], { timeout: 240_000 });
  const failures = result.stdout.slice(result.stdout.lastIndexOf("Failures:"));
  expect(result.stdout, failures).toMatch(/^145 tests, 145 passed, 0 skipped, 0 failed$/m);
  expect(result.code).toBe(0);
}, 300_000);

test("afterwards the program is as it was", async () => {
  expect(portal.program!.exited).toBe(false);
  expect((await fetch(`${portal.management}/readyz`)).status).toBe(200);
});
