/**
 * Pings of a name: a stream of its own, marked in its metadata, on which the exposer sends back what it gets. It never
 * reaches the target. An exposer that answers says so in the metadata of its name.
 */
import type { Clock } from "@trunkline/base";
import type { ListedName, RouterStream } from "@trunkline/router";
import { type ObjectStream, streamMetadata } from "@trunkline/streams";

/** The metadata of a name whose exposer answers pings, and of a stream that is one. */
export const pingMetadata: Readonly<Record<"trunkline-ping", string>> = { "trunkline-ping": "1" };

/** The bytes of one ping. */
export const pingBytes = 8;
/** The streams of pings that an exposer answers at once; one more is refused. */
const maxPingStreams = 16;
/** The time without a ping after which the exposer ends the stream. */
const idleTimeoutMs = 120_000;

/** Returns true for a name whose exposer answers pings. */
export function answersPings({ metadata }: ListedName): boolean {
  return metadata.get("trunkline-ping") === pingMetadata["trunkline-ping"];
}

/** The answers of an exposer. */
export class PingAnswers {
  readonly #clock: Clock;
  #open = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Answers the pings of a stream until it ends. Returns false where the stream is none of pings. */
  take(stream: RouterStream): boolean {
    if (stream.extra(streamMetadata)?.get("trunkline-ping") === undefined) return false;
    if (this.#open >= maxPingStreams) {
      stream.abort(new Error(`${maxPingStreams} streams of pings are open, and no more are taken`));
      return true;
    }
    this.#open += 1;
    this.#answer(stream).then(
      () => this.#over(stream, undefined),
      (error: unknown) => this.#over(stream, error),
    );
    return true;
  }

  async #answer(stream: ObjectStream<Uint8Array>): Promise<void> {
    for (;;) {
      const idle = new AbortController();
      const cancel = this.#clock.at(
        this.#clock.nowMs() + idleTimeoutMs,
        () => idle.abort(new Error(`no ping came for ${idleTimeoutMs} ms`)),
        "watch",
      );
      const ping = await stream.receive({ signal: idle.signal }).finally(cancel);
      if (ping === undefined) return stream.sendEof();
      if (ping.length > pingBytes) throw new Error(`a ping has at most ${pingBytes} bytes, and ${ping.length} came`);
      await stream.send(ping);
    }
  }

  #over(stream: ObjectStream<Uint8Array>, error: unknown): void {
    this.#open -= 1;
    if (error === undefined) stream.close().catch(() => {});
    else stream.abort(error);
  }
}
