/**
 * The connections that `expose` and `connect` carry: each joins a client's stream to the target's, is reported, and can
 * be ended.
 */
import { type Clock, formatBytes } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { type ResumptionEvent, resumption } from "@trunkline/router";
import { type CountedStream, counted, forward, type ObjectStream } from "@trunkline/streams";
import { reasonOf } from "./command-error.js";
import { formatDuration } from "./format.js";
import type { Level, NoteOptions, OutputEvent } from "./output.js";
import { droppedDatagrams } from "./udp/flow-stream.js";

/** Reports what happens to a connection: the event for programs, the text for people. */
export type Report = (level: Level, event: OutputEvent, text: string, options?: NoteOptions) => void;

type ByteStream = ObjectStream<Uint8Array>;

/**
 * The most connections that are open at once where the user gives no limit, and the largest number that may be given;
 * one more is refused with a reset. Each takes a descriptor, and 4,096 of those is what a process may usually have.
 */
export const maxConnections = 4_000;

/** The origin of a connection, for events and lines of the log. */
export interface Origin {
  /** The name that the connection goes to. */
  readonly name: string;
  /** The client for people: its address, or its identity at the router. */
  readonly peer: string;
}

interface Connection {
  readonly id: number;
  readonly origin: Origin;
  readonly startMs: number;
  readonly abort: AbortController;
  readonly client: CountedStream<Uint8Array>;
  /** Return the numbers of datagrams that were dropped, where it is a flow of datagrams. */
  readonly dropped: (() => number)[];
  /** The name of the session that carries it, where its stream can be resumed. */
  session: string | undefined;
}

/** The totals of a command, for its last line. */
export interface ConnectionCounts {
  /** The number of connections that were carried, the broken ones included. */
  readonly connections: number;
  /** The number of connections that ended with an error. */
  readonly broken: number;
  /** The number of connections that were refused because a limit was met. */
  readonly refused: number;
  readonly bytesToTarget: number;
  readonly bytesFromTarget: number;
  /** The number of datagrams that were dropped, here and on the way from here. */
  readonly droppedDatagrams: number;
}

