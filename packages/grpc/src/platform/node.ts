/**
 * Everything that this package takes from Node. The entry of another platform is one file with the same exports, chosen
 * by a condition of `#platform` in the `imports` of package.json. Types of Node that occur in public options
 * (`tls.ConnectionOptions`, `Duplex`) are imported where they are used.
 */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { channel as diagnosticsChannel } from "node:diagnostics_channel";
import dns from "node:dns";
import type net from "node:net";
import { hostname } from "node:os";
import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import zlib, { deflateSync, gunzipSync, gzipSync, inflateSync } from "node:zlib";

export {
  checkSocketPath,
  clearInterval,
  closeServer,
  environmentProxy,
  interleaved,
  isPeerVerified,
  listenOnAll,
  listenOnSystemd,
  parseSystemdAddress,
  setImmediate,
  setInterval,
  shownCertificate,
  systemClock,
  systemLookup,
  TransportError,
  takeSystemdSockets,
} from "@trunkline/base/node";
export { nodePlatform as codecPlatform } from "@trunkline/codec/node";
export {
  ConnectionDriver,
  connectSocket,
  createSocketServer,
  duplexTransport,
  nodeAscii,
  secureSocket,
} from "@trunkline/h2/node";
export { AsyncLocalStorage, AsyncResource, Buffer, Duplex, diagnosticsChannel, TLSSocket };

/** Returns `length` bytes of any content, from Node's pool where they are few. The caller writes all of them. */
export function allocateBytes(length: number): Uint8Array {
  return Buffer.allocUnsafe(length);
}

/** Returns `length` bytes of any content in memory of their own, not as a `Buffer`. The caller writes all of them. */
export function allocateOwnBytes(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

/** Returns the bytes of `text` in UTF-8. */
export function encodeUtf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** Returns the text of `bytes` in UTF-8; what is not UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array): string {
  return viewAsBuffer(bytes).toString("utf8");
}

/** Returns `bytes` in base64, without padding. */
export function encodeBase64(bytes: Uint8Array): string {
  return viewAsBuffer(bytes).toString("base64").replace(/=+$/, "");
}

/** Returns the bytes that `text` holds in base64, in memory of their own and not as a `Buffer`. */
export function decodeBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** Returns the same bytes as a `Buffer`, without copying them. */
export function viewAsBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Compresses in the format of RFC 1952. */
export function gzip(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes);
}

/** Decompresses the format of RFC 1952. @throws an error with the code `ERR_BUFFER_TOO_LARGE` beyond `maxBytes` */
export function gunzip(bytes: Uint8Array, maxBytes: number): Uint8Array {
  return gunzipSync(bytes, { maxOutputLength: maxBytes });
}

const gunzipLater: (bytes: Uint8Array, options: zlib.ZlibOptions) => Promise<Uint8Array> = promisify(zlib.gunzip);
const inflateLater: (bytes: Uint8Array, options: zlib.ZlibOptions) => Promise<Uint8Array> = promisify(zlib.inflate);

/** Decompresses as `gunzip` does, in the thread pool. */
export function gunzipInBackground(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  return gunzipLater(bytes, { maxOutputLength: maxBytes });
}

/** Decompresses as `inflate` does, in the thread pool. */
export function inflateInBackground(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  return inflateLater(bytes, { maxOutputLength: maxBytes });
}

/** Compresses in the zlib format of RFC 1950. */
export function deflate(bytes: Uint8Array): Uint8Array {
  return deflateSync(bytes);
}

/** Decompresses the zlib format of RFC 1950. @throws an error with the code `ERR_BUFFER_TOO_LARGE` beyond `maxBytes` */
export function inflate(bytes: Uint8Array, maxBytes: number): Uint8Array {
  return inflateSync(bytes, { maxOutputLength: maxBytes });
}

/**
 * Returns the address and port at the other end of a socket; undefined for a duplex that is no connected TCP socket.
 */
export function remoteAddressOf(duplex: Duplex): { readonly host: string; readonly port: number } | undefined {
  // Those of streams that were given as connections have it as sockets do.
  const { remoteAddress: host, remotePort: port } = duplex as Partial<net.Socket>;
  return typeof host === "string" ? { host, port: typeof port === "number" ? port : 0 } : undefined;
}

/** Asks the system's name servers for the TXT records of a name, each in its parts. */
export function systemTextLookup(name: string, done: (error: Error | null, records: string[][]) => void): void {
  // `dns.setServers` puts another function in its place.
  dns.resolveTxt(name, done);
}

/** Returns the name of this machine. */
export function systemHostname(): string {
  return hostname();
}

/** Shows a warning of the process that nobody else can be told of. */
export function emitWarning(warning: Error): void {
  process.emitWarning(warning);
}
