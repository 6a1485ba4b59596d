/** One attempt to connect: it gives a transport or a failure within its time, or is stopped before. */
import type { Duplex } from "node:stream";
import type { Clock } from "@trunkline/streams";
import type { Peer } from "../connection/peer.js";

/** Makes transports. */
export interface Connector {
  /** The name of the target in messages: `"127.0.0.1:50051"`. */
  readonly name: string;
  connect(signal: AbortSignal): Promise<Transport>;
  /** True where another transport can be made after a loss. */
  readonly reconnects: boolean;
}

export interface Transport {
  readonly duplex: Duplex;
  readonly peer: Peer;
}

export interface AttemptOptions {
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  /** Called with the transport. An error that it throws counts as a failure. */
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

  /** Stops the attempt: neither callback is called any more. */
  stop(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimeout();
    this.#controller.abort(reason);
  }
}