/** All connections of one command, their limit and their totals. */
export class Connections {
  readonly #report: Report;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #open = new Map<number, Connection>();
  readonly #bySession = new Map<string, Connection>();
  readonly #counts = {
    connections: 0,
    broken: 0,
    refused: 0,
    bytesToTarget: 0,
    bytesFromTarget: 0,
    droppedDatagrams: 0,
  };
  #lastId = 0;
  #onIdle: (() => void) | undefined;

  constructor(report: Report, limit: number = maxConnections, clock: Clock = systemClock) {
    this.#report = report;
    this.#limit = limit;
    this.#clock = clock;
  }

  /** The number of open connections. */
  get size(): number {
    return this.#open.size;
  }

  /** The totals so far. */
  get counts(): ConnectionCounts {
    return { ...this.#counts };
  }

  /**
   * Joins the client's stream to the one that `reach` returns, until both have ended. If either breaks, or `reach`
   * fails, the other is aborted, so that neither side takes it for an end. Never throws: an error is reported.
   */
  carry(client: ByteStream, origin: Origin, reach: (signal: AbortSignal) => Promise<ByteStream>): void {
    if (this.#open.size >= this.#limit) {
      const reason = `${this.#limit} connections are open, and no more are taken`;
      client.abort(new Error(reason));
      this.refused(reason, origin);
      return;
    }
    const id = ++this.#lastId;
    const connection: Connection = {
      id,
      origin,
      startMs: this.#clock.nowMs(),
      abort: new AbortController(),
      client: counted(client),
      dropped: droppedOf(client),
      session: undefined,
    };
    this.#open.set(id, connection);
    this.#noteSession(connection, client);
    this.#counts.connections += 1;
    this.#report("debug", { event: "connection-opened", id, ...origin }, `connection ${id} from ${origin.peer} opened`);
    const reachNoted = async (signal: AbortSignal): Promise<ByteStream> => {
      const target = await reach(signal);
      this.#noteSession(connection, target);
      connection.dropped.push(...droppedOf(target));
      return target;
    };
    join(connection.client, reachNoted, connection.abort.signal).then(
      () => this.#closed(connection, undefined),
      (error: unknown) => this.#closed(connection, error),
    );
  }

  /** Reports that the way of a connection was lost, or was found again. */
  readonly onResumption = (event: ResumptionEvent): void => {
    const connection = this.#bySession.get(event.session);
    if (connection === undefined) return;
    const { id, origin } = connection;
    const fields = { id, ...origin };
    const text = `connection ${id} from ${origin.peer}`;
    if (event.kind === "detached") {
      const error = reasonOf(event.cause);
      const detached = { event: "stream-detached", ...fields, error };
      this.#report("warn", detached, `${text} waits for its way: ${error}`, { repeated: true });
    } else {
      const { attempts } = event;
      const pausedMs = Math.round(event.pausedMs);
      const resumed = { event: "stream-resumed", ...fields, pausedMs, attempts };
      this.#report("info", resumed, `${text} goes on after ${formatDuration(pausedMs)}`, { repeated: true });
    }
  };

  #noteSession(connection: Connection, stream: ByteStream): void {
    const session = stream.extra(resumption)?.session;
    if (session === undefined) return;
    connection.session = session;
    this.#bySession.set(session, connection);
  }

  /**
   * Counts and reports a connection that was refused, by a limit here or at the router, or by `--allow`. The client is
   * named where it is known.
   */
  refused(reason: string, origin: Pick<Origin, "name"> & Partial<Origin>): void {
    this.#counts.refused += 1;
    const from = origin.peer === undefined ? "" : ` from ${origin.peer}`;
    this.#report(
      "warn",
      { event: "connection-refused", ...origin, error: reason },
      `a connection${from} was refused: ${reason}`,
      { repeated: true },
    );
  }

  /**
   * Resolves when all have ended; those that have not after `graceMs` are aborted. No connection may be begun after it.
   */
  async end(graceMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const cancel = this.#clock.at(
      this.#clock.nowMs() + graceMs,
      () => {
        for (const { abort } of this.#open.values()) abort.abort(new Error("the command was ended"));
      },
      "work",
    );
    await idle;
    cancel();
  }

  #closed(connection: Connection, error: unknown): void {
    const { id, origin, client, session } = connection;
    this.#open.delete(id);
    if (session !== undefined) this.#bySession.delete(session);
    const durationMs = Math.round(this.#clock.nowMs() - connection.startMs);
    const bytesToTarget = client.received.bytes;
    const bytesFromTarget = client.sent.bytes;
    this.#counts.bytesToTarget += bytesToTarget;
    this.#counts.bytesFromTarget += bytesFromTarget;
    if (error !== undefined) this.#counts.broken += 1;
    const datagrams = connection.dropped.length > 0;
    const droppedDatagrams = connection.dropped.reduce((sum, count) => sum + count(), 0);
    this.#counts.droppedDatagrams += droppedDatagrams;
    const reason = error === undefined ? undefined : reasonOf(error);
    const amounts = `${formatBytes(bytesToTarget)} to the target, ${formatBytes(bytesFromTarget)} from it`;
    const lost = droppedDatagrams === 0 ? "" : `, ${droppedDatagrams} datagrams dropped`;
    const moved = `${amounts}, ${formatDuration(durationMs)}${lost}`;
    const counts = { bytesToTarget, bytesFromTarget, ...(datagrams && { droppedDatagrams }), durationMs };
    const fields = { id, ...origin, ...counts };
    this.#report(
      reason === undefined ? "info" : "warn",
      { event: "connection-closed", ...fields, ...(reason !== undefined && { error: reason }) },
      `connection ${id} from ${origin.peer} ${reason === undefined ? "ended" : `broke: ${reason}`} (${moved})`,
    );
    if (this.#open.size === 0) this.#onIdle?.();
  }
}

function droppedOf(stream: ByteStream): (() => number)[] {
  const dropped = stream.extra(droppedDatagrams);
  return dropped === undefined ? [] : [dropped];
}

async function join(
  client: ByteStream,
  reach: (signal: AbortSignal) => Promise<ByteStream>,
  signal: AbortSignal,
): Promise<void> {
  let target: ByteStream;
  try {
    target = await reach(signal);
  } catch (error) {
    client.abort(error);
    throw error;
  }
  await forward(client, target, { signal });
  // Both have ended, so that closing waits for nothing and can lose nothing.
  await Promise.all([client.close(), target.close()]);
}
