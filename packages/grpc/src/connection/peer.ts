/** Who is at the other end of a connection. */
import type { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import { printAddress } from "@trunkline/base";
import { type AttributeKey, sharedAttribute } from "@trunkline/streams";
import { isPeerVerified, remoteAddressOf, shownCertificate, TLSSocket } from "#platform";

export interface Peer {
  /** `"127.0.0.1:50051"`, `"[::1]:50051"`, `"unix:/path"`, or `"transport"` for a duplex that has no address. */
  readonly address: string;
  /** TLS is in use. */
  readonly secure: boolean;
  /** What TLS knows of the peer; only where it is in use. */
  readonly tls?: PeerTls;
}

/** What TLS knows of a peer. */
export interface PeerTls {
  /** `"TLSv1.3"`. */
  readonly protocol: string;
  /** The cipher suite by its standard name: `"TLS_AES_256_GCM_SHA384"`. */
  readonly cipher: string;
  /** At a server: the name that the client asked for (SNI). At a client: the name it asked for. */
  readonly serverName: string | undefined;
  /** The peer's certificate was asked for and is good. Without it nothing that the certificate says is proven. */
  readonly authorized: boolean;
  /** The peer's own certificate: `subject`, `subjectAltName`, `fingerprint256`, … At a server only where client certificates are asked for (`requestCert`). */
  readonly certificate: X509Certificate | undefined;
}

/** The peer of a call, for layers around it. */
export const callPeer: AttributeKey<Peer> = sharedAttribute("@trunkline/grpc", "callPeer");

/** Looks when asked: taking a certificate apart costs more than most connections need. */
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
    // False where there was none, which Node's types do not say.
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

/** `path`: where a Unix socket is that does not know it itself. */
export function peerOf(duplex: Duplex, path?: string): Peer {
  const address = addressOf(duplex, path);
  return duplex instanceof TLSSocket
    ? { address, secure: true, tls: new TlsOfSocket(duplex) }
    : { address, secure: false };
}

function addressOf(duplex: Duplex, path: string | undefined): string {
  if (path !== undefined) return printAddress({ path });
  const remote = remoteAddressOf(duplex);
  return remote === undefined ? "transport" : printAddress(remote);
}
