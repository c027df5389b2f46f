// SPDX-License-Identifier: Apache-2.0
//
// Where Boost.Beast and Node read HTTP/1.1 in another way than we do, and why. What no class explains fails
// http_forms.test.ts; docs/reference/http1.md is made of this table.
import { METHODS } from "node:http";

import type { Message, Reading } from "./h1_forms.ts";

export type Peer = "Beast" | "Node";
/**
 * stricter: the peer takes a message that we don't. laxer: the other way round. different: both take it and read it in two
 * ways. end: the same messages, but only one of the two has nothing against what follows.
 */
export interface Disagreement {
  kind: "stricter" | "laxer" | "different" | "end";
  peer: Peer;
  ours: Reading;
  theirs: Reading;
  at: number;  // of the message
  what: string;  // different: which part
  form: string;
}
export interface Class {
  name: string;
  peers: Peer[];
  section: string;
  /** Whose reading the RFC wants; "both" where it leaves the choice. */
  right: "ours" | "both";
  why: string;
  /** What our parser says of what it refuses; or, where it refuses nothing, a look at the two readings. */
  reasons?: RegExp;
  matches?: (disagreement: Disagreement) => boolean;
}

export const kNoFieldsForUs = new Set(["host", "content-length", "expect", "connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"]);
const contains = (message: Message | undefined, name: string) => message?.fields.some(([field]) => field.toLowerCase() === name) ?? false;

