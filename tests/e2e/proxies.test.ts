// SPDX-License-Identifier: Apache-2.0
//
// Real proxies in front: nginx, which ends TLS and writes X-Forwarded-For, and HAProxy, which passes TCP through and begins with a
// PROXY header. The client comes from 127.0.0.2, the proxies from 127.0.0.1: which address the program logs tells whom it believed.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect as connectPlain } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { logLines } from "./harness/log.ts";
import { OpenUnison } from "./harness/openunison.ts";
import { freePort, must, sleep, start as startProgram, waitFor, type Program } from "./harness/process.ts";
import { stack, type Stack } from "./harness/stack.ts";

const nginx = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].find(existsSync) ?? "nginx";
const haproxy = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].find(existsSync) ?? "haproxy";

let s: Stack;
const portals: OpenUnison[] = [], programs: Program[] = [];

async function portalWith(name: string, server: string): Promise<OpenUnison> {
  const folder = join(s.folder, name);
  mkdirSync(folder, { recursive: true });
  const portal = new OpenUnison({ folder, authority: s.authority, port: await freePort(), managementPort: await freePort(), apiServer: "https://127.0.0.1:1", extra: server });
  await portal.prepare();
  await portal.addUser("dora", "password-of-dora", []);
  await portal.start();
  portals.push(portal);
  return portal;
}

async function proxy(name: string, command: string, args: (file: string) => string[], text: string, port: number): Promise<void> {
  const file = join(s.folder, `${name}.conf`);
  writeFileSync(file, text);
  programs.push(startProgram(name, command, args(file), join(s.folder, `${name}.log`)));
  await waitFor(`${name} to listen`, () => new Promise<boolean>((resolve) => {
    const socket = connectPlain(port, "127.0.0.1", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => resolve(false));
  }), 20_000, 50);
}

async function inNginx(portal: OpenUnison, name: string, lines: string): Promise<number> {
  const port = await freePort(), folder = join(s.folder, name);
  mkdirSync(folder, { recursive: true });
  const tls = await s.authority.issue(name, "/CN=localhost");
  await proxy(name, nginx, (file) => ["-c", file, "-e", join(folder, "error.log")], `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${tls.cert};
    ssl_certificate_key ${tls.key};
    location / {
      proxy_pass https://127.0.0.1:${portal.options.port};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_ssl_server_name on;
      proxy_ssl_name localhost;
      ${lines}
    }
  }
}
`, port);
  return port;
}

async function inHaproxy(portal: OpenUnison, name: string, how: string): Promise<number> {
  const port = await freePort();
  await proxy(name, haproxy, (file) => ["-db", "-f", file], `defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  default_backend portal
backend portal
  server portal 127.0.0.1:${portal.options.port} ${how}
`, port);
  return port;
}

/** The status, and the address that the program noted for the request. */
async function ask(portal: OpenUnison, port: number, headers: Record<string, string> = {}, localAddress = "127.0.0.2"): Promise<{ status: number; address: string }> {
  const agent = `probe-${Math.random()}`;
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, localAddress, servername: "localhost", ca: s.authority.caPem, path: "/signed-out", headers: { host: `localhost:${portal.options.port}`, "user-agent": agent, ...headers }, agent: false }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve(answer.statusCode ?? 0));
    });
    sent.once("error", reject);
    sent.end();
  });
  const line = await waitFor("the request in the log", async () => logLines(portal.log).find((each) => each.includes(agent)), 10_000, 20);
  return { status, address: (JSON.parse(line) as { address: string }).address };
}

