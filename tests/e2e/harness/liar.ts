// SPDX-License-Identifier: Apache-2.0
//
// An identity provider that lies when it is told to: each sign-in can have a script of its own, and each of its paths an answer of
// its own. Without one it behaves. Nobody is asked anything: whoever is sent to it comes straight back with a code.
import { createHmac, generateKeyPairSync, randomBytes, sign as signBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";

import { noteSecret } from "./secrets.ts";

export type Json = Record<string, unknown>;
export type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

export interface Script {
  /** Changes the parameters that the browser comes back with. */
  callback?: (parameters: URLSearchParams) => void;
  claims?: (claims: Json) => void;
  header?: (header: Json) => void;
  /** Makes the ID token of header and claims; by default signed with the first key. */
  token?: (header: Json, claims: Json) => string;
  /** Changes the token endpoint's answer. */
  answer?: (answer: Json) => void;
  tokenEndpoint?: Handler;
  userinfoEndpoint?: Handler;
}

export const base64url = (value: string | Buffer) => Buffer.from(value).toString("base64url");
const encode = (value: Json) => base64url(JSON.stringify(value));

export class Key {
  readonly pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  constructor(readonly kid: string) {}
  jwk(): Json {
    return { ...this.pair.publicKey.export({ format: "jwk" }), kid: this.kid, alg: "ES256", use: "sig" };
  }
  sign(header: Json, claims: Json): string {
    return this.signText(header, JSON.stringify(claims));
  }
  /** Claims as text: JSON that no object could be. */
  signText(header: Json, claims: string): string {
    const input = `${encode({ alg: "ES256", kid: this.kid, typ: "JWT", ...header })}.${base64url(claims)}`;
    return `${input}.${base64url(signBytes("sha256", Buffer.from(input), { key: this.pair.privateKey, dsaEncoding: "ieee-p1363" }))}`;
  }
}
export function hs256(header: Json, claims: Json, secret: string | Buffer): string {
  const input = `${encode({ ...header, alg: "HS256" })}.${encode(claims)}`;
  return `${input}.${base64url(createHmac("sha256", secret).update(input).digest())}`;
}
export const unsigned = (header: Json, claims: Json) => `${encode(header)}.${encode(claims)}.`;

export const json = (value: unknown, status = 200): Handler => (_request, response) => void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
export const redirect = (location: string, status = 302): Handler => (_request, response) => void response.writeHead(status, { location }).end();
/** So many bytes of JSON white space after what is a whole answer otherwise. */
export const huge = (value: unknown, bytes = 10 << 20): Handler => (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(value) + " ".repeat(bytes));
};
/** Never says anything. */
export const silent: Handler = () => {};
/** One byte every so often, of an answer that never ends. */
export const drip = (everyMilliseconds = 200): Handler => (_request, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  const timer = setInterval(() => response.write(" "), everyMilliseconds);
  response.on("close", () => clearInterval(timer));
};
/** The same with the header: a field name without end. */
export const dripHead = (everyMilliseconds = 200): Handler => (_request, response) => {
  const socket = response.socket!;
  socket.write("HTTP/1.1 200 OK\r\nX-Long: ");
  const timer = setInterval(() => socket.write("a"), everyMilliseconds);
  socket.on("close", () => clearInterval(timer));
  socket.on("error", () => {});
};

interface Login {
  script: Script;
  nonce: string;
  accessToken: string;
}

export class Liar {
  readonly keys = [new Key("k0"), new Key("k1")];
  /** What the JWKS has. */
  published: Json[] = [this.keys[0]!.jwk()];
  /** Answers by path in place of the ordinary ones. */
  answers: Record<string, Handler> = {};
  /** Changes the discovery document. */
  metadata: (document: Json) => void = () => {};
  /** Scripts of the sign-ins that come next, in their order. */
  next: Script[] = [];
  person: Json = { sub: "u-alice", preferred_username: "alice", name: "Alice", email: "alice@example.com", email_verified: true, groups: ["staff"] };
  readonly requests: { path: string; body: string; authorization: string }[] = [];
  lastIdToken = "";
  private readonly logins = new Map<string, Login>();