export const kClasses: Class[] = [
  {
    name: "Host is missing, twice, or no host", peers: ["Beast", "Node"], section: "RFC 9112 §3.2", right: "ours", reasons: /^Host is missing|^Host is given more than once|^Host is not a valid|^Host has an/,
    why: "A server must answer 400 to each of these. Beast leaves Host to its user; Node wants one in HTTP/1.1 and looks no further. In HTTP/1.0, which needs none, we want one too: pages and links are made for a name.",
  },
  {
    name: "target and Host name two servers", peers: ["Beast", "Node"], section: "RFC 9112 §3.2.2", right: "both", reasons: /^the target names another host/,
    why: "The target's host would win; what stands in front of us may have gone by Host. Who is meant is in doubt, so it is nobody.",
  },
  {
    name: "target of another form", peers: ["Beast", "Node"], section: "RFC 9112 §3.2", right: "ours", reasons: /^the target is neither|^the target \* is for|^the target must start|^CONNECT is not offered/,
    why: "A relative path, another scheme, authority-form or * where it isn't allowed. Both peers hand on any text as the target; Node calls nobody for CONNECT, as we answer 501.",
  },
  {
    name: "path that a server behind reads in another way", peers: ["Beast", "Node"], section: "RFC 3986 §3.3, §6.2.2, §7.3", right: "both", reasons: /^the path has/,
    why: "Dot and empty segments, encoded NUL or backslash, broken escapes and bytes that must be encoded: authorization is decided on the path, so it must have one reading. Both peers leave paths to their user.",
  },
  {
    name: "query with a byte that must be encoded", peers: ["Beast", "Node"], section: "RFC 3986 §3.4", right: "ours", reasons: /^the query has/,
    why: "Fragments, quotes, angle brackets and bytes beyond ASCII are no part of a query.",
  },
  {
    name: "transfer coding other than chunked", peers: ["Beast", "Node"], section: "RFC 9112 §6.1", right: "ours", reasons: /^the only transfer coding taken|^Transfer-Encoding is given more than once/,
    why: "Beast takes a request with a coding that it doesn't know for one without a body and reads that as the next request; Node takes a last chunked and ignores the codings before it, and an empty field. Where the body ends would be a guess: 501, and the connection ends.",
  },
  {
    name: "Transfer-Encoding with Content-Length, or in HTTP/1.0", peers: ["Beast", "Node"], section: "RFC 9112 §6.1, §6.3", right: "ours", reasons: /^both Transfer-Encoding|^HTTP\/1\.0 has no Transfer/,
    why: "The signs of request smuggling. Beast takes both where it doesn't know the coding, and both peers take chunks in HTTP/1.0.",
  },
  {
    name: "the same length more than once", peers: ["Beast"], section: "RFC 9112 §6.3, RFC 9110 §8.6", right: "both", reasons: /^Content-Length is/,
    why: "A recipient may take `5, 5` or two equal fields for one. We refuse, since no client sends that and the next server may take another of them.",
  },
  {
    name: "extensions and zeros of chunks", peers: ["Beast", "Node"], section: "RFC 9112 §7.1, §7.1.1", right: "both", reasons: /^a chunk's size|^there are too many chunk ext/,
    why: "White space before an extension (the RFC's grammar has it, as bad), a name without a value behind =, and more than 16 digits, which both peers take if they are zeros. Extensions mean nothing to us and are bounded.",
  },
  {
    name: "chunk lines and trailers without bound", peers: ["Beast", "Node"], section: "RFC 9112 §7.1.1, §7.1.2", right: "ours", reasons: /^a chunk's line or the trailers are too long/,
    why: "A recipient must bound both. We take 256 bytes of a chunk's line and 4 KiB of trailers; the peers take up to their limit of the head.",
  },
  {
    name: "folded field", peers: ["Beast"], section: "RFC 9112 §5.2", right: "ours", reasons: /^a field is folded/,
    why: "A server must refuse a folded field or put a space in its place; Beast does the latter. Servers disagree on which, so we refuse.",
  },
  {
    name: "Connection that names what isn't the connection's", peers: ["Beast", "Node"], section: "RFC 9110 §7.6.1", right: "both", reasons: /^Connection (names|is not)/,
    why: "A client that has Connection name X-Forwarded-For or Impersonate-User wants a proxy to drop what it relies on. Neither peer is a proxy. Connection must be a list of tokens.",
  },
  {
    name: "Upgrade more than once", peers: ["Beast", "Node"], section: "RFC 9110 §7.8", right: "both", reasons: /^Upgrade is given more than once/,
    why: "Upgrade is a list and so may come in parts. We change to one protocol only; a client that asks for several in several fields is refused.",
  },
  {
    name: "unknown expectation", peers: ["Beast", "Node"], section: "RFC 9110 §10.1.1", right: "both", reasons: /^this expectation is not known/,
    why: "417 may be answered, and the request served. We answer 400 and end the connection, since a body may follow or not; Node answers 417 and goes on; Beast leaves it to its user.",
  },
  {
    name: "method in lower case", peers: ["Beast"], section: "RFC 9110 §9.1", right: "both", reasons: /^methods are in upper case/,
    why: "Any token is a method, and methods are case-sensitive. All that we know are in upper case, so we answer 501 before a server behind reads `get` as GET.",
  },
  {
    name: "empty line before a request", peers: ["Node"], section: "RFC 9112 §2.2", right: "both", reasons: /^the request doesn't begin with a method/,
    why: "A server should ignore one, for the sake of clients of the nineties. We don't: behind a body that was framed in two ways it is how the rest begins. Node ignores any number, and bare line feeds.",
  },
  {
    name: "request line that isn't three parts with one space between", peers: ["Node"], section: "RFC 9112 §2.3, §3", right: "ours", reasons: /^the request line doesn't have three parts|^the target is missing|^the version is not HTTP/,
    why: "Node still reads HTTP/0.9, which has no version, and any number of spaces around the target.",
  },
  {
    name: "version that isn't ours", peers: ["Node"], section: "RFC 9110 §15.6.6", right: "ours", reasons: /^only HTTP\/1\.0 and HTTP\/1\.1/,
    why: "Node takes HTTP/2.0 in a request line. A message of another major version needn't be framed as ours are: 505.",
  },
  {
    name: "trailer about the framing", peers: ["Node"], section: "RFC 9110 §6.5.1", right: "ours", reasons: /^a trailer is about/,
    why: "Content-Length and Transfer-Encoding can't come behind the body that they are about. Both peers refuse most of these; Node takes an empty or unknown Transfer-Encoding.",
  },
  {
    name: "line feed in a quoted extension", peers: ["Beast"], section: "RFC 9112 §7.1.1", right: "ours", reasons: /^a chunk's line has an LF/,
    why: "A quoted string holds no control bytes. A parser that takes the line feed for the line's end finds another body.",
  },
  {
    name: "line feed alone behind a request of HTTP/0.9", peers: ["Node"], section: "RFC 9112 §2.2", right: "both", reasons: /^the head has an LF without CR/,
    why: "A recipient may take a line feed for a line's end. We never do; Node does behind a target without a version.",
  },
  {
    name: "trailers are fields of the head", peers: ["Beast", "Node"], section: "RFC 9110 §6.5.1", right: "ours",
    why: "Beast adds a chunked body's trailers to the head's fields, so that a Host or an identity can come behind the body. Both peers look at a Connection there. We check trailers and drop them.",
    matches: ({ kind, ours, theirs, at, form }) => {
      if (kind === "laxer" && (theirs.reason === "bad value" || theirs.reason === "HPE_CLOSED_CONNECTION")) return /\r\n0+(;[^\r\n]*)?\r\n([^\r\n]+\r\n)*connection:/i.test(form);
      if (kind !== "different" && theirs.end === "closed") return contains(theirs.messages[at - 1], "transfer-encoding") && theirs.messages[at - 1]!.fields.at(-1)![0].toLowerCase() === "connection";
      if (kind !== "different" || !contains(theirs.messages[at], "transfer-encoding")) return false;
      const mine = ours.messages[at]!.fields.filter(([name]) => !kNoFieldsForUs.has(name)).map(([name, value]) => `${name}: ${value}`);
      const others = theirs.messages[at]!.fields.filter(([name]) => !kNoFieldsForUs.has(name.toLowerCase())).map(([name, value]) => `${name.toLowerCase()}: ${value}`);
      return mine.every((field) => others.includes(field));
    },
  },
  {
    name: "tab behind a length or a coding", peers: ["Node"], section: "RFC 9110 §5.5, §5.6.3", right: "ours",
    why: "White space around a field's value is no part of it, and a tab is white space. Node takes spaces only behind Content-Length and Transfer-Encoding.",
    matches: ({ kind, theirs, form }) => kind === "laxer" && theirs.end === "refused" && /^(content-length:[ \t]*\d+|transfer-encoding:[ \t]*chunked) *\t[ \t]*\r$/im.test(form),
  },
  {
    name: "close and keep-alive in HTTP/1.0", peers: ["Beast", "Node"], section: "RFC 9112 §9.3", right: "ours",
    why: "Whatever else Connection says, close ends the connection. Both peers go on where keep-alive is said too.",
    matches: ({ kind, ours, form }) => (kind === "stricter" || kind === "end") && ours.end === "closed" && /^connection:.*close/im.test(form) && /^connection:.*keep-alive/im.test(form),
  },
  {
    name: "methods that Node doesn't know", peers: ["Node"], section: "RFC 9110 §9.1", right: "both",
    why: "Methods are open to extension. Our parser takes any token in upper case, and the router answers 405 or 501; Node's parser knows a list.",
    matches: ({ kind, theirs, ours, at }) => kind === "laxer" && theirs.end === "refused" && !METHODS.includes(ours.messages[at]!.method),
  },
  {
    name: "what follows a request for an upgrade", peers: ["Node"], section: "RFC 9110 §7.8", right: "both",
    why: "A server that doesn't change protocols goes on with HTTP. Node's server without an upgrade listener looks no more at what came in the same piece, a body among it.",
    matches: ({ kind, theirs, form }) => kind !== "different" && theirs.end === "clean" && /^upgrade:/im.test(form),
  },
];

