/** One HTTP/2 connection of a channel: the engine on its transport, and what the channel has to know of it. */
import type { Duplex } from "node:stream";
import {
  Connection,
  type ConnectionHandler,
  ErrorCode,
  type H2Error,
  type Http2Stream,
  type LifetimeOptions,
  type StreamHandler,
} from "@trunkline/h2";
import type { Clock } from "@trunkline/streams";
import { ConnectionDriver, decodeUtf8, duplexTransport, nodeAscii } from "#platform";
import type { Http2Options } from "../connection/options.js";
import type { Peer } from "../connection/peer.js";
import { ProcessHold } from "./process-hold.js";

/** A call as its connection sees it: it is given a stream, and hears the events of that. */
export interface ClientStream extends StreamHandler {
  onOpened(connection: CallConnection, stream: Http2Stream): void;
}

/** A connection as its calls see it. */
export interface CallConnection {
  readonly peer: Peer;
  /** The largest header section that the server takes. */
  readonly peerMaxHeaderListSize: number;
  /** Called when a call has been answered. */
  onAnswer(): void;
  /**
   * Takes back the stream of a call that is done with it.
   * @param succeeded how the call went there; undefined where that says nothing of the server
   */
  finished(stream: Http2Stream, succeeded: boolean | undefined): void;
}

export interface ClientConnectionEvents {
  /** Called when the server's SETTINGS have come: it speaks HTTP/2, and its limits are known. */
  onReady(connection: ClientConnection): void;
  onStreamsAvailable(connection: ClientConnection): void;
  /**
   * Called when the server takes no more calls on it; those it has go on. `tooManyPings`: it was asked too often
   * whether it is alive.
   */
  onDraining(connection: ClientConnection, tooManyPings: boolean): void;
  /** Called when the connection is over; all its calls have been told. */
  onClose(connection: ClientConnection, error: H2Error | undefined): void;
}

export interface ClientConnectionOptions extends Http2Options {
  readonly lifetime: LifetimeOptions;
  readonly outcomes: OutcomeCounter | undefined;
}

/** Counts how calls end. */
export interface OutcomeCounter {
  count(succeeded: boolean): void;
}

export class ClientConnection implements ConnectionHandler, CallConnection {
  readonly #http2: Connection;
  readonly peer: Peer;
  /** Counts the outcomes of calls; undefined where nobody asks for them. */
  readonly #outcomes: OutcomeCounter | undefined;
  readonly #events: ClientConnectionEvents;
  readonly #duplex: Duplex & { ref?(): unknown; unref?(): unknown };
  readonly #driver: ConnectionDriver;
  /** Holds the process while there are calls, where the transport cannot do so itself. */
  readonly #hold: ProcessHold | undefined;
  #calls = 0;
  /** True once the server's SETTINGS have come. */
  ready = false;
  /** True once the connection closes: the process stays until it is over. */
  #closing = false;
  /** The number of calls that were begun on it. */
  begun = 0;
  /** True once a call has been answered on it. */
  answered = false;
  readyAtMs = 0;

  constructor(
    duplex: Duplex,
    peer: Peer,
    options: ClientConnectionOptions,
    clock: Clock,
    events: ClientConnectionEvents,
  ) {
    this.peer = peer;
    this.#events = events;
    this.#duplex = duplex;
    this.#outcomes = options.outcomes;
    this.#hold = this.#duplex.ref === undefined ? new ProcessHold() : undefined;
    const { settings = {}, limits = {}, lifetime } = options;
    this.#http2 = new Connection(
      { role: "client", settings, limits, lifetime, stripFieldSpace: true, ascii: nodeAscii },
      this,
    );
    this.#driver = new ConnectionDriver(this.#http2, duplexTransport(duplex), { clock });
  }

  /** Settles when the transport is closed. */
  get done(): Promise<void> {
    return this.#driver.done;
  }

  /** The number of calls that are open. */
  get calls(): number {
    return this.#calls;
  }

  get peerMaxHeaderListSize(): number {
    return this.#http2.peerMaxHeaderListSize;
  }

  /** The error that the server's GOAWAY named. */
  get goAwayError(): H2Error | undefined {
    return this.#http2.goAwayError;
  }

  /** Returns a stream for the call; undefined when the server allows no more now. */
  openStream(call: ClientStream): Http2Stream | undefined {
    return this.#http2.openStream(call);
  }

  /** Returns what the streams of the connection belong to. */
  handlers(): StreamHandler[] {
    return this.#http2.handlers();
  }

  /** Begins the call on its stream. */
  begin(call: ClientStream, stream: Http2Stream): void {
    if (this.#calls === 0) {
      this.#duplex.ref?.();
      this.#hold?.set(true);
    }
    this.#calls += 1;
    this.begun += 1;
    call.onOpened(this, stream);
  }

  finished(stream: Http2Stream, succeeded: boolean | undefined): void {
    if (succeeded !== undefined) this.#outcomes?.count(succeeded);
    this.#calls -= 1;
    this.unrefIfIdle();
    stream.release();
  }

  onAnswer(): void {
    this.answered = true;
  }

  /** Lets the process end while the connection is idle. */
  unrefIfIdle(): void {
    if (this.#calls > 0) return;
    this.#hold?.set(false);
    if (!this.#closing) this.#duplex.unref?.();
  }

  /** Closes the connection when its last call has ended. */
  close(): void {
    this.#closing = true;
    this.#duplex.ref?.();
    this.#driver.close();
  }

  /** Closes the connection at once; its calls fail with `cause`. */
  destroy(cause: Error): void {
    this.#driver.destroy(cause);
  }

  onStreamsAvailable(): void {
    if (this.ready) this.#events.onStreamsAvailable(this);
  }

  onSettings(): void {
    if (this.ready) return;
    this.ready = true;
    this.#events.onReady(this);
  }

  onGoAway(_lastStreamId: number, errorCode: ErrorCode, debugData: Uint8Array): void {
    const tooManyPings = errorCode === ErrorCode.ENHANCE_YOUR_CALM && decodeUtf8(debugData) === "too_many_pings";
    this.#events.onDraining(this, tooManyPings);
  }

  onClose(error: H2Error | undefined): void {
    this.#events.onClose(this, error);
  }
}
