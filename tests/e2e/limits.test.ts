// SPDX-License-Identifier: Apache-2.0
//
// Each limit of the HTTP edge, set small in values and then passed, over TLS: the answer, the metric; and what SIGTERM lets finish.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { Visitor } from "./harness/browserless.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { freePort, sleep } from "./harness/process.ts";
import { stack, type Stack } from "./harness/stack.ts";

let s: Stack;
let portal: OpenUnison;
let sockets: TLSSocket[] = [];

async function start(name: string, limits: string): Promise<OpenUnison> {
  const folder = join(s.folder, name);
  mkdirSync(folder, { recursive: true });
  const started = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", extra: `  limits: {${limits}}\n` });
  await started.prepare();
  await started.addUser("dora", "password-of-dora", []);
  await started.start();
  return started;
}

beforeAll(async () => {
  s = await stack();
  portal = await start("limits", "target_bytes: 256, header_bytes: 1024, header_count: 10, body_bytes: 1024, header_timeout_seconds: 1, first_byte_timeout_seconds: 1, idle_timeout_seconds: 1, rate_grace_seconds: 1, body_min_bytes_per_second: 1000, connections_per_address: 8, requests_per_connection: 2, requests_in_flight: 2, requests_per_address: 4");
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await portal?.stop();
});

/** A connection that notes what it is told. */
class Line {
  text = "";
  readonly ended: Promise<void>;
  private constructor(readonly socket: TLSSocket) {
    socket.on("data", (data) => (this.text += data.toString("latin1")));
    this.ended = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
  }
  static open(to: OpenUnison): Promise<Line> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port: to.options.port, servername: "localhost", ca: s.authority.caPem }, () => resolve(line));
      const line = new Line(socket);
      sockets.push(socket);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("closed at once")));
    });
  }
  send(text: string): this {
    this.socket.write(text);
    return this;
  }
  /** The status codes so far. */
  get statuses(): number[] {
    return [...this.text.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map((match) => Number(match[1]));
  }
  async status(): Promise<number | undefined> {
    for (let i = 0; i < 500 && this.statuses.length === 0 && !this.socket.destroyed; i += 1) await sleep(10);
    return this.statuses[0];
  }
}

const host = () => `host: localhost:${portal.options.port}\r\n`;
const metrics = async (of: OpenUnison) => (await fetch(`${of.management}/metrics`)).text();
async function refusals(reason: string): Promise<number> {
  const line = (await metrics(portal)).split("\n").find((each) => each.startsWith("openunison_http_refused_total") && each.includes(`reason="${reason}"`));
  return Number(line?.split(" ").pop() ?? 0);
}

describe("over the limit", () => {
  const form = "content-type: application/x-www-form-urlencoded\r\n";
  const cases: [string, () => string, number, string][] = [
    ["a long address", () => `GET /${"a".repeat(300)} HTTP/1.1\r\n${host()}\r\n`, 414, "target_size"],
    ["long header fields", () => `GET / HTTP/1.1\r\n${host()}x: ${"a".repeat(1100)}\r\n\r\n`, 431, "header_size"],
    ["many header fields", () => `GET / HTTP/1.1\r\n${host()}${"x: a\r\n".repeat(11)}\r\n`, 431, "header_size"],
    ["a long body", () => `POST /auth/login/local HTTP/1.1\r\n${host()}${form}content-length: 2000\r\n\r\n`, 413, "body_size"],
    ["a header that doesn't end", () => "GET / HTTP/1.1\r\n", 408, "header_time"],
    ["a body that trickles", () => `POST /auth/login/local HTTP/1.1\r\n${host()}${form}content-length: 1000\r\n\r\na`, 408, "body_time"],
  ];
  test.each(cases)("%s", async (_name, request, status, reason) => {
    const before = await refusals(reason);
    const line = (await Line.open(portal)).send(request());
    expect(await line.status()).toBe(status);
    await line.ended;
    expect(line.statuses).toEqual([status]);
    expect(await refusals(reason)).toBe(before + 1);
  });

  test("a connection that says nothing, at first or after a request, is closed without a word", async () => {
    const silent = await Line.open(portal);
    await silent.ended;
    expect(silent.text).toBe("");
    const idle = (await Line.open(portal)).send(`GET /signed-out HTTP/1.1\r\n${host()}\r\n`);
    await idle.ended;
    expect(idle.statuses).toEqual([200]);
  });

  test("a connection takes so many requests and no more", async () => {
    const request = `GET /signed-out HTTP/1.1\r\n${host()}\r\n`;
    const line = (await Line.open(portal)).send(request.repeat(3));
    await line.ended;
    expect(line.statuses).toEqual([200, 200]);
    expect(line.text.toLowerCase()).toContain("connection: close");
  });

  test("connections of one address are counted", async () => {
    const before = await refusals("connections_per_address"), open: Line[] = [];
    for (let i = 0; i < 8; i += 1) open.push(await Line.open(portal));
    await expect(Line.open(portal)).rejects.toThrow();
    expect(await refusals("connections_per_address")).toBe(before + 1);
    for (const line of open) line.socket.destroy();
    await sleep(100);
    await Line.open(portal);
  });

  test("requests whose body doesn't come take nobody's place; an address has a share of them", async () => {
    const slow = `POST /auth/login/local HTTP/1.1\r\n${host()}${form}content-length: 10\r\n\r\n`;
    const before = await refusals("requests_per_address");
    const running: Line[] = [];
    for (let i = 0; i < 3; i += 1) running.push((await Line.open(portal)).send(slow));
    await sleep(100);
    const fourth = (await Line.open(portal)).send(`GET /signed-out HTTP/1.1\r\n${host()}\r\n`);
    expect(await fourth.status()).toBe(200);
    running.push((await Line.open(portal)).send(slow));
    await sleep(100);
    const fifth = (await Line.open(portal)).send(`GET /signed-out HTTP/1.1\r\n${host()}\r\n`);
    expect(await fifth.status()).toBe(429);
    expect(fifth.text.toLowerCase()).toContain("retry-after:");
    expect(await refusals("requests_per_address")).toBe(before + 1);
    for (const line of running) line.send("username=a");
    for (const line of running) expect(await line.status()).toBe(401);
    const next = (await Line.open(portal)).send(`GET /signed-out HTTP/1.1\r\n${host()}\r\n`);
    expect(await next.status()).toBe(200);
  });
});

