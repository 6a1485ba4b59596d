/** Connects and listens with TLS. */
import type { ConnectionOptions, PeerCertificate, Server, TLSSocket, TlsOptions } from "node:tls";
import { checkOptionNames, maxTimerMs, optionNames, wholeNumber } from "@trunkline/base";
import { createTlsServer, dialTls, isPeerVerified } from "@trunkline/base/node";
import { type AttributeKey, type Attributes, sharedAttribute } from "../contract/attributes.js";
import type { ObjectStream } from "../contract/stream.js";
import { type ConnectOptions, dial, type TcpTarget } from "./connect.js";
import { checkLimit, listenWith, type SocketListener, type TcpListenOptions } from "./listen.js";

/** The parts of a certificate that programs ask for. */
export interface TlsCertificate {
  /** The common name of its subject, if it has one. */
  readonly commonName: string | undefined;
  /** The alternative names, as OpenSSL writes them: `DNS:localhost, IP Address:127.0.0.1`. */
  readonly subjectAltName: string | undefined;
  readonly issuerCommonName: string | undefined;
  /** The SHA-256 of the certificate, in hexadecimal pairs with colons. */
  readonly fingerprint256: string;
  /** The time of expiry, as the certificate has it: `Nov 21 06:26:46 2026 GMT`. */
  readonly validTo: string;
  /** The certificate in DER. */
  readonly raw: Uint8Array;
}

/** The identity of the other end of a TLS connection, and the parameters that were agreed upon. */
export interface TlsIdentity {
  /** The version of TLS, such as `"TLSv1.3"`. */
  readonly protocol: string;
  readonly cipher: string;
  /** The application protocol that ALPN has chosen. */
  readonly alpnProtocol: string | undefined;
  /** The name that the client has asked for (SNI). */
  readonly serverName: string | undefined;
  /** True if the other side has shown a certificate and a trusted authority vouches for it. */
  readonly authorized: boolean;
  /** The other side's certificate; a server has one of its client only if it asks for it (`requestCert`). */
  readonly peerCertificate: TlsCertificate | undefined;
}

/** The TLS identity of the other side. */
export const tlsIdentity: AttributeKey<TlsIdentity> = sharedAttribute("@trunkline/streams", "tlsIdentity");

/** Options of `connectTls`. */
export interface TlsConnectOptions extends ConnectOptions {
  /**
   * Certificates, server name, ALPN and the like, as for `tls.connect`. Default: the system's authorities, the target's
   * host as name.
   */
  readonly tls?: ConnectionOptions;
}

const tlsConnectOptionNames = optionNames<TlsConnectOptions>({
  signal: true,
  connectTimeoutMs: true,
  clock: true,
  tls: true,
});

/** Options of `listenTls`. */
export interface TlsListenOptions extends TcpListenOptions {
  /** Key, certificate, ALPN, `requestCert` and the like, as for `tls.createServer`. */
  readonly tls: TlsOptions;
  /** The time for a client's handshake. Default 10,000 ms: some round trips on the slowest of networks. */
  readonly handshakeTimeoutMs?: number;
}

const tlsListenOptionNames = optionNames<TlsListenOptions>({
  maxPendingConnections: true,
  clock: true,
  onError: true,
  host: true,
  port: true,
  tls: true,
  handshakeTimeoutMs: true,
});

/**
 * Connects to a TCP port with TLS; resolves when the other side's certificate was found valid. `connectTimeoutMs`
 * includes the handshake.
 * @throws BrokenStreamError with the code of the system or of TLS, such as `ECONNREFUSED`,
 * `DEPTH_ZERO_SELF_SIGNED_CERT`, `ERR_TLS_CERT_ALTNAME_INVALID`, or `CONNECT_TIMEOUT`
 */
export async function connectTls(
  target: TcpTarget,
  options: TlsConnectOptions = {},
): Promise<ObjectStream<Uint8Array>> {
  checkOptionNames("connectTls", options, tlsConnectOptionNames);
  return await dial((limits) => dialTls(target, options.tls ?? {}, limits), options, identityOf);
}

/**
 * Listens on a TCP port with TLS. Connections whose handshake fails, or takes too long, are reported to `onError` and
 * never accepted; those in the handshake are limited to `maxPendingConnections` too, one more is reset.
 * @throws the error of the system or of TLS when the address cannot be bound or the certificate cannot be used
 */
export async function listenTls(options: TlsListenOptions): Promise<SocketListener> {
  checkOptionNames("listenTls", options, tlsListenOptionNames);
  checkLimit(options);
  const {
    host = "127.0.0.1",
    port = 0,
    tls,
    handshakeTimeoutMs = 10_000,
    maxPendingConnections = 128,
    onError,
  } = options;
  const handshakeTimeout = wholeNumber("handshakeTimeoutMs", handshakeTimeoutMs, 1, maxTimerMs);
  const create = (): Server =>
    createTlsServer({
      // Node's types do not know that its TLS servers take `noDelay`.
      tls: { ...tls, handshakeTimeout, noDelay: true } as TlsOptions,
      handshakeLimit: { name: "maxPendingConnections", count: maxPendingConnections },
      onRefused: (error) => onError?.(error),
    });
  return await listenWith(create, { host, port }, options, {
    readyEvent: "secureConnection",
    attributesOf: (socket) => identityOf(socket as TLSSocket),
  });
}

function identityOf(socket: TLSSocket): Attributes {
  const servername = (socket as { readonly servername?: string | false | null }).servername;
  const identity: TlsIdentity = {
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher().name,
    alpnProtocol: socket.alpnProtocol || undefined,
    serverName: servername || undefined,
    authorized: isPeerVerified(socket),
    peerCertificate: certificateOf(socket.getPeerCertificate()),
  };
  return new Map([[tlsIdentity, identity]]);
}

/** Returns the certificate; undefined where there is none, for which Node has an object without properties. */
function certificateOf(certificate: Partial<PeerCertificate>): TlsCertificate | undefined {
  const { subject, issuer, subjectaltname, fingerprint256, valid_to, raw } = certificate;
  if (raw === undefined || fingerprint256 === undefined) return undefined;
  return {
    commonName: oneOf(subject?.CN),
    subjectAltName: subjectaltname,
    issuerCommonName: oneOf(issuer?.CN),
    fingerprint256,
    validTo: valid_to ?? "",
    raw: new Uint8Array(raw),
  };
}

/** Returns the name, or the first of several, which is the one that tools show. */
function oneOf(names: string | readonly string[] | undefined): string | undefined {
  return typeof names === "string" ? names : names?.[0];
}