/** The class that explains it. */
export function explain(disagreement: Disagreement): Class | undefined {
  const refuses = (disagreement.kind === "stricter" || disagreement.kind === "end") && disagreement.ours.end === "refused";
  const own = kClasses.filter((each) => each.peers.includes(disagreement.peer));
  return own.find((each) => each.matches?.(disagreement)) ?? own.find((each) => refuses && each.reasons?.test(disagreement.ours.reason));
}

/** Where the two readings part first. */
export function compare(peer: Peer, form: string, ours: Reading, theirs: Reading): Disagreement | undefined {
  const common = Math.min(ours.messages.length, theirs.messages.length);
  for (let at = 0; at < common; ++at) {
    const mine = comparable(ours.messages[at]!), other = comparable(theirs.messages[at]!);
    const what = Object.keys(mine).find((key) => mine[key] !== other[key]);
    if (what) return { kind: "different", peer, form, ours, theirs, at, what };
  }
  const found = { peer, form, ours, theirs, at: common, what: "" };
  if (theirs.messages.length > common) return { kind: "stricter", ...found };
  if (ours.messages.length > common) return { kind: "laxer", ...found };
  const stopped = (reading: Reading) => reading.end === "refused" || reading.end === "open";
  return stopped(ours) === stopped(theirs) ? undefined : { kind: "end", ...found };
}

// Our parser gives path and query, lower-case names, and keeps what is the connection's to itself. The order of fields with
// different names means nothing (RFC 9110 §5.3), and Beast doesn't keep it.
function comparable(message: Message): Record<string, string> {
  let target = message.target.replace(/^([^?]*)\?$/, "$1");
  const absolute = /^http:\/\/[^/?#]*/i.exec(target);
  if (absolute) target = target.slice(absolute[0].length);
  if (absolute && !target.startsWith("/")) target = `/${target}`;
  const named = message.fields.map(([name, value]) => [name.toLowerCase(), value] as const);
  return {
    method: message.method,
    target,
    host: named.filter(([name]) => name === "host").map(([, value]) => value.toLowerCase()).join(", "),
    fields: JSON.stringify(named.filter(([name]) => !kNoFieldsForUs.has(name)).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))),
    body: message.body,
  };
}
