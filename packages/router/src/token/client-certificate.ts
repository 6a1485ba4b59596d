/** Users who show a certificate of TLS instead of a token. Whether an authority vouches for it, TLS has checked. */
import type { X509Certificate } from "node:crypto";
import { checkOptionNames, optionNames } from "@trunkline/base";
import { GrpcError, type ServerCall, Status } from "@trunkline/grpc";
import type { Caller } from "../policy/access.js";
import { identityProblem } from "./identity.js";

/** The part of a certificate that names its owner. */
export type CertificateName = "common-name" | "dns" | "uri" | "email";

/** Users who are known by their client certificates. */
export interface ClientCertificates {
  /**
   * The part of the certificate that is the identity: the common name (CN) of its subject, or the one DNS name, URI or
   * e-mail address among its alternative names. Default `common-name`.
   */
  readonly identityFrom?: CertificateName | undefined;
  /**
   * Text before each identity, such as `tls:`, so that none is one that a token has. Default: none.
   */
  readonly identityPrefix?: string | undefined;
}

/** The parts of a certificate that may name its owner. */
export const certificateNames: readonly CertificateName[] = ["common-name", "dns", "uri", "email"];

const certificateOptionNames = optionNames<ClientCertificates>({ identityFrom: true, identityPrefix: true });

/** The beginning of the id of a certificate, where those of tokens have their `jti`. */
export const fingerprintPrefix = "sha256:";

/** The facts about a certificate that do not change; it is read once a connection, and asked with every call. */
interface KnownCertificate {
  /** The identity, or why there is none. */
  readonly identity: string | { readonly problem: string };
  readonly tokenId: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

export class CertificateCallers {
  readonly #identityFrom: CertificateName;
  readonly #prefix: string;
  readonly #unixNowMs: () => number;
  readonly #known: WeakMap<X509Certificate, KnownCertificate> = new WeakMap();

  /** @throws TypeError for an unknown option or value */
  constructor(options: ClientCertificates, unixNowMs: () => number) {
    checkOptionNames("clientCertificates", options, certificateOptionNames);
    const { identityFrom = "common-name", identityPrefix = "" } = options;
    if (!certificateNames.includes(identityFrom))
      throw new TypeError(`identityFrom is one of ${certificateNames.join(", ")}`);
    if (typeof identityPrefix !== "string") throw new TypeError("identityPrefix must be text");
    this.#identityFrom = identityFrom;
    this.#prefix = identityPrefix;
    this.#unixNowMs = unixNowMs;
  }

  /**
   * Returns the caller that the certificate of a call names; undefined where none was shown, or none that an authority
   * vouches for.
   * @throws GrpcError UNAUTHENTICATED for one that has expired, or that names nobody
   */
  callerOf({ peer }: ServerCall<{}, {}>): Caller | undefined {
    const certificate = peer.tls?.authorized === true ? peer.tls.certificate : undefined;
    if (certificate === undefined) return undefined;
    const { identity, tokenId, validFromMs, validToMs } = this.#read(certificate);
    // A connection may live longer than the certificate that it began with.
    const nowMs = this.#unixNowMs();
    if (!(nowMs < validToMs)) throw refused("it has expired");
    if (!(nowMs >= validFromMs)) throw refused("it is not valid yet");
    if (typeof identity !== "string") throw refused(identity.problem);
    return { identity, tokenId };
  }

  #read(certificate: X509Certificate): KnownCertificate {
    let known = this.#known.get(certificate);
    if (known === undefined) {
      known = {
        identity: this.#identityOf(certificate),
        tokenId: `${fingerprintPrefix}${certificate.fingerprint256}`,
        validFromMs: Date.parse(certificate.validFrom),
        validToMs: Date.parse(certificate.validTo),
      };
      this.#known.set(certificate, known);
    }
    return known;
  }

  #identityOf(certificate: X509Certificate): KnownCertificate["identity"] {
    const from = this.#identityFrom;
    const names = from === "common-name" ? commonNames(certificate) : alternativeNames(certificate, from);
    const [name] = names;
    if (name === undefined || names.length > 1)
      return { problem: `it has ${names.length} names of the kind ${from}, and needs one` };
    const identity = `${this.#prefix}${name}`;
    const problem = name === "" ? "is empty" : identityProblem(identity);
    return problem === undefined ? identity : { problem: `its name (${from}) ${problem}` };
  }
}

function refused(why: string): GrpcError {
  return new GrpcError(Status.UNAUTHENTICATED, `the client certificate is refused: ${why}`);
}

/** Returns the common names of a subject; one that has several is an array in Node's object. */
function commonNames(certificate: X509Certificate): readonly string[] {
  const { CN: names } = (certificate.toLegacyObject() as { readonly subject?: { readonly CN?: string | string[] } })
    .subject ?? { CN: undefined };
  return names === undefined ? [] : [names].flat();
}

const kinds: Readonly<Record<Exclude<CertificateName, "common-name">, string>> = {
  dns: "DNS",
  uri: "URI",
  email: "email",
};

/**
 * Returns the alternative names of a kind. Node writes them as `DNS:a, URI:"b, c"`, with JSON where a name could be
 * taken for several.
 */
function alternativeNames({ subjectAltName = "" }: X509Certificate, kind: keyof typeof kinds): readonly string[] {
  const names: string[] = [];
  for (const [, type, value] of subjectAltName.matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?=, |$)/g)) {
    if (type !== kinds[kind] || value === undefined) continue;
    names.push(value.startsWith('"') ? (JSON.parse(value) as string) : value);
  }
  return names;
}
