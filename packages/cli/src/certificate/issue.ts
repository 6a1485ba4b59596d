/**
 * Makes certificates (RFC 5280): of an authority, of a router, and of peers. Node can read certificates and sign, but
 * has no function that issues one.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { der, oid, sequence, Tag, time, valuesIn } from "./der.js";

/** The purpose of a certificate. A peer may be one that listens, one that dials, or both. */
export type Purpose = "authority" | "server" | "client" | "peer";

/** A certificate with its key. */
export interface Issued {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

/** The content of a certificate that is to be made. */
export interface CertificateContent {
  readonly purpose: Purpose;
  /** The common name of its subject. */
  readonly subject: string;
  /** The DNS names and IP addresses that it is for. */
  readonly names: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

const usages: Readonly<Record<Purpose, readonly string[]>> = {
  authority: [],
  server: ["1.3.6.1.5.5.7.3.1"],
  client: ["1.3.6.1.5.5.7.3.2"],
  peer: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
};

/** The longest common name (RFC 5280, upper bounds). */
const maxCommonNameChars = 64;

/** Makes a key (P-256) and its certificate, signed by `issuer`, or by itself where there is none. */
export function issue(content: CertificateContent, issuer?: Issued): Issued {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = issuer?.key ?? privateKey;
  const { algorithm, digest } = signatureOf(signer);
  const subject = nameOf(content.subject);
  const spki = publicKey.export({ type: "spki", format: "der" });
  const ownId = keyId(spki);
  const parts = issuer === undefined ? { subject, keyId: ownId } : partsOf(issuer.certificate);
  const serial = randomBytes(16);
  serial[0] = (serial.readUInt8(0) & 0x7f) | 0x40; // positive, and never shortened
  const tbs = sequence(
    der(0xa0, der(Tag.INTEGER, Buffer.from([2]))), // version 3
    der(Tag.INTEGER, serial),
    algorithm,
    parts.subject,
    sequence(time(content.notBeforeMs), time(content.notAfterMs)),
    subject,
    spki,
    der(0xa3, sequence(...extensions(content, ownId, parts.keyId))),
  );
  const signature = sign(digest, tbs, signer);
  const certificate = new X509Certificate(sequence(tbs, algorithm, der(Tag.BIT_STRING, Buffer.from([0]), signature)));
  return { certificate, key: privateKey };
}

function extensions({ purpose, names }: CertificateContent, ownId: Buffer, issuerId: Buffer | undefined): Buffer[] {
  const isAuthority = purpose === "authority";
  const yes = der(Tag.BOOLEAN, Buffer.from([0xff]));
  const extension = (id: string, value: Buffer, critical = false): Buffer =>
    sequence(oid(id), ...(critical ? [yes] : []), der(Tag.OCTET_STRING, value));
  // An authority signs certificates of ends only (path length 0).
  const constraints = isAuthority ? sequence(yes, der(Tag.INTEGER, Buffer.from([0]))) : sequence();
  // keyCertSign and cRLSign, or digitalSignature, with the number of unused bits in front.
  const usage = isAuthority ? Buffer.from([1, 0b0000_0110]) : Buffer.from([7, 0b1000_0000]);
  return [
    extension("2.5.29.19", constraints, true),
    extension("2.5.29.15", der(Tag.BIT_STRING, usage), true),
    ...(isAuthority ? [] : [extension("2.5.29.37", sequence(...usages[purpose].map(oid)))]),
    ...(names.length === 0 ? [] : [extension("2.5.29.17", sequence(...names.map(generalName)))]),
    extension("2.5.29.14", der(Tag.OCTET_STRING, ownId)),
    ...(issuerId === undefined ? [] : [extension("2.5.29.35", sequence(der(0x80, issuerId)))]),
  ];
}

/** Returns a DNS name or an IP address as a name of a certificate. */
function generalName(name: string): Buffer {
  const kind = isIP(name);
  if (kind === 0) return der(0x82, Buffer.from(name, "latin1"));
  return der(0x87, kind === 4 ? Buffer.from(name.split(".").map(Number)) : ipv6Bytes(name));
}

function ipv6Bytes(address: string): Buffer {
  // A URL writes each form of an address in the same one, without IPv4 at its end.
  const [head = "", tail = ""] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [front, back] = [groups(head), groups(tail)];
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function nameOf(text: string): Buffer {
  const value = der(Tag.UTF8_STRING, Buffer.from([...text].slice(0, maxCommonNameChars).join("")));
  return sequence(der(Tag.SET, sequence(oid("2.5.4.3"), value)));
}

/** Returns the usual id of a key: the SHA-1 of its bits (RFC 5280 §4.2.1.2). It protects nothing. */
function keyId(spki: Buffer): Buffer {
  const [outer] = valuesIn(spki);
  const bits = valuesIn(outer?.content ?? Buffer.alloc(0))[1]?.content.subarray(1) ?? Buffer.alloc(0);
  return createHash("sha1").update(bits).digest();
}

/** Returns the subject of an issuer, byte by byte as it stands there, and the id of its key, if it has one. */
function partsOf({ raw }: X509Certificate): { readonly subject: Buffer; readonly keyId: Buffer | undefined } {
  const [certificate] = valuesIn(raw);
  const [tbs] = valuesIn(certificate?.content ?? raw);
  const fields = valuesIn(tbs?.content ?? raw);
  const withoutVersion = fields[0]?.tag === 0xa0 ? fields.slice(1) : fields;
  const [list] = valuesIn(fields.find(({ tag }) => tag === 0xa3)?.content ?? Buffer.alloc(0));
  const own = oid("2.5.29.14");
  const extension = valuesIn(list?.content ?? Buffer.alloc(0))
    .map(({ content }) => valuesIn(content))
    .find(([id]) => id?.whole.equals(own));
  const [id] = valuesIn(extension?.at(-1)?.content ?? Buffer.alloc(0));
  return { subject: withoutVersion[4]?.whole ?? Buffer.alloc(0), keyId: id?.content };
}

/** Returns the algorithm with which a key signs, for the certificate and for Node. @throws TypeError for other keys */
function signatureOf({ asymmetricKeyType: type }: KeyObject): { algorithm: Buffer; digest: "sha256" | null } {
  if (type === "ec") return { algorithm: sequence(oid("1.2.840.10045.4.3.2")), digest: "sha256" };
  if (type === "rsa") return { algorithm: sequence(oid("1.2.840.113549.1.1.11"), der(Tag.NULL)), digest: "sha256" };
  if (type === "ed25519") return { algorithm: sequence(oid("1.3.101.112")), digest: null };
  throw new TypeError(`a key of type ${String(type)} cannot sign certificates here: ec, rsa and ed25519 can`);
}
