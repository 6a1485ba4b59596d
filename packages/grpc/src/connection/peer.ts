/** The peer of a connection: its address and its identity. */
import type { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import { printAddress, type SocketAddress } from "@trunkline/base";
import { type AttributeKey, sharedAttribute } from "@trunkline/streams";
import { isPeerVerified, remoteAddressOf, shownCertificate, TLSSocket } from "#platform";

/** The peer of a connection. */
export interface Peer {
  /** The address: `"127.0.0.1:50051"`, `"[::1]:50051"`, `"unix:/path"`, or `"transport"` for a duplex that has none. */
  readonly address: string;
  /** True if the connection uses TLS. */
  readonly secure: boolean;
  /** The facts that TLS knows about the peer; only there if TLS is in use. */
  readonly tls?: PeerTls;
}

/** The facts that TLS knows about a peer. */
export interface PeerTls {
  /** The version of TLS: `"TLSv1.3"`. */
  readonly protocol: string;
  /** The cipher suite by its standard name: `"TLS_AES_256_GCM_SHA384"`. */
  readonly cipher: string;
  /** The name that the client asked for (SNI). */
  readonly serverName: string | undefined;
  /**
   * True if the peer's certificate was requested and is valid. Otherwise nothing that the certificate says is proven.
   */
  readonly authorized: boolean;
  /**
   * The peer's own certificate: `subject`, `subjectAltName`, `fingerprint256`, … A server has it only if it requests
   * client certificates (`requestCert`).
   */
  readonly certificate: X509Certificate | undefined;
}

/** The attribute that holds the peer of a call, for layers around it. */
export const callPeer: AttributeKey<Peer> = sharedAttribute("@trunkline/grpc", "callPeer");

/**
 * Reads the facts from the socket when they are asked for, since parsing a certificate costs more than most connections
 * need.
 */
class TlsOfSocket implements PeerTls {
  readonly #socket: TLSSocket;
  #certificate: X509Certificate | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
  }

  get protocol(): string {
    return this.#socket.getProtocol() ?? "unknown";
  }

  get cipher(): string {
    return this.#socket.getCipher()?.standardName ?? "unknown";
  }

  get serverName(): string | undefined {
    // Node gives false if there was none, which its types do not say.
    const { servername } = this.#socket as { servername?: unknown };
    return typeof servername === "string" && servername !== "" ? servername : undefined;
  }

  get authorized(): boolean {
    return isPeerVerified(this.#socket);
  }

  get certificate(): X509Certificate | undefined {
    this.#certificate ??= shownCertificate(this.#socket);
    return this.#certificate;
  }
}

/**
 * Returns the peer of a duplex.
 * @param known the address where the socket does not know it: of a Unix socket, and behind a proxy
 */
export function peerOf(duplex: Duplex, known?: SocketAddress): Peer {
  const address = addressOf(duplex, known);
  return duplex instanceof TLSSocket
    ? { address, secure: true, tls: new TlsOfSocket(duplex) }
    : { address, secure: false };
}

function addressOf(duplex: Duplex, known: SocketAddress | undefined): string {
  if (known !== undefined) return printAddress(known);
  const remote = remoteAddressOf(duplex);
  return remote === undefined ? "transport" : printAddress(remote);
}
