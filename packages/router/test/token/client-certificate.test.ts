/** Users who show a certificate: what names them, and who is refused. */
import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ServerCall } from "@trunkline/grpc";
import { Status } from "@trunkline/grpc";
import { afterEach, describe, expect, it } from "vitest";
import {
  type ClientCertificates,
  Router,
  type RouterEvent,
  Trunkline,
  type TrunklineOptions,
} from "../../src/index.js";
import { CertificateCallers } from "../../src/token/client-certificate.js";
import { rejection, secret } from "../support/router.js";

const names = readFileSync(new URL("../fixtures/names.pem", import.meta.url), "utf8")
  .split(/(?<=-----END CERTIFICATE-----\n)/)
  .filter((pem) => pem.trim() !== "")
  .map((pem) => new X509Certificate(pem));
const [board, domains, twice, comma] = names as [X509Certificate, X509Certificate, X509Certificate, X509Certificate];
const validMs = Date.parse(board.validTo) - 1_000;

function callOf(certificate: X509Certificate | undefined, authorized = true): ServerCall<{}, {}> {
  return { peer: { address: "", secure: true, tls: { authorized, certificate } } } as never;
}

function read(certificate: X509Certificate, options: ClientCertificates = {}, nowMs = validMs): string | undefined {
  try {
    return new CertificateCallers(options, () => nowMs).callerOf(callOf(certificate))?.identity;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("the identity of a certificate", () => {
  it("is its common name, or the one name of the kind that is asked for", () => {
    expect(read(board)).toBe("board-7");
    expect(read(board, { identityFrom: "dns" })).toBe("board-7.lab");
    expect(read(board, { identityFrom: "uri", identityPrefix: "tls:" })).toBe("tls:spiffe://lab/board/7");
    expect(read(board, { identityFrom: "email" })).toBe("board@lab.example");
  });

  it("is not chosen among several, and not made up", () => {
    expect(read(domains, { identityFrom: "dns" })).toContain("it has 2 names of the kind dns, and needs one");
    expect(read(domains)).toContain("it has 0 names of the kind common-name, and needs one");
    expect(read(twice)).toContain("it has 2 names of the kind common-name");
    expect(read(twice, { identityFrom: "uri" })).toContain("it has 0 names of the kind uri");
  });

  it("cannot be a part of another name", () => {
    expect(read(comma, { identityFrom: "dns" })).toBe("good.lab");
    expect(read(comma, { identityFrom: "uri" })).toBe("spiffe://lab/a, DNS:evil.lab");
  });

  it("is none without a certificate, and with one that no authority vouches for", () => {
    const callers = new CertificateCallers({}, () => validMs);
    expect(callers.callerOf(callOf(undefined))).toBeUndefined();
    expect(callers.callerOf(callOf(board, false))).toBeUndefined();
    expect(callers.callerOf({ peer: { address: "", secure: false } } as never)).toBeUndefined();
  });

  it("ends with the certificate, also on a connection that goes on", () => {
    expect(read(board, {}, validMs + 1_000)).toBe("the client certificate is refused: it has expired");
    expect(read(board, {}, Date.parse(board.validFrom) - 1)).toContain("it is not valid yet");
  });

  it("comes with the fingerprint, so that one certificate can be denied", () => {
    const { tokenId } = new CertificateCallers({}, () => validMs).callerOf(callOf(board)) ?? {};
    expect(tokenId).toBe(`sha256:${board.fingerprint256}`);
  });

  it("needs options that are known", () => {
    const make = (options: object) => new CertificateCallers(options, Date.now);
    expect(() => make({ identityFrom: "cn" })).toThrow("identityFrom is one of common-name, dns, uri, email");
    expect(() => make({ identityPrefix: 7 })).toThrow("identityPrefix must be text");
    expect(() => make({ prefix: "x" })).toThrow("prefix");
  });
});

const pem = (name: string): Buffer =>
  readFileSync(new URL(`../../../h2/test/fixtures/tls/${name}.pem`, import.meta.url));
const ca = pem("authority");
const shown = (name: string) => ({ ca, cert: pem(name), key: pem(`${name}-key`) });

describe("a router with client certificates", () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function lab(rejectUnauthorized = false) {
    const events: RouterEvent[] = [];
    const router = new Router({
      keys: [{ secret }],
      clientCertificates: {},
      onEvent: (event) => events.push(event),
    });
    closing.push(() => router.close({ closeTimeoutMs: 0 }));
    const tls = { cert: pem("server"), key: pem("server-key"), ca, requestCert: true, rejectUnauthorized };
    const endpoint = await router.listen("127.0.0.1:0", { tls });
    const client = (options: Partial<TrunklineOptions>): Trunkline => {
      const made = new Trunkline({ endpoint, ...options });
      closing.push(() => made.close({ closeTimeoutMs: 0 }));
      return made;
    };
    return { router, events, client };
  }

  it("takes the certificate of a call without a token, and the token of one that has it", async () => {
    const { router, events, client } = await lab();
    const mine = client({ tls: shown("client") });
    const listener = await mine.listen("web");
    const [there, here] = await Promise.all([listener.accept(), mine.dial("web")]);
    await here.send(new Uint8Array(3));
    expect(await there?.receive()).toHaveLength(3);
    const token = await router.mintToken({ identity: "other", lifetimeMs: 60_000 });
    await client({ tls: shown("client"), token }).listen("theirs");
    const identities = events.flatMap((event) => (event.kind === "listening" ? [event.identity] : []));
    expect(identities).toEqual(["client", "other"]);
    expect(await rejection(client({ tls: shown("client"), token: "forged" }).list())).toMatchObject({
      status: Status.UNAUTHENTICATED,
    });
  });

  it.each(["stranger", "client-expired", "self-signed"])("refuses a certificate that is %s", async (name) => {
    const { client } = await lab();
    expect(await rejection(client({ tls: shown(name) }).list())).toMatchObject({ status: Status.UNAUTHENTICATED });
  });

  it("ends the streams of an identity and of a certificate that are denied", async () => {
    for (const denied of [
      { identities: ["client"] },
      { tokenIds: [`sha256:${new X509Certificate(pem("client")).fingerprint256}`] },
    ]) {
      const { router, client } = await lab();
      const board = client({ token: await router.mintToken({ identity: "board", lifetimeMs: 60_000 }), tls: { ca } });
      const listener = await board.listen("web");
      const mine = client({ tls: shown("client") });
      const [there, here] = await Promise.all([listener.accept(), mine.dial("web")]);
      const ends = [rejection(here.receive()), rejection(there?.receive() as Promise<unknown>)];
      router.updatePolicy({ rules: [{ identities: ["*"], listen: ["*"], dial: ["*"] }], denied });
      for (const end of ends) expect(await end).toMatchObject({ status: Status.PERMISSION_DENIED });
      expect((await rejection(mine.list())).message).toMatch(/is denied/);
    }
  });

  it("may want a certificate of everyone, those with tokens included", async () => {
    const { router, client } = await lab(true);
    const token = await router.mintToken({ identity: "other", lifetimeMs: 60_000 });
    const nobody = client({ tls: { ca }, token });
    expect(await rejection(nobody.list())).toMatchObject({ status: Status.UNAVAILABLE });
    expect(await client({ tls: shown("client"), token }).list()).toEqual([]);
  });

  it("that knows no certificates asks for a token", async () => {
    const router = new Router({ keys: [{ secret }] });
    closing.push(() => router.close({ closeTimeoutMs: 0 }));
    const tls = { cert: pem("server"), key: pem("server-key"), ca, requestCert: true };
    const endpoint = await router.listen("127.0.0.1:0", { tls });
    const mine = new Trunkline({ endpoint, tls: shown("client") });
    closing.push(() => mine.close({ closeTimeoutMs: 0 }));
    expect(await rejection(mine.list())).toMatchObject({ status: Status.UNAUTHENTICATED });
    expect(() => new Trunkline({ endpoint, tls: { ca } })).toThrow("a token is a string that is not empty");
  });
});