test("passwords that wait to be checked are bounded, and hold no refresh up", async () => {
  const server = await start("passwords", "password_checks_waiting: 1, password_attempts_per_address: 1000, password_attempts_per_user: 1000");
  const person = new Visitor(s.authority.caPem), client = new Visitor(s.authority.caPem);
  expect((await person.signIn(server.portal, "dora", "password-of-dora")).status).toBe(200);
  let token = /refresh-token: "?([^"\s]+)/.exec(await person.kubeconfig(server.portal, "demo"))![1]!;
  // Each another user, so that it isn't the attempts at one that are held back.
  const crowd = await Promise.all(Array.from({ length: 24 }, async (_, i) => {
    const visitor = new Visitor(s.authority.caPem);
    return { i, visitor, page: await visitor.follow(`${server.portal}/auth/login`) };
  }));
  const statuses: number[] = [];
  let waiting = crowd.length;
  const signIns = Promise.all(crowd.map(async ({ i, visitor, page }) => {
    const answer = await visitor.submitLogin(page, `nobody-${i}`, "a guess");
    statuses.push(answer.status);
    if (answer.status === 503) expect(answer.headers["retry-after"]).toBeDefined();
    waiting -= 1;
    visitor.close();
  }));
  let refreshes = 0;
  while (waiting > 0) {
    const answer = await client.fetch(`${server.issuer}/token`, { form: { grant_type: "refresh_token", refresh_token: token, client_id: "kubernetes" } });
    expect(answer.status).toBe(200);
    token = (JSON.parse(answer.body) as { refresh_token: string }).refresh_token;
    refreshes += 1;
  }
  await signIns;
  expect(refreshes).toBeGreaterThan(0);
  expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0);
  expect(statuses.filter((status) => status === 401).length).toBeGreaterThan(0);
  expect(statuses.every((status) => status === 401 || status === 503)).toBe(true);
  const text = await metrics(server);
  expect(text).toMatch(/openunison_work_refused_total\{pool="password"\} [1-9]/);
  await server.stop();
  for (const each of [person, client]) each.close();
});

describe("SIGTERM", () => {
  const slowSignIn = (to: OpenUnison) => `POST /auth/login/local HTTP/1.1\r\nhost: localhost:${to.options.port}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 10\r\n\r\n`;

  test("what runs is finished, idle connections are closed, new ones refused, and the program ends with 0", async () => {
    const server = await start("drain", "drain_timeout_seconds: 20");
    const idle = await Line.open(server), running = (await Line.open(server)).send(slowSignIn(server));
    await sleep(100);
    const program = server.program!;
    program.child.kill("SIGTERM");
    await idle.ended;
    await expect(Line.open(server)).rejects.toThrow();
    expect(program.exited).toBe(false);
    running.send("username=a");
    expect(await running.status()).toBe(401);
    await running.ended;
    for (let i = 0; i < 300 && !program.exited; i += 1) await sleep(10);
    expect(program.child.exitCode).toBe(0);
  });

  test("what never ends is cut at the deadline; a second signal doesn't wait", async () => {
    for (const second of [false, true]) {
      const server = await start(`drain-${second}`, `drain_timeout_seconds: ${second ? 600 : 1}`);
      const running = (await Line.open(server)).send(slowSignIn(server));
      await sleep(100);
      const program = server.program!;
      program.child.kill("SIGTERM");
      if (second) {
        await sleep(100);
        expect(program.exited).toBe(false);
        program.child.kill("SIGTERM");
      }
      for (let i = 0; i < 500 && !program.exited; i += 1) await sleep(10);
      expect(program.child.exitCode).toBe(0);
      await running.ended;
      expect(running.statuses).toEqual([]);
    }
  });
});
