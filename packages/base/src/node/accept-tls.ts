/** The TLS handshake of a server, over a connection that exists already. This file must not know how that was made. */
import type { Duplex } from "node:stream";
import tls from "node:tls";
import { abortable, abortReason } from "../abort.js";
import { deferred } from "../deferred.js";
import { checkOptionNames } from "../option-names.js";
import { type StartTlsOptions, startTlsOptionNames } from "./start-tls.js";
import { tlsFailure } from "./tls-failure.js";
import { usableTls } from "./tls-server.js";
import { TransportError, type TransportErrorCode } from "./transport-error.js";

/**
 * Finishes a TLS handshake as a server on `duplex`. The connection is closed when that fails. A certificate of the
 * client is judged by the caller where `rejectUnauthorized` is false. An `error` of the socket that comes before its
 * user listens is not thrown.
 * @throws TransportError that names the client and the failure, with a code for programs; TypeError for TLS options
 * that cannot be used; the signal's reason when it aborts
 */
export async function acceptTls(
  duplex: Duplex,
  secure: tls.TlsOptions,
  options: StartTlsOptions,
): Promise<tls.TLSSocket> {
  checkOptionNames("acceptTls", options, startTlsOptionNames);
  const { name, signal } = options;
  if (signal?.aborted === true) throw abortReason(signal);
  const server = usableTls(() => tls.createServer(secure));
  const done = deferred<tls.TLSSocket>(true);
  const fail = (code: TransportErrorCode, text: string, cause?: Error): void =>
    done.reject(new TransportError(code, `cannot accept ${name}: ${text}`, { cause }));
  const onClose = (): void => fail("CONNECTION_CLOSED", "the client closed the connection during the TLS handshake");
  server.once("secureConnection", (socket) => {
    socket.on("error", () => {});
    done.resolve(socket);
  });
  server.once("tlsClientError", (cause, socket) => {
    const [code, text] = tlsFailure(cause, "client") ?? (["TLS_FAILED", cause.message] as const);
    fail(code, text, cause);
    socket.destroy();
  });
  // A duplex that may be half-open ends without a close, and TLS waits on.
  duplex.once("close", onClose).once("end", onClose);
  server.emit("connection", duplex);
  try {
    return await abortable(done.promise, signal);
  } catch (error) {
    duplex.destroy();
    throw error;
  } finally {
    duplex.off("close", onClose).off("end", onClose);
  }
}
