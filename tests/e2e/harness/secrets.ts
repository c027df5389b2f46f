// SPDX-License-Identifier: Apache-2.0
//
// What must not be told: every secret that a run used is noted here as it appears (cookies, codes, tokens, passwords, client
// secrets, the master key), beside the places where the program spoke (its logs, metrics, error pages). leaks.test.ts compares them
// at the end. build/e2e-secrets/secrets holds one {kind, value} a line; outputs are copied or named in build/e2e-secrets/outputs.
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { root } from "./paths.ts";

export type Kind = "cookie" | "code" | "token" | "password" | "client_secret" | "key" | "form_token";
export interface Secret {
  kind: Kind;
  value: string;
}

/** Shorter ones would be found in ordinary words. */
const shortest = 8;
const folder = join(root, "build/e2e-secrets");
const file = join(folder, "secrets"), outputs = join(folder, "outputs"), copies = join(folder, "said");
const known = new Set<string>();
let copied = 0;

export function forgetAll(): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(copies, { recursive: true });
}

export function noteSecret(kind: Kind, value: string | undefined): void {
  if (!value || value.length < shortest || known.has(value)) return;
  known.add(value);
  mkdirSync(folder, { recursive: true });
  appendFileSync(file, JSON.stringify({ kind, value }) + "\n", { mode: 0o600 });
}

/** A log of the program, which it writes itself. */
export function noteOutput(path: string): void {
  mkdirSync(folder, { recursive: true });
  appendFileSync(outputs, `${path}\n`);
}

/** Something that the program answered: an error page, a scrape of its metrics. */
export function keepOutput(name: string, text: string): void {
  mkdirSync(copies, { recursive: true });
  writeFileSync(join(copies, `${String((copied += 1)).padStart(5, "0")}-${process.pid}-${name}`), text);
}

/** The secret files of a server, whose names are those of values' reference. */
export function noteSecretFiles(directory: string): void {
  for (const name of readdirSync(directory)) {
    const text = readFileSync(join(directory, name), "utf8");
    if (name === "OU_MASTER_KEY" || name === "OU_MASTER_KEY.previous") noteSecret("key", text.trim());
    else if (name === "OIDC_CLIENT_SECRET" || name.startsWith("CLIENT_")) noteSecret("client_secret", text.trim());
    else if (name.endsWith(".key")) for (const line of text.split("\n").filter((each) => each && !each.startsWith("-----"))) noteSecret("key", line);
    else if (name === "users.yaml") for (const hash of text.match(/\$argon2id\$[^\s"']+/g) ?? []) noteSecret("password", hash);
  }
}

const tokenFields = ["access_token", "refresh_token", "id_token", "refresh-token", "id-token", "logout_token", "id_token_hint"];
const tokenPattern = new RegExp(`(?:${tokenFields.join("|")})["']?\\s*[:=]\\s*["']?([A-Za-z0-9._~+/=-]{${shortest},})`, "g");

/** Tokens in a JSON answer, a kubeconfig or a pasted command. */
export function noteTokens(text: string): void {
  for (const match of text.matchAll(tokenPattern)) noteSecret("token", match[1]);
}

/** What an address carries that isn't for others: a code, a token, a sealed callback. */
export function noteAddress(address: string | undefined): void {
  if (!address || !URL.canParse(address, "https://relative")) return;
  const query = new URL(address, "https://relative").searchParams;
  for (const name of ["code", "posted"]) noteSecret("code", query.get(name) ?? undefined);
  for (const name of tokenFields) noteSecret("token", query.get(name) ?? undefined);
}

const secretFields: Record<string, Kind> = {
  password: "password", client_secret: "client_secret", code: "code", code_verifier: "code", csrf: "form_token", refresh_token: "token", token: "token", subject_token: "token", id_token_hint: "token", logout_token: "token",
};
export function noteForm(form: Record<string, string>): void {
  for (const [name, value] of Object.entries(form)) if (secretFields[name]) noteSecret(secretFields[name], value);
}

export function noteSetCookies(lines: string[] | undefined): void {
  for (const line of lines ?? []) {
    const [name, value] = [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1).split(";")[0]];
    // The last provider's name and the theme are no secrets.
    if (name !== "__Host-ou-provider" && name !== "__Host-ou-theme") noteSecret("cookie", value);
  }
}

export function noteAuthorization(value: string | undefined): void {
  const [scheme, credentials] = (value ?? "").split(" ");
  if (scheme === "Bearer") noteSecret("token", credentials);
  if (scheme === "Basic") noteSecret("client_secret", decodeURIComponent(Buffer.from(credentials ?? "", "base64").toString().split(":").slice(1).join(":")));
}

export function secretsOfTheRun(): Secret[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line) as Secret);
}

export function outputsOfTheRun(): string[] {
  const logs = existsSync(outputs) ? [...new Set(readFileSync(outputs, "utf8").split("\n").filter(Boolean))] : [];
  const said = existsSync(copies) ? readdirSync(copies).map((name) => join(copies, name)) : [];
  return [...logs, ...said].filter((path) => existsSync(path));
}

export interface Leak {
  file: string;
  line: number;
  kind: Kind;
  form: string;
}

/** The forms in which a secret would still be one: as it is, in base64 of either alphabet at any alignment, in hexadecimal, percent-encoded. */
function forms(value: string): [string, string][] {
  const all: [string, string][] = [["as it is", value], ["hexadecimal", Buffer.from(value).toString("hex")], ["HEXADECIMAL", Buffer.from(value).toString("hex").toUpperCase()]];
  const encoded = encodeURIComponent(value);
  if (encoded !== value) all.push(["percent-encoded", encoded]);
  // The half that makes a token one: a log that cuts the front off still tells it.
  if (value.length >= 64) all.push(["its last 32 characters", value.slice(-32)]);
  for (const before of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(before), Buffer.from(value)]);
    // The first characters hold bits of what stands before, the last of what comes after.
    const text = padded.toString("base64").slice(before === 0 ? 0 : before + 1).replace(/=+$/, "");
    const whole = padded.length % 3 === 0 ? text : text.slice(0, -1);
    all.push(["base64", whole]);
    const url = whole.replaceAll("+", "-").replaceAll("/", "_");
    if (url !== whole) all.push(["base64url", url]);
  }
  return all.filter(([, text]) => text.length >= shortest);
}

/** Finds secrets in the texts of files. Form tokens are meant to be in pages; anywhere else they are found too. */
export function findLeaks(secrets: Secret[], files: { path: string; text: string; page: boolean }[]): Leak[] {
  const index = new Map<string, { kind: Kind; form: string; text: string }[]>();
  for (const secret of secrets) {
    for (const [form, text] of forms(secret.value)) {
      const key = text.slice(0, shortest);
      const entry = { kind: secret.kind, form, text };
      const there = index.get(key);
      if (there) there.push(entry);
      else index.set(key, [entry]);
    }
  }
  const leaks: Leak[] = [];
  for (const { path, text, page } of files) {
    for (const [number, line] of text.split("\n").entries()) {
      const found = new Set<string>();
      for (let at = 0; at + shortest <= line.length; at += 1) {
        for (const entry of index.get(line.slice(at, at + shortest)) ?? []) {
          if (!line.startsWith(entry.text, at) || (page && entry.kind === "form_token")) continue;
          const name = `${entry.kind} ${entry.form}`;
          if (!found.has(name)) leaks.push({ file: path, line: number + 1, kind: entry.kind, form: entry.form });
          found.add(name);
        }
      }
    }
  }
  return leaks;
}
