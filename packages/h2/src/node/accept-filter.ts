/**
 * The sockets of a TLS server that are being told why they are rejected. A server that closes waits for all its
 * sockets, and it must not wait for these: no user knows them.
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
  readonly #leaving: Set<ConnectionDriver> = new Set();

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
    for (const driver of this.#leaving) driver.destroy();
  }
}
