// SPDX-License-Identifier: Apache-2.0
//
// An identity provider that behaves as Okta does: code with PKCE, groups behind their scope, refresh tokens that rotate. It is
// npm's certified oidc-provider; what tests need to change while it runs is in `control`.
import { createServer, request as httpsRequest, type Server } from "node:https";
import { readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";

import Provider, { errors, type Configuration, type JWK } from "oidc-provider";

import { noteSecret } from "./secrets.ts";

export interface Person {
  password: string;
  name: string;
  groups: string[];
  /** The groups claim where it is something else than the list above. */
  groupsClaim?: unknown;
  disabled?: boolean;
  /** NAME@example.com where it isn't given. */
  email?: string;
}

export interface UpstreamControl {
  people: Record<string, Person>;
  /** Answers every request to the token and userinfo endpoints with this status, if set. */
  failWith?: number;
  /** Delays the token endpoint by so many milliseconds. */
  delay?: number;
  tokenRequests: number;
  userinfoRequests: number;
  /** The traceparent and tracestate of each request to the token and userinfo endpoints, newest last. */
  traces: { traceparent: string; tracestate: string }[];
  /** What browsers were sent here with, newest last. */
  authorizations: URLSearchParams[];
}

export interface UpstreamOptions {
  port: number;
  /** The port in its issuer where something stands in front of it. */
  issuerPort?: number;
  cert: string;
  key: string;
  redirectUris: string[];
  postLogoutUris?: string[];
  clientSecret: string;
  backchannelLogoutUri?: string;
  /** Whom it trusts when it calls a client; needed with the address above. */
  ca?: string;
  groupsInIdToken?: boolean;
  /** The issuer ends with a slash. */
  issuerSlash?: boolean;
  /** false: gives no refresh tokens, and an access token lives so long as `accessTokenSeconds` says. */
  refreshTokens?: boolean;
  accessTokenSeconds?: number;
  /** false: has no address to sign out at. */
  endSession?: boolean;
  /** Private keys as JWKs; undefined: the program's own. */
  keys?: JWK[];
}

export const demoPeople: Record<string, Person> = {
  alice: { password: "wonderland-1", name: "Alice Liddell", groups: ["demo-admins", "developers"] },
  bob: { password: "builder-22", name: "Bob Builder", groups: ["developers"] },
  carol: { password: "singer-333", name: "Carol Singer", groups: [] },
};

export class Upstream {
  private constructor(readonly issuer: string, readonly control: UpstreamControl, private readonly server: Server) {}

  static async start(options: UpstreamOptions): Promise<Upstream> {
    const issuer = `https://127.0.0.1:${options.issuerPort ?? options.port}${options.issuerSlash ? "/" : ""}`;
    const control: UpstreamControl = { people: structuredClone(demoPeople), tokenRequests: 0, userinfoRequests: 0, traces: [], authorizations: [] };
    const configuration: Configuration = {
      clients: [{
        client_id: "openunison", client_secret: options.clientSecret, redirect_uris: options.redirectUris, post_logout_redirect_uris: options.postLogoutUris ?? [],
        grant_types: options.refreshTokens === false ? ["authorization_code"] : ["authorization_code", "refresh_token"], response_types: ["code"], token_endpoint_auth_method: "client_secret_basic",
        ...(options.backchannelLogoutUri ? { backchannel_logout_uri: options.backchannelLogoutUri, backchannel_logout_session_required: true } : {}),
      }],
      claims: { openid: ["sub"], profile: ["name", "preferred_username"], email: ["email", "email_verified"], groups: ["groups"] },
      scopes: ["openid", "profile", "email", "groups", "offline_access"],
      conformIdTokenClaims: options.groupsInIdToken === false,
      rotateRefreshToken: true,
      pkce: { required: () => true },
      features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: options.endSession !== false }, backchannelLogout: { enabled: true } },
      cookies: { keys: ["only for tests"] },
      ...(options.ca ? { fetch: fetchTrusting(options.ca) } : {}),
      ...(options.keys ? { jwks: { keys: options.keys } } : {}),
      ttl: { AccessToken: options.accessTokenSeconds ?? 600, IdToken: 600, Session: 86_400, Grant: 86_400, Interaction: 600, RefreshToken: 86_400 },
      interactions: { url: (_context, interaction) => `/login/${interaction.uid}` },
      // As Okta: offline_access is enough, no consent prompt is needed (oidc-provider drops the scope without one).
      issueRefreshToken: async (_context, client) => client.grantTypeAllowed("refresh_token"),
      findAccount: async (_context, id) => {
        const person = control.people[id];
        if (!person || person.disabled) return undefined;
        return { accountId: id, claims: async () => ({ sub: id, name: person.name, preferred_username: id, email: person.email ?? `${id}@example.com`, email_verified: true, groups: person.groupsClaim ?? person.groups }) };
      },
      loadExistingGrant: async (context) => {
        const { oidc } = context;
        const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId });
        grant.addOIDCScope("openid profile email groups offline_access");
        await grant.save();
        return grant;
      },
      renderError: async (context, out) => {
        context.type = "html";
        context.body = `<!doctype html><title>error</title><p>${String(out.error)}</p>`;
      },
    };
    const provider = new Provider(issuer, configuration);
    provider.proxy = true;
    for (const person of Object.values(control.people)) noteSecret("password", person.password);
    // Their ids are what the client is given.
    provider.on("access_token.saved", (token) => noteSecret("token", token.jti));
    provider.on("refresh_token.saved", (token) => noteSecret("token", token.jti));
    provider.on("authorization_code.saved", (code) => noteSecret("code", code.jti));
    provider.on("server_error", (_context, error) => console.error("upstream:", error));
    const callback = provider.callback();
    const server = createServer({ cert: readFileSync(options.cert), key: readFileSync(options.key) }, (request, response) => {
      void answer(provider, control, callback, request, response);
    });
    await new Promise<void>((resolve) => server.listen(options.port, "127.0.0.1", resolve));
    return new Upstream(issuer, control, server);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** fetch for an authority that this process doesn't trust: logout tokens, which is all that the provider sends. */
