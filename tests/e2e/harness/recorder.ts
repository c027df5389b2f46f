// SPDX-License-Identifier: Apache-2.0
//
// A proxy that looks into its tunnels, as some companies' do: it notes every secret that passes between a program and the portal
// (fields of forms, tokens of answers, Authorization), so that a test can look for them in what the program says.
import { createServer as createPlain, type Server } from "node:http";
import { createServer, request } from "node:https";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

import type { Secret } from "./secrets.ts";

/** Of forms and answers: what says nothing that isn't known anyway. */
const open = new Set(["grant_type", "client_id", "scope", "subject_token_type", "requested_token_type", "issued_token_type", "redirect_uri", "device_name", "token_type", "token_type_hint", "response_type", "user_code",
  "verification_uri", "verification_uri_complete", "issuer", "error", "error_description", "kept_by"]);

export class Recorder {
  readonly secrets: Secret[] = [];
  readonly paths: string[] = [];
  private readonly sockets = new Set<Socket>();
  private constructor(readonly url: string, private readonly servers: Server[]) {}

  /** `portal`: "https://localhost:PORT"; `tls`: a certificate for that name. */
  static async start(port: number, portal: string, tls: { cert: string; key: string }, ca: string): Promise<Recorder> {
    const servers: Server[] = [];
    const recorder = new Recorder(`http://127.0.0.1:${port}`, servers);
    const inside = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, (incoming, answer) => {
      const body: Buffer[] = [];
      incoming.on("data", (data: Buffer) => body.push(data));
      incoming.on("end", () => {
        const sent = Buffer.concat(body);
        recorder.paths.push(`${incoming.method} ${incoming.url!.split("?")[0]}`);
        recorder.noteForm(sent.toString());
        recorder.note((incoming.headers.authorization ?? "").split(" ")[1]);
        const outgoing = request(`${portal}${incoming.url}`, { method: incoming.method, headers: incoming.headers, ca }, (received) => {
          const said: Buffer[] = [];
          received.on("data", (data: Buffer) => said.push(data));
          received.on("end", () => {
            const text = Buffer.concat(said);
            recorder.noteAnswer(text.toString());
            answer.writeHead(received.statusCode!, received.headers).end(text);
          });
        });
        outgoing.on("error", () => answer.destroy());
        outgoing.end(sent);
      });
    });
    await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
    const insidePort = (inside.address() as { port: number }).port;
    const tunnels = createPlain((_request, response) => response.writeHead(405).end());
    tunnels.on("connect", (asked, socket: Socket, head) => {
      recorder.note((asked.headers["proxy-authorization"] ?? "").split(" ")[1]);
      const through = connect(insidePort, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        through.write(head);
        through.pipe(socket).pipe(through);
      });
      for (const each of [socket, through]) {
        recorder.sockets.add(each);
        each.on("error", () => each.destroy());
        each.on("close", () => {
          recorder.sockets.delete(each);
          (each === through ? socket : through).destroy();
        });
      }
    });
    await new Promise<void>((resolve) => tunnels.listen(port, "127.0.0.1", resolve));
    servers.push(inside as unknown as Server, tunnels);
    return recorder;
  }

  private note(value: string | null | undefined): void {
    if (value && value.length >= 8) this.secrets.push({ kind: "token", value });
  }
  private noteForm(text: string): void {
    for (const [name, value] of new URLSearchParams(text)) if (!open.has(name)) this.note(value);
  }
  private noteAnswer(text: string): void {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return;
    }
    if (typeof json !== "object" || json === null || !("access_token" in json || "device_code" in json)) return;
    for (const [name, value] of Object.entries(json)) if (!open.has(name) && typeof value === "string") this.note(value);
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}
