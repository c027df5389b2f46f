// SPDX-License-Identifier: Apache-2.0
//
// The floor under the refresh rows: bench_floor (bench/floor.cc) with the certificate of our server, giving back answers of the
// same bytes as ours gives, to the same load. What it costs above the bare signature no server on this machine can save.
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";

import { folder, Ours, serverCore, type Served } from "./bench.ts";
import { Authority } from "./certs.ts";
import { root } from "./paths.ts";
import { freePort, run, start, waitFor, type Program } from "./process.ts";

const agent = "kubectl/v1.37.2 (linux/amd64)";

/** One request over TLS and HTTP/1.1; the answer as it came, head and body. */
async function exchange(port: number, ca: string, request: string): Promise<Buffer> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ca, ALPNProtocols: ["http/1.1"] });
  socket.setTimeout(5_000, () => socket.destroy(new Error("no answer")));
  socket.write(request);
  let answer = Buffer.alloc(0);
  for await (const chunk of socket) {
    answer = Buffer.concat([answer, chunk as Buffer]);
    const end = answer.indexOf("\r\n\r\n"), length = /^content-length: (\d+)/im.exec(answer.subarray(0, Math.max(end, 0)).toString())?.[1];
    if (end > 0 && length && answer.length === end + 4 + Number(length)) break;
  }
  socket.destroy();
  return answer;
}

/** What one refresh at our server is: its answer and the log lines that it leaves, as files; the kubectl keeps its new token. */
async function sample(ours: Ours, authority: Authority, into: string): Promise<{ answer: string; log: string }> {
  const chains = readFileSync(ours.chains(), "utf8").trim().split("\n"), before = statSync(ours.portal.log).size;
  const form = `grant_type=refresh_token&refresh_token=${chains[0]!}&client_id=kubernetes`;
  const answer = await exchange(ours.port, authority.caPem, `POST /auth/idp/k8sIdp/token HTTP/1.1\r\nhost: localhost:${ours.port}\r\nuser-agent: ${agent}\r\n` +
    `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${form.length}\r\n\r\n${form}`);
  const token = /"refresh_token":"([^"]+)"/.exec(answer.toString())?.[1];
  if (!answer.toString().startsWith("HTTP/1.1 200") || !token) throw new Error(`no refresh to take as a model: ${answer.toString().slice(0, 300)}`);
  writeFileSync(ours.chains(), [...chains.slice(1), token].join("\n") + "\n");
  const lines = await waitFor("the refresh's log lines", async () => {
    const logged = readFileSync(ours.portal.log, "utf8").slice(before).trimEnd().split("\n");
    return logged.length >= 2 && logged;
  }, 5_000, 20);
  const files = { answer: join(into, "answer"), log: join(into, "lines") };
  writeFileSync(files.answer, answer);
  writeFileSync(files.log, lines.join("\n") + "\n");
  return files;
}

export interface FloorOptions {
  /** Write our log lines with each answer. */
  log: boolean;
  /** Force a record to the disk before each answer. */
  durable: boolean;
}

export class Floor implements Served {
  private constructor(readonly port: number, private readonly program: Program, private readonly chains: string) {}
  get pids(): number[] {
    return [this.program.pid];
  }

  static async start(name: string, ours: Ours, authority: Authority, algorithm: "RS256" | "ES256", options: FloorOptions): Promise<Floor> {
    const own = join(folder, "run", name), port = await freePort(), chains = join(own, "chains");
    mkdirSync(own, { recursive: true });
    const model = await sample(ours, authority, own);
    writeFileSync(chains, readFileSync(ours.chains()));  // of the right length, and all are taken
    const certificate = join(ours.portal.secrets, "tls.crt"), key = join(ours.portal.secrets, "tls.key");
    const program = start("bench_floor", "taskset", ["-c", serverCore, join(root, "build/release/bin/bench_floor"), "--port", String(port), "--certificate", certificate, "--key", key,
      "--algorithm", algorithm, "--answer", model.answer, ...(options.log ? ["--log", model.log] : []), ...(options.durable ? ["--durable", join(own, "journal")] : [])], join(own, "log"));
    await waitFor("bench_floor to listen", async () => (await run("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", authority.caFile], { timeout: 3000 })).code === 0, 10_000, 50);
    return new Floor(port, program, chains);
  }

  refreshArgs(extra: string[] = []): string[] {
    return ["--scenario", "refresh", "--path", "/auth/idp/k8sIdp/token", "--chains", this.chains, "--form", "&client_id=kubernetes", "--header", `user-agent:${agent}`, ...extra];
  }
  async stop(): Promise<void> {
    await this.program.stop();
  }
}