  private constructor(readonly issuer: string, private readonly server: Server) {}

  static async start(port: number, tls: { cert: string; key: string }): Promise<Liar> {
    const server = createServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) });
    const liar = new Liar(`https://127.0.0.1:${port}`, server);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => liar.handle(request, response, body));
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return liar;
  }
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Behaves again. */
  reset(): void {
    this.published = [this.keys[0]!.jwk()];
    this.answers = {};
    this.metadata = () => {};
    this.next = [];
  }
  count(path: string): number {
    return this.requests.filter((request) => request.path === path).length;
  }

  private handle(request: IncomingMessage, response: ServerResponse, body: string): void {
    const url = new URL(request.url!, this.issuer);
    this.requests.push({ path: url.pathname, body, authorization: request.headers.authorization ?? "" });
    const own = this.answers[url.pathname];
    if (own) return own(request, response, body);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json(this.discovery())(request, response, body);
      case "/keys":
        return json({ keys: this.published })(request, response, body);
      case "/auth":
        return this.authorize(url.searchParams, response);
      case "/token":
        return this.tokens(request, response, body);
      case "/me":
        return this.userinfo(request, response, body);
      default:
        response.writeHead(404).end();
    }
  }

  private discovery(): Json {
    const document: Json = {
      issuer: this.issuer, authorization_endpoint: `${this.issuer}/auth`, token_endpoint: `${this.issuer}/token`, userinfo_endpoint: `${this.issuer}/me`, jwks_uri: `${this.issuer}/keys`,
      response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["ES256"], authorization_response_iss_parameter_supported: true,
    };
    this.metadata(document);
    return document;
  }

  private authorize(asked: URLSearchParams, response: ServerResponse): void {
    const script = this.next.shift() ?? {};
    const code = randomBytes(16).toString("base64url");
    noteSecret("code", code);
    this.logins.set(code, { script, nonce: asked.get("nonce") ?? "", accessToken: "" });
    const back = new URLSearchParams({ code, state: asked.get("state") ?? "", iss: this.issuer });
    script.callback?.(back);
    response.writeHead(302, { location: `${asked.get("redirect_uri")}?${back.toString()}` }).end();
  }

  private tokens(request: IncomingMessage, response: ServerResponse, body: string): void {
    const form = new URLSearchParams(body);
    noteSecret("code", form.get("code_verifier") ?? undefined);
    const login = this.logins.get(form.get("code") ?? "");
    if (!login) return json({ error: "invalid_grant" }, 400)(request, response, body);
    const { script } = login;
    if (script.tokenEndpoint) return script.tokenEndpoint(request, response, body);
    login.accessToken = randomBytes(24).toString("base64url");
    noteSecret("token", login.accessToken);
    const now = Math.floor(Date.now() / 1000);
    const claims: Json = { iss: this.issuer, aud: "openunison", iat: now, exp: now + 300, nonce: login.nonce, ...this.person };
    const header: Json = {};
    script.claims?.(claims);
    script.header?.(header);
    const idToken = script.token ? script.token(header, claims) : this.keys[0]!.sign(header, claims);
    noteSecret("token", idToken);
    this.lastIdToken = idToken;
    const answer: Json = { access_token: login.accessToken, token_type: "Bearer", expires_in: 600, id_token: idToken };
    script.answer?.(answer);
    json(answer)(request, response, body);
  }

  private userinfo(request: IncomingMessage, response: ServerResponse, body: string): void {
    const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
    const login = [...this.logins.values()].find((each) => each.accessToken === token && token);
    if (!login) return void response.writeHead(401).end();
    if (login.script.userinfoEndpoint) return login.script.userinfoEndpoint(request, response, body);
    json(this.person)(request, response, body);
  }
}
