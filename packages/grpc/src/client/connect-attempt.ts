/** One attempt to connect: it gives a transport or a failure within its time, or is stopped before. */
import type { Duplex } from "node:stream";
import type { Clock } from "@trunkline/streams";
import type { Peer } from "../connection/peer.js";

/** Makes transports. */
export interface Connector {
  /** For messages: `"127.0.0.1:50051"`. */
  readonly name: string;
  connect(signal: AbortSignal): Promise<Transport>;
  /** False when there is only one to be had. */
  readonly reconnects: boolean;
}

export interface Transport {
  readonly duplex: Duplex;
  readonly peer: Peer;
}

export interface AttemptOptions {
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  /** What it throws counts as a failure. */
  onConnected(transport: Transport): void;
  onFailed(error: unknown): void;
}

export class ConnectAttempt {
  readonly #controller: AbortController = new AbortController();
  readonly #cancelTimeout: () => void;
  #over = false;

  constructor(connector: Connector, options: AttemptOptions) {
    const { clock, connectTimeoutMs } = options;
    const fail = (error: unknown): void => {
      if (this.#over) return;
      this.stop(error);
      options.onFailed(error);
    };
    this.#cancelTimeout = clock.at(
      clock.nowMs() + connectTimeoutMs,
      () => fail(new Error(`cannot connect to ${connector.name} within connectTimeoutMs (${connectTimeoutMs})`)),
      "watch",
    );
    connector
      .connect(this.#controller.signal)
      .then((transport) => {
        if (this.#over) {
          transport.duplex.destroy();
          return;
        }
        options.onConnected(transport);
        this.#cancelTimeout();
        this.#over = true;
      })
      .catch(fail);
  }

  /** Neither callback is called any more. */
  stop(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimeout();
    this.#controller.abort(reason);
  }
}
