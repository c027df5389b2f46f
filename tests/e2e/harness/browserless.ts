// SPDX-License-Identifier: Apache-2.0
//
// A person without a browser: cookies, redirects one by one, forms found by name. Certificates are checked against the
// run's CA (NODE_EXTRA_CA_CERTS doesn't reach a running process, so the agent gets it).
import { Agent, request as httpsRequest } from "node:https";
import type { IncomingHttpHeaders } from "node:http";

import { keepOutput, noteAddress, noteAuthorization, noteForm, noteSetCookies, noteTokens } from "./secrets.ts";

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  url: string;
}

const unescape = (text: string) => text.replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

export class Visitor {
  /** Sent with every request. */
  headers: Record<string, string> = {};
  private readonly jar = new Map<string, Map<string, string>>();
  private readonly agent: Agent;
  constructor(ca: string) {
    this.agent = new Agent({ ca, keepAlive: true });
  }

  /** Ends the connections that are kept; it can be used again. */
  close(): void {
    this.agent.destroy();
  }

  cookies(host: string): Map<string, string> {
    let cookies = this.jar.get(host);
    if (!cookies) this.jar.set(host, (cookies = new Map()));
    return cookies;
  }

  /** One request, no redirect followed. */
  fetch(url: string, options: { method?: string; form?: Record<string, string>; headers?: Record<string, string> } = {}): Promise<Answer> {
    const target = new URL(url);
    const cookies = this.cookies(target.host);
    const body = options.form ? new URLSearchParams(options.form).toString() : undefined;
    const headers: Record<string, string> = { "user-agent": "e2e/1.0 (Linux)", ...this.headers, ...options.headers };
    if (cookies.size > 0) headers.cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    noteAddress(url);
    noteAuthorization(headers.authorization);
    if (options.form) noteForm(options.form);
    if (body !== undefined) Object.assign(headers, { "content-type": "application/x-www-form-urlencoded", "content-length": String(Buffer.byteLength(body)) });
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(target, { method: options.method ?? (body === undefined ? "GET" : "POST"), headers, agent: this.agent }, (incoming) => {
        noteSetCookies(incoming.headers["set-cookie"]);
        noteAddress(incoming.headers.location);
        for (const line of incoming.headers["set-cookie"] ?? []) {
          const [pair, ...attributes] = line.split(";");
          const equals = pair!.indexOf("=");
          const gone = attributes.some((attribute) => /^\s*max-age=0$/i.test(attribute)) || /expires=thu, 01 jan 1970/i.test(line);
          if (gone) cookies.delete(pair!.slice(0, equals));
          else cookies.set(pair!.slice(0, equals), pair!.slice(equals + 1));
        }
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("end", () => {
          const answer = { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString("utf8"), url };
          noteTokens(answer.body);
          if (answer.status >= 400) keepOutput(`${answer.status}-page`, answer.body);
          resolve(answer);
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  /** Follows redirects until an answer that is none, or one that leaves for `stopAt`. */
  async follow(url: string, options: Parameters<Visitor["fetch"]>[1] & { stopAt?: string } = {}): Promise<Answer> {
    let answer = await this.fetch(url, options);
    for (let hops = 0; answer.status >= 300 && answer.status < 400 && answer.headers.location; hops += 1) {
      if (hops > 20) throw new Error(`too many redirects, last ${answer.headers.location}`);
      const next = new URL(answer.headers.location, answer.url).href;
      if (options.stopAt && next.startsWith(options.stopAt)) return { ...answer, url: next };
      answer = await this.fetch(next);
    }
    return answer;
  }

  static field(html: string, name: string): string {
    const tag = new RegExp(`<input[^>]*name="${name}"[^>]*>`).exec(html)?.[0] ?? "";
    return unescape(/value="([^"]*)"/.exec(tag)?.[1] ?? "");
  }

  /** Signs in at the portal, wherever its first page leads: the upstream's form or the built-in users'. */
  async signIn(portal: string, user: string, password: string, start = "/"): Promise<Answer> {
    const page = await this.follow(new URL(start, portal).href);
    return this.submitLogin(page, user, password);
  }

  async submitLogin(page: Answer, user: string, password: string, stopAt?: string): Promise<Answer> {
    const action = unescape(/<form[^>]*action="([^"]*)"/.exec(page.body.slice(page.body.indexOf('type="password"') < 0 ? 0 : page.body.lastIndexOf("<form", page.body.indexOf('type="password"'))))?.[1] ?? "");
    if (!page.body.includes('type="password"')) throw new Error(`no sign-in form at ${page.url} (${page.status}): ${page.body.slice(0, 300)}`);
    const local = page.body.includes('name="username"');
    const form: Record<string, string> = local
      ? { username: user, password, csrf: Visitor.field(page.body, "csrf"), return_to: Visitor.field(page.body, "return_to") }
      : { login: user, password };
    return this.follow(new URL(action, page.url).href, { form, stopAt });
  }

  /** Allows what the page asks for. */
  async allow(page: Answer, stopAt?: string): Promise<Answer> {
    const hidden = [...page.body.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map((match) => [match[1]!, unescape(match[2]!)]);
    const action = /<form method="post" action="([^"]*)" class="actions">/.exec(page.body)?.[1];
    if (!action) throw new Error(`no question at ${page.url} (${page.status}): ${page.body.slice(0, 500)}`);
    return this.follow(new URL(action, page.url).href, { form: { ...Object.fromEntries(hidden), answer: "allow" }, stopAt });
  }

  /** Presses the button that makes a pasted command; gives its text. */
  async command(portal: string, cluster: string, shell: "posix" | "powershell" = "posix"): Promise<string> {
    const page = await this.follow(`${portal}/k8s/${cluster}`);
    const made = await this.fetch(`${portal}/k8s/${cluster}/command`, { form: { csrf: Visitor.field(page.body, "csrf"), shell } });
    const command = /<pre id="command"[^>]*>([\s\S]*?)<\/pre>/.exec(made.body)?.[1];
    if (!command) throw new Error(`no command (${made.status}): ${made.body.slice(0, 500)}`);
    return unescape(command);
  }

  async kubeconfig(portal: string, cluster: string): Promise<string> {
    const page = await this.follow(`${portal}/k8s/${cluster}`);
    const made = await this.fetch(`${portal}/k8s/${cluster}/kubeconfig`, { form: { csrf: Visitor.field(page.body, "csrf") } });
    if (made.status !== 200) throw new Error(`no kubeconfig (${made.status})`);
    return made.body;
  }

  async signOut(portal: string): Promise<Answer> {
    const page = await this.follow(`${portal}/logout`);
    return this.follow(`${portal}/logout`, { form: { csrf: Visitor.field(page.body, "csrf") } });
  }
}
