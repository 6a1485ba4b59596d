/**
 * One attempt to connect to an endpoint: it finds the addresses, tries them in their order, a slow one beside the next,
 * and gives the first connection on which HTTP/2 is spoken, or one failure that names all of them.
 */
import type { Duplex } from "node:stream";
import { connectFirst, isError, reasonText } from "@trunkline/base";
import type { Clock } from "@trunkline/streams";
import { TransportError } from "#platform";
import type { Peer } from "../connection/peer.js";
import type { ClientConnection } from "./connection.js";
import { namedFailures } from "./named-failures.js";

/** Makes transports to one address. */
export interface Connector {
  /** The name of the address in messages: `"127.0.0.1:50051"`. */
  readonly name: string;
  /**
   * Connects to the address. A connector that keeps `connectTimeoutMs` by itself from some step on, and then says what
   * it has waited for, calls `takeOver` before that step.
   */
  connect(signal: AbortSignal, takeOver: () => void): Promise<Transport>;
}

export interface Transport {
  readonly duplex: Duplex;
  readonly peer: Peer;
}

/** The addresses of an endpoint, as ways to connect to them. They are asked for with each attempt. */
export interface ConnectSource {
  /** The name of the endpoint in messages. */
  readonly name: string;
  connectors(signal: AbortSignal): readonly Connector[] | Promise<readonly Connector[]>;
}

export interface AttemptOptions {
  readonly clock: Clock;
  /** The time for finding the addresses, and for each of them up to where HTTP/2 begins. */
  readonly connectTimeoutMs: number;
  /** Begins HTTP/2 on a transport. The attempt is told of it by `onReady` and `onClose`. */
  open(transport: Transport): ClientConnection;
  onConnected(connection: ClientConnection): void;
  onFailed(error: unknown): void;
}

/** The two results of HTTP/2 on a new connection. */
interface Opening {
  onReady(connection: ClientConnection): void;
  onClosed(error: Error | undefined): void;
}

export class ConnectAttempt {
  readonly #source: ConnectSource;
  readonly #options: AttemptOptions;
  readonly #controller: AbortController = new AbortController();
  /** The connections on which HTTP/2 has begun and the peer's SETTINGS have not come. */
  readonly #opening: Map<ClientConnection, Opening> = new Map();
  readonly #failures: { readonly name: string; readonly error: unknown }[] = [];
  /** Cancels what is under way. */
  #cancel: () => void = () => {};
  #over = false;

  constructor(source: ConnectSource, options: AttemptOptions) {
    this.#source = source;
    this.#options = options;
    const found = this.#find();
    if (Array.isArray(found) && found.length > 0) this.#begin(found);
    else this.#await(found);
  }

  /** Stops the attempt: neither callback is called any more. */
  stop(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller.abort(reason);
    this.#cancel();
  }

  /** Called when HTTP/2 is spoken on a connection that `open` has made. */
  onReady(connection: ClientConnection): void {
    this.#take(connection)?.onReady(connection);
  }

  /** Called when a connection that `open` has made is over. */
  onClose(connection: ClientConnection, error: Error | undefined): void {
    this.#take(connection)?.onClosed(error);
  }

