/** SOCKS5 (RFC 1928) as a client, with user and password (RFC 1929). */
import type { TcpAddress } from "../address.js";
import { parseIp } from "./ip.js";
import type { ProxyCredentials } from "./proxy.js";
import type { HandshakeStep, ProxyFailure, ProxyFailureCode, ProxyHandshake } from "./step.js";
import { utf8Bytes } from "./text.js";

const none = 0;
const userAndPassword = 2;

/** The replies of RFC 1928 §6. */
const replies: readonly string[] = [
  "",
  "has failed (reply 1)",
  "does not allow this connection (reply 2)",
  "cannot reach the network of the target (reply 3)",
  "cannot reach the target (reply 4)",
  "was refused by the target (reply 5)",
  "has waited too long for the target (reply 6)",
  "does not know the command CONNECT (reply 7)",
  "does not know this kind of address (reply 8)",
];

/** The longest answer: a reply with a name of 255 bytes. */
const maxAnswerBytes = 4 + 1 + 255 + 2;

type Stage = "method" | "authentication" | "reply";

export class Socks5 implements ProxyHandshake {
  readonly #credentials: ProxyCredentials | undefined;
  readonly #request: Uint8Array;
  readonly #answer: Uint8Array = new Uint8Array(maxAnswerBytes);
  #length = 0;
  #stage: Stage = "method";
  #hasAnswered = false;

  /** @throws TypeError for a name of more than 255 bytes, or one that is no ASCII */
  constructor(target: TcpAddress, credentials: ProxyCredentials | undefined) {
    this.#credentials = credentials?.user === "" ? undefined : credentials;
    this.#request = Uint8Array.from([5, 1, 0, ...addressBytes(target.host), target.port >> 8, target.port & 255]);
  }

  begin(): Uint8Array {
    return Uint8Array.from(this.#credentials === undefined ? [5, 1, none] : [5, 2, none, userAndPassword]);
  }

  receive(bytes: Uint8Array): HandshakeStep {
    const sent: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at++) {
      this.#hasAnswered = true;
      this.#answer[this.#length++] = bytes[at] as number;
      const step = this.#step();
      if (step === undefined) continue;
      if (step === "open") return { kind: "open", rest: bytes.subarray(at + 1) };
      if (!(step instanceof Uint8Array)) return { kind: "failed", failure: step };
      sent.push(step);
      this.#length = 0;
    }
    return { kind: "more", send: sent.length === 0 ? undefined : Uint8Array.from(sent.flatMap((part) => [...part])) };
  }

  end(): ProxyFailure {
    const where = this.#hasAnswered ? "during the SOCKS5 handshake" : "without an answer";
    return failure("PROXY_INVALID", `closed the connection ${where}`);
  }

  /** Looks at the answer with one more byte. Returns the bytes to send, or the end; undefined while it is not whole. */
  #step(): Uint8Array | "open" | ProxyFailure | undefined {
    const [version = 0, second = 0, , kind = 0, nameLength = 0] = this.#answer;
    const length = this.#length;
    const expected = this.#stage === "authentication" ? 1 : 5;
    if (length === 1 && version !== expected) return failure("PROXY_INVALID", wrongVersion(version));
    if (length < 2) return undefined;
    if (this.#stage === "method") return this.#onMethod(second);
    if (this.#stage === "authentication") {
      if (second !== 0) return failure("PROXY_AUTHENTICATION", "does not accept the user and password");
      this.#stage = "reply";
      return this.#request;
    }
    // Some proxies close after the first two bytes of a refusal.
    if (second !== 0) return failure("PROXY_REFUSED", replies[second] ?? `has failed (reply ${second})`);
    if (length < 5) return undefined;
    const addressLength = kind === 1 ? 4 : kind === 4 ? 16 : kind === 3 ? 1 + nameLength : undefined;
    if (addressLength === undefined) return failure("PROXY_INVALID", `replied with an address of the kind ${kind}`);
    return length === 4 + addressLength + 2 ? "open" : undefined;
  }

  #onMethod(method: number): Uint8Array | ProxyFailure {
    const credentials = this.#credentials;
    if (method === none) {
      this.#stage = "reply";
      return this.#request;
    }
    if (method === userAndPassword && credentials !== undefined) {
      this.#stage = "authentication";
      const [user, password] = [utf8Bytes(credentials.user), utf8Bytes(credentials.password)];
      return Uint8Array.from([1, user.length, ...user, password.length, ...password]);
    }
    if (method !== 0xff)
      return failure("PROXY_INVALID", `chose the authentication method ${method}, which was not offered`);
    const wants = credentials === undefined ? "wants a user and a password" : "accepts no user with a password";
    return failure("PROXY_AUTHENTICATION", `${wants}, or does not serve this machine`);
  }
}

function failure(code: ProxyFailureCode, text: string): ProxyFailure {
  return { code, text };
}

function wrongVersion(first: number): string {
  if (first === 0x48) return "does not speak SOCKS5, but HTTP: use an http:// URL";
  return `does not speak SOCKS5: its answer begins with the byte ${first}`;
}

function addressBytes(host: string): number[] {
  const ip = parseIp(host);
  if (ip !== undefined) return [ip.length === 4 ? 1 : 4, ...ip];
  if (!/^[\x21-\x7e]{1,255}$/.test(host))
    throw new TypeError(`the host ${JSON.stringify(host)} must be 1 to 255 characters of ASCII for a SOCKS5 proxy`);
  return [3, host.length, ...utf8Bytes(host)];
}
