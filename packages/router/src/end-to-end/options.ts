/** The options of end-to-end TLS: the identity of this side, and the peers that it trusts. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { checkOptionNames, isBytes, maxTimerMs, optionNames, reasonText, wholeNumber } from "@trunkline/base";
import { Metadata, type MetadataInit } from "@trunkline/metadata";
import { metadataToFields } from "../stream/fields.js";
import { parsePin } from "./pin.js";

/** Options of TLS inside a stream, through a router that is not trusted. */
export interface EndToEndOptions {
  /** The certificate of this side, with its chain, PEM. */
  readonly cert: string | Uint8Array;
  /** The private key of that certificate, PEM. */
  readonly key: string | Uint8Array;
  /**
   * The pins of the peers that are trusted: the SHA-256 of their public keys, `sha256//BASE64`. Either these or `ca`.
   */
  readonly pins?: readonly string[] | undefined;
  /**
   * The certificates of an authority of one's own, PEM: each peer is trusted to which it has given a certificate, for
   * servers where the peer listens, for clients where it dials.
   */
  readonly ca?: string | Uint8Array | undefined;
  /**
   * Metadata for the other side that goes inside TLS; it is the `extra(streamMetadata)` of the stream there. What
   * `metadata` of `dial` and `listen` has goes through the exchange, which can read and change it: the reader of a
   * stream with end-to-end TLS is not given that.
   */
  readonly metadata?: MetadataInit | undefined;
  /**
   * The time for the handshake once the router has joined both sides. Default 10,000 ms: some round trips on the
   * slowest of networks.
   */
  readonly handshakeTimeoutMs?: number | undefined;
}

/** The options, checked. */
export interface ResolvedEndToEnd {
  readonly cert: string;
  readonly key: string;
  readonly pins: ReadonlySet<string>;
  readonly ca: string | undefined;
  readonly metadata: Metadata;
  readonly handshakeTimeoutMs: number;
}

const endToEndOptionNames = optionNames<EndToEndOptions>({
  cert: true,
  key: true,
  pins: true,
  ca: true,
  metadata: true,
  handshakeTimeoutMs: true,
});

/** The largest metadata that goes inside: that of an exchange by default. */
export const maxInnerMetadataBytes = 16_384;

/**
 * Checks options as `listen` and `dial` do, for those who want to know of a mistake before that. @throws TypeError or
 * RangeError that names the option that cannot be used; MetadataError
 */
export function checkEndToEnd(options: EndToEndOptions): void {
  resolveEndToEnd(options);
}

/**
 * Returns the options, checked. @throws TypeError or RangeError that names the one that cannot be used; MetadataError
 */
export function resolveEndToEnd(options: EndToEndOptions): ResolvedEndToEnd {
  checkOptionNames("endToEnd", options, endToEndOptionNames);
  const { pins, ca, handshakeTimeoutMs = 10_000 } = options;
  if ((pins === undefined) === (ca === undefined))
    throw new TypeError("endToEnd needs either pins or ca: one of the two says which peers are trusted");
  if (pins !== undefined && (!Array.isArray(pins) || pins.length === 0))
    throw new TypeError("endToEnd.pins must have at least one pin, or no peer is trusted");
  const cert = textOf("cert", options.cert);
  const key = textOf("key", options.key);
  checkIdentity(cert, key);
  const metadata = Metadata.from(options.metadata).clone().freeze();
  checkInnerMetadata(metadata);
  return {
    cert,
    key,
    pins: new Set(pins?.map(parsePin)),
    ca: ca === undefined ? undefined : authorityOf(ca),
    metadata,
    handshakeTimeoutMs: wholeNumber("handshakeTimeoutMs", handshakeTimeoutMs, 1, maxTimerMs),
  };
}

function textOf(name: string, value: unknown): string {
  if (typeof value === "string") return value;
  if (isBytes(value)) return Buffer.from(value).toString("latin1");
  throw new TypeError(`endToEnd.${name} must be PEM, as a string or bytes`);
}

/** Reads both parts, so that a mistake is reported before the first stream, and never with the text of the key. */
function checkIdentity(cert: string, key: string): void {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (error) {
    throw new TypeError(`endToEnd.cert is no certificate in PEM: ${reasonText(error)}`);
  }
  let matches: boolean;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new TypeError(`endToEnd.key is no private key in PEM: ${reasonText(error)}`);
  }
  if (!matches) throw new TypeError("endToEnd.key is not the key of endToEnd.cert");
  if (isOutOfDate(certificate))
    throw new TypeError(`endToEnd.cert is valid from ${certificate.validFrom} to ${certificate.validTo}, and not now`);
}

/** Returns true for a certificate that has expired or is not valid yet. */
export function isOutOfDate({ validFrom, validTo }: X509Certificate): boolean {
  const nowMs = Date.now();
  return !(nowMs >= Date.parse(validFrom) && nowMs <= Date.parse(validTo));
}

function authorityOf(ca: string | Uint8Array): string {
  const text = textOf("ca", ca);
  // Node ignores text that is no certificate, and would then trust nobody, without an error.
  if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new TypeError("endToEnd.ca has no certificate in PEM");
  try {
    createSecureContext({ ca: text });
  } catch (error) {
    throw new TypeError(`endToEnd.ca cannot be used: ${reasonText(error)}`);
  }
  return text;
}

/** @throws TypeError for metadata that is too large to go inside */
function checkInnerMetadata(metadata: Metadata): void {
  let bytes = 0;
  for (const { key = "", value } of metadataToFields(metadata).fields ?? []) bytes += key.length + (value?.length ?? 0);
  if (bytes > maxInnerMetadataBytes)
    throw new RangeError(`endToEnd.metadata of ${bytes} bytes is larger than ${maxInnerMetadataBytes}`);
}
