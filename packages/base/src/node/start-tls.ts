/** The TLS handshake of a client, over a connection that exists already. This file must not know how that was made. */

import type { Duplex } from "node:stream";
import tls from "node:tls";
import { type AbortSignalLike, abortable, abortReason } from "../abort.js";
import { checkOptionNames, optionNames } from "../option-names.js";
import { systemFailure } from "./system-failure.js";
import { tlsFailure, unusableTls } from "./tls-failure.js";
import { TransportError } from "./transport-error.js";

/** Options of `startTls`. */
export interface StartTlsOptions {
  /** The name of the server in error messages. */
  readonly name: string;
  /** Cancels; the promise rejects with its reason. */
  readonly signal?: AbortSignalLike | undefined;
}

/** The names of the options of handshakes. */
export const startTlsOptionNames: ReadonlySet<string> = optionNames<StartTlsOptions>({ name: true, signal: true });

/**
 * Finishes a TLS handshake as a client on `duplex`; resolves when the server's certificate was found valid. The
 * connection is closed when that fails. An `error` of the socket that comes before its user listens is not thrown.
 * @throws TransportError that names the server and the failure, with a code for programs; TypeError for TLS options
 * that cannot be used; the signal's reason when it aborts
 */
export async function startTls(
  duplex: Duplex,
  secure: tls.ConnectionOptions,
  options: StartTlsOptions,
): Promise<tls.TLSSocket> {
  checkOptionNames("startTls", options, startTlsOptionNames);
  const { name, signal } = options;
  if (signal?.aborted === true) throw abortReason(signal);
  const socket = connectOver(duplex, secure);
  try {
    return await abortable(handshake(socket, name, protocolOf(secure)), signal);
  } catch (error) {
    socket.destroy();
    duplex.destroy();
    throw error;
  }
}

function connectOver(duplex: Duplex, secure: tls.ConnectionOptions): tls.TLSSocket {
  try {
    return tls.connect({ ...secure, socket: duplex });
  } catch (error) {
    throw unusableTls(error);
  }
}

/**
 * Waits for the end of the handshake. The listener for `error` stays, so that an error before the next user listens
 * does not end the process.
 * @throws TransportError
 */
export function handshake(socket: tls.TLSSocket, name: string, protocol: string | undefined): Promise<tls.TLSSocket> {
  const fail = (code: TransportError["code"], text: string, cause?: Error): TransportError =>
    new TransportError(code, `cannot connect to ${name}: ${text}`, { cause });
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      socket.off("close", onClose).off("secureConnect", onSecure);
      if (error === undefined) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(error);
    };
    const onSecure = (): void => settle();
    const onClose = (): void =>
      settle(fail("CONNECTION_CLOSED", "the server closed the connection during the TLS handshake"));
    socket.once("close", onClose).once("secureConnect", onSecure);
    socket.on("error", (cause) =>
      settle(fail(...(tlsFailure(cause, "server", protocol) ?? systemFailure([cause])), cause)),
    );
  });
}

/** Returns the application protocol (ALPN) that is asked for, where it is one. */
export function protocolOf({ ALPNProtocols: protocols }: tls.ConnectionOptions): string | undefined {
  const first: unknown = Array.isArray(protocols) && protocols.length === 1 ? protocols[0] : undefined;
  return typeof first === "string" ? first : undefined;
}
