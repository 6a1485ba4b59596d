/** TLS over a connection that exists already, good for HTTP/2. This file must not know how the connection was made. */
import type { Duplex } from "node:stream";
import tls from "node:tls";
import { type AbortSignalLike, abortReason, onAbort } from "@trunkline/base";
import { TransportError, tlsFailure } from "@trunkline/base/node";
import { alpnProtocol, clientHandshakeFailure, clientTlsOptions } from "./tls.js";

/** Options of `secureSocket`. */
export interface SecureSocketOptions {
  /** The name of the server in error messages. */
  readonly name: string;
  /** Cancels; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
}

/**
 * Finishes a TLS handshake as a client on `duplex`; the result is good for HTTP/2 (RFC 9113 §9.2). The connection is closed when that fails.
 * @throws TransportError that names the server and the failure, with a code for programs. TypeError for options that contradict HTTP/2. The
 * signal's reason when it aborts.
 */
export async function secureSocket(
  duplex: Duplex,
  options: tls.ConnectionOptions,
  { name, signal }: SecureSocketOptions,
): Promise<tls.TLSSocket> {
  if (signal?.aborted === true) throw abortReason(signal);
  const socket = tls.connect({ ...clientTlsOptions(options), socket: duplex });
  let forget = (): void => {};
  try {
    await new Promise<void>((resolve, reject) => {
      if (signal !== undefined) forget = onAbort(signal, () => reject(abortReason(signal)));
      socket.once("secureConnect", resolve);
      socket.once("error", (error) => reject(asFailure(name, error)));
      socket.once("close", () =>
        reject(failed(name, "CONNECTION_CLOSED", "the connection was closed in the TLS handshake")),
      );
    });
    const failure = clientHandshakeFailure(socket);
    if (failure !== undefined) throw failed(name, failure.code, failure.message);
  } catch (error) {
    socket.on("error", () => {});
    socket.destroy();
    duplex.destroy();
    throw error;
  } finally {
    forget();
  }
  socket.removeAllListeners("close");
  socket.disableRenegotiation(); // RFC 9113 §9.2.1
  return socket;
}

function asFailure(name: string, error: Error): Error {
  const [code, text] = tlsFailure(error, "server", alpnProtocol) ?? [];
  return code === undefined ? error : failed(name, code, text as string, error);
}

function failed(name: string, code: TransportError["code"], text: string, cause?: Error): TransportError {
  return new TransportError(code, `cannot connect to ${name}: ${text}`, cause === undefined ? {} : { cause });
}