  #take(connection: ClientConnection): Opening | undefined {
    const opening = this.#opening.get(connection);
    this.#opening.delete(connection);
    return opening;
  }

  #find(): readonly Connector[] | Promise<readonly Connector[]> {
    try {
      return this.#source.connectors(this.#controller.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Waits for the addresses. What comes at once and is none fails in a later turn, as every failure does. */
  #await(found: readonly Connector[] | Promise<readonly Connector[]>): void {
    const { name } = this.#source;
    this.#cancel = this.#within(`no addresses of ${name} were found`, (error) => this.#fail(error));
    Promise.resolve(found)
      .then((connectors) => {
        if (this.#over) return;
        if (connectors.length === 0) throw new Error(`cannot connect to ${name}: the name has no address`);
        this.#cancel();
        this.#begin(connectors);
      })
      .catch((error) => this.#fail(error));
  }

  #begin(connectors: readonly Connector[]): void {
    this.#cancel = connectFirst<Connector, ClientConnection>(
      connectors,
      (connector, onConnected, onFailed) => this.#connect(connector, onConnected, onFailed),
      this.#options.clock,
      {
        onConnected: (connection) => {
          if (this.#over) return;
          this.#over = true;
          this.#options.onConnected(connection);
        },
        onFailed: () => this.#fail(this.#failure()),
      },
    );
  }

  /** Tries one address. The result cancels that. */
  #connect(
    connector: Connector,
    onConnected: (connection: ClientConnection) => void,
    onFailed: (error: Error) => void,
  ): () => void {
    const controller = new AbortController();
    let connection: ClientConnection | undefined;
    let over = false;
    const end = (reason: unknown): void => {
      over = true;
      disarm();
      controller.abort(reason);
    };
    const fail = (error: unknown): void => {
      if (over) return;
      end(error);
      this.#failures.push({ name: connector.name, error });
      onFailed(error as Error);
    };
    const disarm = this.#within(`cannot connect to ${connector.name}`, fail);
    connector
      .connect(controller.signal, disarm)
      .then((transport) => {
        if (over) {
          transport.duplex.destroy();
          return;
        }
        connection = this.#options.open(transport);
        disarm();
        this.#opening.set(connection, {
          onReady: (ready) => {
            over = true;
            onConnected(ready);
          },
          onClosed: (cause) => {
            const why = cause?.message ?? "the server closed the connection";
            fail(new Error(`cannot connect to ${connector.name}: ${why}`, { cause }));
          },
        });
      })
      .catch(fail);
    return () => {
      if (over) return;
      const reason = this.#controller.signal.reason ?? new Error("another address has answered first");
      end(reason);
      if (connection === undefined) return;
      this.#opening.delete(connection);
      connection.destroy(isError(reason) ? reason : new Error(reasonText(reason)));
    };
  }

  /** Calls `onLate` when `connectTimeoutMs` have passed. The result takes that back. */
  #within(what: string, onLate: (error: Error) => void): () => void {
    const { clock, connectTimeoutMs } = this.#options;
    const late = (): void =>
      onLate(new TransportError("CONNECT_TIMEOUT", `${what} within connectTimeoutMs (${connectTimeoutMs})`));
    return clock.at(clock.nowMs() + connectTimeoutMs, late, "watch");
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.stop(error);
    this.#options.onFailed(error);
  }

  /** Joins the failures of all addresses to one. That of an address that is the endpoint's name stays as it is. */
  #failure(): unknown {
    const all = this.#failures;
    const [first] = all;
    if (all.length === 1 && first?.name === this.#source.name) return first.error;
    const isOnly = all.length === 1;
    const named = namedFailures(all, ({ name, error }) => textOf(name, error, isOnly), "addresses");
    const message = `cannot connect to ${this.#source.name}: ${named}`;
    const known = all.map(({ error }) => error).filter(TransportError.is);
    // A refusal says more than that another family of addresses has no route.
    const most = known.find(({ code }) => code === "CONNECTION_REFUSED") ?? known.at(-1);
    if (most === undefined) return new Error(message, { cause: first?.error });
    return new TransportError(most.code, message, { cause: most.cause as Error | undefined });
  }
}

/** Returns a failure in the words that follow "cannot connect to …: ", with its address in them. */
function textOf(name: string, error: unknown, isOnly: boolean): string {
  const text = reasonText(error);
  const prefix = `cannot connect to ${name}`;
  const rest = text.startsWith(prefix) ? text.slice(prefix.length).replace(/^:? /, "") : text;
  const host = /^\[?(.*?)\]?(?::\d+)?$/.exec(name)?.[1] ?? name;
  return isOnly || rest.includes(host) ? rest : `${name}: ${rest}`;
}
