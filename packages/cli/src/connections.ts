/** The connections that `expose` and `connect` carry: each joins a client's stream to the target's, is told of, and can be ended. */
import { type CountedStream, counted, forward, type ObjectStream } from "@trunkline/streams";
import { reasonOf } from "./command-error.js";
import { formatBytes, formatDuration } from "./format.js";
import type { Level, OutputEvent } from "./output.js";

/** Told of each connection: the event for programs, the text for people. */
export type Report = (level: Level, event: OutputEvent, text: string) => void;

type ByteStream = ObjectStream<Uint8Array>;

/** One more is refused with a reset. Each costs a descriptor, and 4,096 of those is what a process may usually have. */
export const maxConnections = 4_000;

interface Connection {
  readonly id: number;
  /** Where the client is, for people. */
  readonly peer: string;
  readonly startMs: number;
  readonly abort: AbortController;
  readonly client: CountedStream<Uint8Array>;
}

export class Connections {
  readonly #report: Report;
  readonly #name: string;
  readonly #open = new Map<number, Connection>();
  #lastId = 0;
  #onIdle: (() => void) | undefined;

  constructor(report: Report, name: string) {
    this.#report = report;
    this.#name = name;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Joins the client's stream to the one that `reach` gives, until both have ended. If either breaks, or `reach` fails, the other is
   * aborted, so that neither side takes it for an end. Never throws: what goes wrong is told as an event.
   */
  carry(client: ByteStream, peer: string, reach: (signal: AbortSignal) => Promise<ByteStream>): void {
    const id = ++this.#lastId;
    if (this.#open.size >= maxConnections) {
      const reason = `there are ${maxConnections} connections already`;
      client.abort(new Error(reason));
      this.#report(
        "warn",
        { event: "connection-refused", id, name: this.#name, peer, error: reason },
        `connection ${id} from ${peer} refused: ${reason}`,
      );
      return;
    }
    const connection: Connection = {
      id,
      peer,
      startMs: performance.now(),
      abort: new AbortController(),
      client: counted(client),
    };
    this.#open.set(id, connection);
    this.#report(
      "debug",
      { event: "connection-opened", id, name: this.#name, peer },
      `connection ${id} from ${peer} opened`,
    );
    join(connection.client, reach, connection.abort.signal).then(
      () => this.#closed(connection, undefined),
      (error: unknown) => this.#closed(connection, error),
    );
  }

  /** Resolves when all have ended; those that have not after `graceMs` are aborted. No more may be begun. */
  async end(graceMs: number): Promise<void> {
    if (this.#open.size === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    const timer = setTimeout(() => {
      for (const { abort } of this.#open.values()) abort.abort(new Error("the command was ended"));
    }, graceMs);
    await idle;
    clearTimeout(timer);
  }

  #closed(connection: Connection, error: unknown): void {
    const { id, peer, client } = connection;
    this.#open.delete(id);
    const durationMs = Math.round(performance.now() - connection.startMs);
    const bytesToTarget = client.received.bytes;
    const bytesFromTarget = client.sent.bytes;
    const reason = error === undefined ? undefined : reasonOf(error);
    const moved = `${formatBytes(bytesToTarget)} to the target, ${formatBytes(bytesFromTarget)} from it, ${formatDuration(durationMs)}`;
    this.#report(
      reason === undefined ? "info" : "warn",
      {
        event: "connection-closed",
        id,
        name: this.#name,
        peer,
        bytesToTarget,
        bytesFromTarget,
        durationMs,
        ...(reason !== undefined && { error: reason }),
      },
      `connection ${id} from ${peer} ${reason === undefined ? "ended" : `broke: ${reason}`} (${moved})`,
    );
    if (this.#open.size === 0) this.#onIdle?.();
  }
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