const fetchTrusting = (ca: string) => (url: string | URL | Request, options: RequestInit = {}) => new Promise<Response>((resolve, reject) => {
  const headers: Record<string, string> = {};
  new Headers(options.headers).forEach((value, name) => (headers[name] = value));
  const outgoing = httpsRequest(String(url), { method: options.method ?? "GET", headers, ca }, (incoming) => {
    incoming.resume();
    incoming.on("end", () => resolve(new Response(null, { status: incoming.statusCode ?? 500 })));
  });
  outgoing.on("error", reject);
  outgoing.end(options.body === undefined ? undefined : String(options.body));
});

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => resolve(body));
  });
}

const form = (uid: string, message: string) => `<!doctype html><html lang="en"><head><title>Demo provider</title><meta name="viewport" content="width=device-width">
<style>body{font:16px system-ui;max-width:22rem;margin:4rem auto;padding:0 1rem}input,button{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.6rem;margin:.25rem 0 1rem}</style></head>
<body><h1>Demo provider</h1><p role="alert">${message}</p><form method="post" action="/login/${uid}"><label for="login">User</label><input id="login" name="login" autocomplete="username" required>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required><button>Sign in</button></form></body></html>`;

async function answer(provider: Provider, control: UpstreamControl, callback: (request: IncomingMessage, response: ServerResponse) => unknown, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? "/").split("?")[0];
  if (path === "/token") control.tokenRequests += 1;
  if (path === "/me") control.userinfoRequests += 1;
  if (path === "/token" || path === "/me") control.traces.push({ traceparent: String(request.headers.traceparent ?? ""), tracestate: String(request.headers.tracestate ?? "") });
  if (path === "/auth" && request.url!.includes("?")) control.authorizations.push(new URL(request.url!, "https://upstream").searchParams);
  if ((path === "/token" || path === "/me") && control.failWith) {
    response.writeHead(control.failWith, { "content-type": "text/plain", "retry-after": "1" }).end("failing on purpose");
    return;
  }
  if (path === "/token" && control.delay) await new Promise((resolve) => setTimeout(resolve, control.delay));
  if (!path.startsWith("/login/")) {
    callback(request, response);
    return;
  }
  try {
    const details = await provider.interactionDetails(request, response);
    if (request.method !== "POST") {
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(form(details.uid, ""));
      return;
    }
    const fields = new URLSearchParams(await readBody(request));
    const login = fields.get("login") ?? "";
    const person = control.people[login];
    if (!person || person.disabled || person.password !== fields.get("password")) {
      response.writeHead(401, { "content-type": "text/html; charset=utf-8" }).end(form(details.uid, "Wrong user or password."));
      return;
    }
    await provider.interactionFinished(request, response, { login: { accountId: login, remember: false } }, { mergeWithLastSubmission: false });
  } catch (error) {
    const status = error instanceof errors.SessionNotFound ? 400 : 500;
    response.writeHead(status, { "content-type": "text/plain" }).end(String(error));
  }
}
