/**
 * The sockets that a TLS server has not accepted yet: those in their handshake, and those that are being told why they
 * are rejected. A server that closes waits for all its sockets, and it must not wait for these: no user knows them.
 */
import type net from "node:net";
import { Connection } from "../connection/connection.js";
import type { ConnectionHandler } from "../connection/handler.js";
import { ErrorCode } from "../error-code.js";
import { ConnectionDriver } from "./driver.js";
import { duplexTransport } from "./transport.js";

/** A handler that serves nothing: nothing is served before a GOAWAY, and nothing can come after it. */
const servesNothing: ConnectionHandler = { onClose() {} };

export class AcceptFilter {
  /**
   * The sockets in their handshake, by the address of the peer, since Node does not tell which socket a TLS socket has
   * come from. Without addresses, handshakes end by their timeout.
   */
  readonly #inHandshake: Map<string, net.Socket> = new Map();
  readonly #leaving: Set<ConnectionDriver> = new Set();

  /** Takes a socket whose handshake begins. */
  arrived(socket: net.Socket): void {
    const from = addressOf(socket);
    if (from === undefined) return;
    this.#inHandshake.set(from, socket);
    socket.once("close", () => {
      if (this.#inHandshake.get(from) === socket) this.#inHandshake.delete(from);
    });
  }

  /** Forgets a socket whose handshake is done. */
  passed(secured: net.Socket): void {
    const from = addressOf(secured);
    if (from !== undefined) this.#inHandshake.delete(from);
  }

  /** Rejects a socket whose handshake is done: the client is told `why` in a GOAWAY. */
  reject(secured: net.Socket, why: string): void {
    const connection = new Connection({ role: "server", settings: { maxConcurrentStreams: 0 } }, servesNothing);
    const driver = new ConnectionDriver(connection, duplexTransport(secured));
    connection.goAway(ErrorCode.INADEQUATE_SECURITY, why);
    this.#leaving.add(driver);
    void driver.done.then(() => this.#leaving.delete(driver));
  }

  /** Closes all sockets at once. */
  clear(): void {
    for (const socket of this.#inHandshake.values()) socket.destroy();
    for (const driver of this.#leaving) driver.destroy();
  }
}

function addressOf({ remoteAddress, remotePort }: net.Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