async function refusals(portal: OpenUnison, reason: string): Promise<number> {
  const text = await (await fetch(`${portal.management}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith("openunison_http_refused_total") && each.includes(`reason="${reason}"`));
  return Number(line?.split(" ").pop() ?? 0);
}

beforeAll(async () => {
  s = await stack();
  await must(nginx, ["-v"]);
  await must(haproxy, ["-v"]);
});
afterAll(async () => {
  for (const program of programs) await program.stop();
  for (const portal of portals) await portal.stop();
});

describe("nginx with X-Forwarded-For", () => {
  let portal: OpenUnison, port: number;
  beforeAll(async () => {
    portal = await portalWith("behind-nginx", "  trusted_proxies: [127.0.0.1]\n");
    port = await inNginx(portal, "nginx", "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
  });
  test("the client's own address is noted", async () => {
    expect(await ask(portal, port)).toEqual({ status: 200, address: "127.0.0.2" });
  });
  test("what the client claims isn't", async () => {
    expect((await ask(portal, port, { "x-forwarded-for": "9.9.9.9", forwarded: "for=8.8.8.8", "x-real-ip": "7.7.7.7" })).address).toBe("127.0.0.2");
    expect((await ask(portal, port, { "x-forwarded-for": "9.9.9.9, 127.0.0.1" })).address).toBe("127.0.0.2");
  });
  test("past the proxy nobody is believed", async () => {
    expect((await ask(portal, portal.options.port, { "x-forwarded-for": "9.9.9.9" })).address).toBe("127.0.0.2");
  });
  test("the host isn't taken from a field", async () => {
    expect((await ask(portal, port, { "x-forwarded-host": "evil.example" })).status).toBe(200);
    expect((await ask(portal, port, { "x-forwarded-host": "localhost", host: "evil.example" })).status).toBe(421);
  });
});

describe("nginx with Forwarded", () => {
  test("the chosen field counts, the other one doesn't", async () => {
    const portal = await portalWith("behind-nginx-forwarded", "  trusted_proxies: [127.0.0.1]\n  forwarded_field: Forwarded\n");
    const port = await inNginx(portal, "nginx-forwarded", 'proxy_set_header Forwarded "$http_forwarded, for=$remote_addr;proto=https";');
    expect((await ask(portal, port, { forwarded: "for=9.9.9.9" })).address).toBe("127.0.0.2");
    expect((await ask(portal, port, { forwarded: "for=9.9.9.9", "x-forwarded-for": "8.8.8.8" })).address).toBe("127.0.0.2");
    expect((await ask(portal, port, { forwarded: 'for="9.9.9.9' })).status).toBe(400);
  });
});

describe("HAProxy with the PROXY protocol", () => {
  let portal: OpenUnison;
  beforeAll(async () => {
    portal = await portalWith("behind-haproxy", "  trusted_proxies: [127.0.0.1]\n  proxy_protocol: true\n");
  });
  test.each([["send-proxy-v2"], ["send-proxy"], ["send-proxy-v2-ssl"]])("%s", async (how) => {
    const port = await inHaproxy(portal, `haproxy-${how}`, how);
    expect(await ask(portal, port)).toEqual({ status: 200, address: "127.0.0.2" });
    expect((await ask(portal, port, { "x-forwarded-for": "9.9.9.9" })).address).toBe("127.0.0.2");
  });
  test("a trusted connection without the header is closed", async () => {
    const before = await refusals(portal, "proxy_header");
    await expect(ask(portal, portal.options.port, {}, "127.0.0.1")).rejects.toThrow();
    expect(await refusals(portal, "proxy_header")).toBe(before + 1);
  });
  test("others come as they are, and their header is no TLS", async () => {
    expect(await ask(portal, portal.options.port, {}, "127.0.0.3")).toEqual({ status: 200, address: "127.0.0.3" });
    const before = await refusals(portal, "handshake");
    await new Promise<void>((resolve) => {
      const socket = connectPlain({ port: portal.options.port, host: "127.0.0.1", localAddress: "127.0.0.3" }, () => socket.write("PROXY TCP4 9.9.9.9 127.0.0.1 1 2\r\n"));
      socket.once("close", () => resolve());
      socket.once("error", () => {});
    });
    await sleep(50);
    expect(await refusals(portal, "handshake")).toBe(before + 1);
  });
});
