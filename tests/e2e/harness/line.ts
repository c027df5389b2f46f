// SPDX-License-Identifier: Apache-2.0
//
// The line to an identity provider, which fails as networks and machines do. It passes bytes through until it is told
// to be something else.
import { createServer, connect, type Server, type Socket } from "node:net";
import { readFileSync } from "node:fs";
import { TLSSocket } from "node:tls";

export type Fault =
  | "none"
  | "refused"       // nobody listens
  | "silent"        // connections are accepted, and then nothing
  | "drip"          // a byte a second
  | "broken"        // 500 to everything
  | "cut"           // half an answer, and the end without a goodbye
  | "not TLS"       // something else answers there
  | "expired"       // its certificate is over
  | "stranger";     // its certificate is of an authority that nobody here knows

export interface LineCertificates {
  good: { cert: string; key: string };
  expired: { cert: string; key: string };
  stranger: { cert: string; key: string };
}

export class Line {
  private server?: Server;
  private fault: Fault = "none";
  private readonly sockets = new Set<Socket>();
  connections = 0;
  constructor(readonly port: number, private readonly behind: number, private readonly certificates: LineCertificates) {}

  /** Becomes this from now on; what was open is cut, or goes silent. */
  async be(fault: Fault): Promise<void> {
    this.fault = fault;
    for (const socket of this.sockets) {
      if (fault === "silent") socket.unpipe();
      else socket.destroy();
    }
    if (fault === "refused") await this.close();
    else if (!this.server) await this.listen();
  }
  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await this.close();
  }

  private async listen(): Promise<void> {
    const server = createServer((socket) => this.serve(socket));
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(this.port, "127.0.0.1", resolve));
    this.server = server;
  }
  private async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server) await new Promise((resolve) => server.close(resolve));
  }
  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.sockets.delete(socket));
  }

  private serve(socket: Socket): void {
    this.connections += 1;
    this.keep(socket);
    const { fault, certificates } = this;
    if (fault === "silent") return;
    if (fault === "not TLS") {
      socket.end("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    if (fault === "none") {
      const inner = connect(this.behind, "127.0.0.1");
      this.keep(inner);
      socket.pipe(inner).pipe(socket);
      socket.on("close", () => inner.destroy());
      inner.on("close", () => this.fault !== "silent" && socket.destroy());
      return;
    }
    const { cert, key } = fault === "expired" ? certificates.expired : fault === "stranger" ? certificates.stranger : certificates.good;
    const secure = new TLSSocket(socket, { isServer: true, cert: readFileSync(cert), key: readFileSync(key) });
    secure.on("error", () => socket.destroy());
    const body = JSON.stringify({ error: "server_error" });
    const answer = `HTTP/1.1 ${fault === "broken" ? 500 : 200} Whatever\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    secure.once("data", () => {
      if (fault === "broken") secure.end(answer);
      if (fault === "cut") secure.write(answer.slice(0, answer.length / 2), () => socket.end());
      if (fault !== "drip") return;
      let sent = 0;
      const timer = setInterval(() => {
        if (socket.destroyed || sent >= answer.length) clearInterval(timer);
        else secure.write(answer[sent++]!);
      }, 1000);
      socket.on("close", () => clearInterval(timer));
    });
  }
}
