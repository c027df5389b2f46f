// SPDX-License-Identifier: Apache-2.0
//
// Requests of HTTP/1.1 as bytes, good and hostile, and how Node's server reads them. The forms are the unit tests' table, the
// seeds of the fuzz targets, and mutations of both, the same ones in every run.
import { readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { Duplex } from "node:stream";

import { root } from "./paths.ts";

export interface Message {
  method: string;
  target: string;
  fields: [string, string][];
  body: string;
}
/** Texts are bytes as Latin-1. `end`: nothing is left, or a part of a message, or one that was refused for `reason`; or none may follow. */
export interface Reading {
  messages: Message[];
  end: "clean" | "open" | "refused" | "closed";
  reason: string;
}
export interface Form {
  name: string;
  good: boolean;  // it is taken
  bytes: Buffer;
}

// --- Forms ---

/** Numbers below 2^32, the same for the same seed (mulberry32). */
export function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export function seeds(): Form[] {
  const forms: Form[] = [];
  const folder = (name: string) => join(root, "tests/fuzz/corpus", name);
  for (const name of readdirSync(folder("h1_request")).sort()) forms.push({ name: `seed ${name}`, good: false, bytes: readFileSync(join(folder("h1_request"), name)) });
  const head = Buffer.from("POST /p HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const name of readdirSync(folder("chunked_body")).sort()) {
    forms.push({ name: `seed of chunks ${name}`, good: false, bytes: Buffer.concat([head, readFileSync(join(folder("chunked_body"), name))]) });
  }
  return forms;
}

const kBytes = ["\0", "\t", "\n", "\r", "\r\n", " ", "\x0b", "\x0c", '"', "#", "%", "%00", "%2e", "+", ",", "-", ".", "/", "0", "1", "5", ":", ";", "=", "?", "@", "A", "\\", "_", "a", "f", "x", "\x7f", "\x80", "\xa0", "\xff"];
const kParts = [
  "GET / HTTP/1.1\r\n", "POST /p HTTP/1.1\r\n", "HEAD / HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "CONNECT a:1 HTTP/1.1\r\n", "HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "\r\n\r\n", "\r\n ", "\n\n",
  "Host: example.com\r\n", "Host: other\r\n", "Content-Length: 5\r\n", "Content-Length: 0\r\n", "Content-Length: 5, 5\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
  "Transfer-Encoding:\x0bchunked\r\n", "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: x-a\r\n", "Connection: upgrade\r\nUpgrade: websocket\r\n", "Expect: 100-continue\r\n", "X-A: b\r\n", "X-A : b\r\n", "X-A\r\n",
  "5\r\nhello\r\n", "0\r\n\r\n", "0\r\n", "5;a=b\r\nhello\r\n", "5;a=\"b\"\r\n", "0\r\nX-T: a\r\n\r\n", "ffffffffffffffff\r\n", "http://example.com/", "//", "/../", "hello", "GET /smuggled HTTP/1.1\r\nHost: example.com\r\n\r\n",
].map((part) => Buffer.from(part, "latin1"));

/** `count` forms, each a few changes away from one of `from`, mostly from a good one. */
export function mutations(from: Form[], count: number, seed: number): Form[] {
  const next = generator(seed);
  const pick = <T>(list: T[]): T => list[next(list.length)]!;
  const small = from.filter((form) => form.bytes.length > 0 && form.bytes.length < 2048);
  const good = small.filter((form) => form.good);
  const change = (bytes: Buffer): Buffer => {
    const at = next(bytes.length + 1);
    const rest = bytes.subarray(Math.min(bytes.length, at + 1 + (next(3) === 0 ? next(8) : 0)));
    const lines = bytes.toString("latin1").split("\r\n");
    const line = next(lines.length);
    switch (next(8)) {
      case 0:  // another byte
        return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(kBytes), "latin1"), rest]);
      case 1:
      case 2:  // one more
        return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(kBytes), "latin1"), bytes.subarray(at)]);
      case 3:  // some less
        return Buffer.concat([bytes.subarray(0, at), rest]);
      case 4:  // a part more, at the beginning of a line
        return Buffer.from([...lines.slice(0, line), pick(kParts).toString("latin1") + (lines[line] ?? ""), ...lines.slice(line + 1)].join("\r\n"), "latin1");
      case 5:  // a line twice, or not at all
        return Buffer.from([...lines.slice(0, line), ...(next(2) ? [lines[line]!, lines[line]!] : []), ...lines.slice(line + 1)].join("\r\n"), "latin1");
      case 6:  // one behind the other
        return Buffer.concat([bytes, pick(small).bytes]);
      default:  // the rest of another
        return Buffer.concat([bytes.subarray(0, at), pick(small).bytes.subarray(next(40))]);
    }
  };
  return Array.from({ length: count }, (_, i) => {
    const base = pick(next(4) ? good : small);
    let bytes = base.bytes;
    for (let changes = 1 + next(3); changes > 0; --changes) bytes = change(bytes);
    return { name: `mutation ${i} of "${base.name}"`, good: false, bytes };
  });
}

// --- Node ---

/** A connection in memory: gives the bytes and their end, and keeps what is answered. */
class Wire extends Duplex {
  answers = "";
  constructor(bytes: Buffer) {
    super();
    this.push(bytes);
    this.push(null);
  }
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.answers += chunk.toString("latin1");
    done();
  }
}

/** Readings of node:http's server, as strict as it is by default. */
export class NodeReader {
  #server = createServer({ maxHeaderSize: 48 * 1024, headersTimeout: 0, requestTimeout: 0, connectionsCheckingInterval: 1 << 30 });
  #messages: Message[] = [];
  #refused = "";
  #closes = false;

  constructor() {
    this.#server.on("request", (request: IncomingMessage, response) => {
      const fields: [string, string][] = [];
      for (let i = 0; i < request.rawHeaders.length; i += 2) fields.push([request.rawHeaders[i]!, request.rawHeaders[i + 1]!]);
      const body: Buffer[] = [];
      request.on("data", (part: Buffer) => body.push(part));
      request.on("error", () => {});
      request.on("end", () => {
        this.#messages.push({ method: request.method!, target: request.url!, fields, body: Buffer.concat(body).toString("latin1") });
        this.#closes = !response.shouldKeepAlive;
        response.end();
      });
    });
    this.#server.on("checkExpectation", () => (this.#refused = "unknown expectation"));
    this.#server.on("connect", (_request, socket) => {
      this.#refused = "CONNECT";
      socket.destroy();
    });
    this.#server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
      this.#refused = error.code ?? error.message;
      setImmediate(() => socket.destroy());  // the requests before it are told of first
    });
  }

  async read(bytes: Buffer): Promise<Reading> {
    this.#messages = [];
    this.#refused = "";
    this.#closes = false;
    const wire = new Wire(bytes);
    const closed = new Promise((resolve) => wire.once("close", resolve));
    this.#server.emit("connection", wire);
    await closed;
    const messages = this.#messages;
    // Without a Host it answers and calls nobody.
    const reason = this.#refused || (/^HTTP\/1\.1 400 /m.test(wire.answers) ? "no Host" : "");
    if (reason === "HPE_INVALID_EOF_STATE") return { messages, end: "open", reason: "" };
    if (reason && !(reason === "HPE_CLOSED_CONNECTION" && this.#closes)) return { messages, end: "refused", reason };
    return { messages, end: this.#closes ? "closed" : "clean", reason: "" };
  }
}
