/**
 * Pings of a name: a stream of its own, marked in its metadata, on which the exposer sends back what it gets. It never
 * reaches the target. An exposer that answers says so in the metadata of its name.
 */
import type { Clock } from "@trunkline/base";
import type { ListedName } from "@trunkline/router";
import type { ObjectStream } from "@trunkline/streams";
import { OwnStreams } from "./expose/own-streams.js";

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

/** Returns the streams of pings of an exposer. */
export function pingStreams(clock: Clock): OwnStreams {
  const answer = (stream: ObjectStream<Uint8Array>): Promise<void> => answerPings(stream, clock);
  return new OwnStreams({ key: "trunkline-ping", what: "streams of pings", most: maxPingStreams, answer });
}

async function answerPings(stream: ObjectStream<Uint8Array>, clock: Clock): Promise<void> {
  for (;;) {
    const idle = new AbortController();
    const cancel = clock.at(
      clock.nowMs() + idleTimeoutMs,
      () => idle.abort(new Error(`no ping came for ${idleTimeoutMs} ms`)),
      "watch",
    );
    const ping = await stream.receive({ signal: idle.signal }).finally(cancel);
    if (ping === undefined) return stream.sendEof();
    if (ping.length > pingBytes) throw new Error(`a ping has at most ${pingBytes} bytes, and ${ping.length} came`);
    await stream.send(ping);
  }
}
