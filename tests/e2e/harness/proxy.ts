// SPDX-License-Identifier: Apache-2.0
//
// A company's HTTP proxy: opens tunnels (RFC 9110 §9.3.6) and notes where to. It forwards nothing else.
import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";

export class Proxy {
  readonly tunnels: string[] = [];
  private readonly sockets = new Set<Socket>();
  private constructor(readonly url: string, private readonly server: Server) {}

  static async start(port: number): Promise<Proxy> {
    const server = createServer((_request, response) => response.writeHead(405).end());
    const proxy = new Proxy(`http://127.0.0.1:${port}`, server);
    server.on("connect", (request, socket: Socket, head) => {
      const target = new URL(`http://${request.url}`);
      proxy.tunnels.push(target.host);
      const out = connect(Number(target.port), target.hostname, () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        out.write(head);
        out.pipe(socket).pipe(out);
      });
      for (const each of [socket, out]) {
        proxy.sockets.add(each);
        each.on("error", () => each.destroy());
        each.on("close", () => {
          proxy.sockets.delete(each);
          (each === out ? socket : out).destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return proxy;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
