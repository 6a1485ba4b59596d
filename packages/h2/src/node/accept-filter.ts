/**
 * The sockets that a TLS server has not let in: those in their handshake, and those that are being told why they may not come in. A server that
 * closes waits for all its sockets, and for these it must not: nobody else knows them.
 */
import type net from "node:net";
import { Connection } from "../connection/connection.js";
import type { ConnectionHandler } from "../connection/handler.js";
import { ErrorCode } from "../error-code.js";
import { ConnectionDriver } from "./driver.js";
import { duplexTransport } from "./transport.js";

/** Nothing is served before a GOAWAY, and nothing can come after it. */
const servesNothing: ConnectionHandler = { onClose() {} };

export class Doorstep {
  /** By the peer's address, since Node does not tell which socket a TLS socket has come from. Without addresses, handshakes end by their timeout. */
  readonly #inHandshake: Map<string, net.Socket> = new Map();
  readonly #leaving: Set<ConnectionDriver> = new Set();

  /** A connection has come. */
  arrived(socket: net.Socket): void {
    const from = addressOf(socket);
    if (from === undefined) return;
    this.#inHandshake.set(from, socket);
    socket.once("close", () => {
      if (this.#inHandshake.get(from) === socket) this.#inHandshake.delete(from);
    });
  }

  /** Its handshake is done. */
  passed(secured: net.Socket): void {
    const from = addressOf(secured);
    if (from !== undefined) this.#inHandshake.delete(from);
  }

  /** Its handshake is done, but it may not come in: the client hears `why` in a GOAWAY. */
  turnAway(secured: net.Socket, why: string): void {
    const connection = new Connection({ role: "server", settings: { maxConcurrentStreams: 0 } }, servesNothing);
    const driver = new ConnectionDriver(connection, duplexTransport(secured));
    connection.goAway(ErrorCode.INADEQUATE_SECURITY, why);
    this.#leaving.add(driver);
    void driver.done.then(() => this.#leaving.delete(driver));
  }

  /** At once. */
  clear(): void {
    for (const socket of this.#inHandshake.values()) socket.destroy();
    for (const driver of this.#leaving) driver.destroy();
  }
}

function addressOf({ remoteAddress, remotePort }: net.Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
