/** HTTP CONNECT (RFC 9110 §9.3.6) as a client, with basic authentication (RFC 7617). */
import { printHostPort, type TcpAddress, withoutZone } from "../address.js";
import type { ProxyCredentials } from "./proxy.js";
import type { HandshakeStep, ProxyFailure, ProxyHandshake } from "./step.js";
import { base64, startOfText, utf8Bytes } from "./text.js";

/** The limit for the head of the answer, interim answers included: as much as Node's own HTTP client takes. */
export const maxProxyHeadBytes = 16_384;

/** The part of a refusal's page that is looked at for its text: behind this are only further styles. */
const maxBodyBytes = 8_192;

/** The length of the text of a refusal in a message. */
const maxTextLength = 200;

export class HttpConnect implements ProxyHandshake {
  readonly #target: string;
  readonly #credentials: ProxyCredentials | undefined;
  /** The lines of the head, without the one that is under way. */
  #lines: string[] = [];
  #line = "";
  #headBytes = 0;
  /** The refusal, and the page that comes with it. */
  #refusal: Refusal | undefined;

  /** @throws TypeError for a host that is no ASCII */
  constructor({ host, port }: TcpAddress, credentials: ProxyCredentials | undefined) {
    if (!/^[\x21-\x7e]+$/.test(host))
      throw new TypeError(`the host ${JSON.stringify(host)} must be ASCII for a proxy: use its form with "xn--"`);
    this.#target = printHostPort(withoutZone(host), port);
    this.#credentials = credentials;
  }

  begin(): Uint8Array {
    const lines = [`CONNECT ${this.#target} HTTP/1.1`, `Host: ${this.#target}`];
    if (this.#credentials !== undefined) {
      const { user, password } = this.#credentials;
      lines.push(`Proxy-Authorization: Basic ${base64(utf8Bytes(`${user}:${password}`))}`);
    }
    return utf8Bytes(`${lines.join("\r\n")}\r\n\r\n`);
  }

  receive(bytes: Uint8Array): HandshakeStep {
    if (this.#refusal !== undefined) return this.#takeBody(bytes);
    for (let at = 0; at < bytes.length; at++) {
      if (++this.#headBytes > maxProxyHeadBytes)
        return invalid(`answered with a head of more than ${maxProxyHeadBytes} bytes`);
      const byte = bytes[at] as number;
      if (byte !== 0x0a) {
        this.#line += String.fromCharCode(byte);
        if (this.#lines.length === 0 && !isStatusStart(this.#line)) return invalid(notHttp(this.#line, bytes, at));
        continue;
      }
      const line = this.#line.replace(/\r$/, "");
      this.#line = "";
      if (line !== "") {
        this.#lines.push(line);
        continue;
      }
      const head = parseHead(this.#lines);
      if (head === undefined) return invalid(`answered with the status line ${shown(this.#lines[0] ?? "")}`);
      const rest = bytes.subarray(at + 1);
      if (head.status >= 200 && head.status < 300) return { kind: "open", rest };
      if (head.status < 200 && head.status !== 101) {
        // An interim answer (RFC 9110 §15.2): the final one follows.
        this.#lines = [];
        continue;
      }
      const length = Math.min(Number(head.fields.get("content-length") ?? maxBodyBytes) || 0, maxBodyBytes);
      this.#refusal = { head, body: "", length };
      return this.#takeBody(rest);
    }
    return { kind: "more", send: undefined };
  }

  end(): ProxyFailure {
    if (this.#refusal !== undefined) return this.#failure(this.#refusal.head, this.#refusal.body);
    const text =
      this.#headBytes === 0 ? "closed the connection without an answer" : "closed the connection in its answer";
    return { code: "PROXY_INVALID", text };
  }

  #takeBody(bytes: Uint8Array): HandshakeStep {
    const refusal = this.#refusal as Refusal;
    const room = refusal.length - refusal.body.length;
    for (const byte of bytes.subarray(0, room)) refusal.body += String.fromCharCode(byte);
    return bytes.length >= room ? { kind: "failed", failure: this.end() } : { kind: "failing" };
  }

  #failure({ status, reason, fields }: Head, body: string): ProxyFailure {
    if (status === 407) {
      const asked = fields.get("proxy-authenticate") ?? "";
      const schemes = asked === "" || /\bbasic\b/i.test(asked) ? "" : `, by ${startOfText(asked, 60)} and not by Basic`;
      const text =
        this.#credentials === undefined
          ? `wants a user and a password (407)${schemes}`
          : `does not accept the user and password (407)${schemes}`;
      return { code: "PROXY_AUTHENTICATION", text };
    }
    const isChunked = /chunked/i.test(fields.get("transfer-encoding") ?? "");
    const text = startOfText(isChunked ? body.replace(/^[0-9a-f]+[^\n]*\n/i, "") : body, maxTextLength);
    const page = text === "" ? "" : `: ${text}`;
    return { code: "PROXY_REFUSED", text: `answered ${`${status} ${startOfText(reason, 60)}`.trim()}${page}` };
  }
}

interface Head {
  readonly status: number;
  readonly reason: string;
  readonly fields: ReadonlyMap<string, string>;
}

interface Refusal {
  readonly head: Head;
  body: string;
  /** The part of the page that is waited for. */
  readonly length: number;
}

const statusStart = "HTTP/1.";

function isStatusStart(line: string): boolean {
  return line.length <= statusStart.length ? statusStart.startsWith(line) : line.startsWith(statusStart);
}

function parseHead([statusLine = "", ...lines]: readonly string[]): Head | undefined {
  const [, status, reason = ""] = /^HTTP\/1\.[0-9] +([1-9][0-9]{2})(?: +(.*))?$/.exec(statusLine) ?? [];
  if (status === undefined) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    fields.set(name, fields.has(name) ? `${fields.get(name)}, ${value}` : value);
  }
  return { status: Number(status), reason, fields };
}

function invalid(text: string): HandshakeStep {
  return { kind: "failed", failure: { code: "PROXY_INVALID", text } };
}

function notHttp(line: string, bytes: Uint8Array, at: number): string {
  const following = String.fromCharCode(...bytes.subarray(at + 1, at + 40));
  if (line.charCodeAt(0) === 0x15) return "does not speak HTTP here, but TLS: use an https:// URL";
  return `does not speak HTTP: it answered ${shown(line + following)}`;
}

function shown(text: string): string {
  return JSON.stringify(startOfText(text, 40));
}
