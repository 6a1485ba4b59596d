/**
 * The engine, both roles: whatever comes, `receive` returns, the same bytes make the same calls however they are cut,
 * what was lent is given back, and what goes out is what a strict peer may be sent.
 *
 * An input is an octet for the role, four that seed the application, and the peer's bytes.
 */
import {
  clientPreface,
  concatenated,
  Flag,
  FrameType,
  type ParsedFrame,
  parseFrames,
  rawFrame,
} from "@trunkline/h2/testing";
import { frameSequence } from "../../../packages/h2/test/support/grammar.js";
import { Random } from "../../../packages/h2/test/support/random.js";
import { kindOf, must, mustEqual, type Target } from "../target.js";
import { budgetBytes, localSettings, openedFirst, RandomApplication } from "./h2-application.js";
import { PeerLedger } from "./h2-peer.js";
import { workDone } from "./h2-work.js";

const steeringBytes = 5;
const clientStreams = Array.from({ length: openedFirst }, (_, index) => index * 2 + 1);
/**
 * The calls of methods that know streams, at most: for a frame, for each byte of it, and for each event told and frame
 * sent in answer.
 */
const [workPerPiece, workPerByte, workPerFrame] = [40, 2, 12];
/** The window that an idle connection is offered: half of the budget. */
const fullWindow = budgetBytes / 2;

export const h2Target: Target = {
  name: "h2",

  generate(random) {
    const role = random.chance(0.5) ? "client" : "server";
    const wrong = random.pick([0, 0, 0.02, 0.05, 0.2]);
    const frames = frameSequence(random, role, role === "client" ? clientStreams : [], 1 + random.below(80), wrong);
    if (random.chance(0.05)) frames.push(random.bytes(random.below(200)));
    return Uint8Array.from([role === "client" ? 0 : 1, ...random.bytes(4), ...concatenated(frames)]);
  },

  mutate(random, input, other) {
    const frames = framesOf(input);
    const others = framesOf(other);
    for (let change = 0; change <= random.below(3); change++) {
      const at = random.below(frames.length + 1);
      const frame = frames[at];
      switch (random.below(6)) {
        case 0:
          frames.splice(at, 1 + random.below(3));
          break;
        case 1:
          if (others.length > 0)
            frames.splice(at, 0, ...others.slice(random.below(others.length)).slice(0, 1 + random.below(4)));
          break;
        case 2:
          if (frame !== undefined) frames.splice(at, 0, frame);
          break;
        case 3:
          if (frame !== undefined)
            frames[at] = { ...frame, streamId: random.pick([0, 1, 2, 3, 5, frame.streamId + 2, random.below(40)]) };
          break;
        case 4:
          if (frame !== undefined) frames[at] = { ...frame, flags: frame.flags ^ (1 << random.below(6)) };
          break;
        default:
          if (frame !== undefined)
            frames[at] = { ...frame, type: random.chance(0.9) ? random.below(10) : random.below(256) };
      }
    }
    const head = Uint8Array.from([
      ...input.subarray(0, steeringBytes),
      ...((input[0] ?? 0) % 2 === 1 ? clientPreface : []),
    ]);
    return concatenated([head, ...frames.slice(0, 400).map((frame) => rawFrame(frame))]);
  },

  run(input) {
    const role = (input[0] ?? 0) % 2 === 0 ? "client" : "server";
    const seed = new DataView(Uint8Array.from([...input.subarray(1, 5), 0, 0, 0, 0]).buffer).getUint32(0);
    const bytes = input.subarray(steeringBytes);
    const whole = received(role, seed, bytes, () => bytes.length);
    const cuts = new Random(seed);
    const cut = received(role, seed, bytes, () => 1 + cuts.below(cuts.chance(0.5) ? 12 : 3_000));
    mustEqual(cut.map(comparable), whole.map(comparable), "the same bytes, cut, make other calls");
    return frameByFrame(role, seed, bytes);
  },
};

function framesOf(input: Uint8Array): ParsedFrame[] {
  return parseFrames(input.subarray(steeringBytes));
}

type Events = RandomApplication["events"];

/** Runs all of the input without time or output between its pieces, and gives the calls it made. */
function received(role: "client" | "server", seed: number, bytes: Uint8Array, nextPiece: () => number): Events {
  const application = new RandomApplication(role, seed);
  for (let offset = 0; offset < bytes.length; ) {
    const size = Math.max(1, nextPiece());
    const end = Math.min(bytes.length, offset + size);
    while (offset < end) offset += application.connection.receive(bytes.subarray(offset, end), 0);
  }
  const { events } = application;
  const copy = [...events];
  application.finish();
  application.connection.transportClosed();
  must(application.of("close").length === 1, "the end is told once");
  must(application.connection.activeStreams === 0, "every stream is gone at the end");
  return copy;
}

/** The errors about a foreign protocol, which is recognised, and quoted, by as many of its octets as have come. */
const foreignPeer = /(not an HTTP\/2 client|not speak HTTP\/2|is larger than maxFrameSize)/;

function comparable(event: Events[number]): unknown {
  if (event.kind === "close") {
    const { error } = event;
    const message = error !== undefined && foreignPeer.test(error.message) ? "a foreign protocol" : error?.message;
    return { kind: "close", error: message };
  }
  if (event.kind === "reset") return { ...event, reset: { ...event.reset, cause: undefined } };
  return event;
}

/**
 * Runs the input with time passing, the application acting by itself and the output taken after each frame; gives what
 * it showed.
 */
function frameByFrame(role: "client" | "server", seed: number, bytes: Uint8Array): Set<string> {
  const features = new Set<string>();
  const application = new RandomApplication(role, seed);
  const { connection } = application;
  const ledger = new PeerLedger(role);
  const chance = new Random(seed ^ 0x5bd1e995);
  let now = 0;
  const takeOutput = (): ParsedFrame[] => {
    const chunks: Uint8Array[] = [];
    for (let more = connection.takeOutput(); more.length > 0; more = connection.takeOutput()) chunks.push(...more);
    return ledger.receives(concatenated(chunks));
  };
  connection.handleTimeout(now);
  takeOutput();
  let eventsSeen = application.events.length;
  for (const { piece, frame } of pieces(role, bytes)) {
    if (connection.closed) break;
    now += chance.chance(0.2) ? chance.below(300) : 0;
    const state = frame === undefined ? "-" : ledger.view(frame.streamId);
    if (frame !== undefined) ledger.sends(frame);
    const workBefore = workDone();
    connection.receive(piece, now);
    const output = takeOutput();
    const events = application.events.slice(eventsSeen);
    eventsSeen = application.events.length;
    const work = workDone() - workBefore;
    const most = workPerPiece + piece.length * workPerByte + (output.length + events.length) * workPerFrame;
    if (!connection.closed)
      must(
        work <= most,
        `${work} calls for ${piece.length} bytes, ${events.length} events and ${output.length} frames`,
      );
    const came = `${role} ${state} ${frame === undefined ? "bytes" : nameOf(frame)}`;
    for (const effect of effects(events, output)) features.add(`${came}: ${effect}`);
    if (!connection.closed) {
      must(
        connection.activeStreams <= localSettings.maxConcurrentStreams + application.live.size,
        "more streams than allowed",
      );
      must(
        // Messages in the making may pass the budget by a half.
        application.unreadBytes + ledger.connectionWindow <= budgetBytes * 1.5,
        `${application.unreadBytes} bytes unread and ${ledger.connectionWindow} offered are more than the budget`,
      );
    }
    application.actByItself(now);
    takeOutput();
    eventsSeen = application.events.length;
  }
  application.finish();
  takeOutput();
  if (!connection.closed) {
    must(ledger.connectionWindow <= fullWindow, `a window of ${ledger.connectionWindow} is more than was meant`);
    must(
      ledger.connectionWindow > fullWindow - fullWindow / 8 - 1,
      `a window of ${ledger.connectionWindow} was never given back`,
    );
  }
  connection.transportClosed();
  must(connection.activeStreams === 0, "every stream is gone at the end");
  must(application.of("close").length === 1, "the end is told once");
  return features;
}

/** The preface, frame by frame, and what is left. */
function* pieces(
  role: "client" | "server",
  bytes: Uint8Array,
): Generator<{ piece: Uint8Array; frame: ParsedFrame | undefined }> {
  let offset = 0;
  if (role === "server") {
    offset = Math.min(bytes.length, clientPreface.length);
    yield { piece: bytes.subarray(0, offset), frame: undefined };
  }
  for (const frame of parseFrames(bytes.subarray(offset))) {
    const end = offset + 9 + frame.payload.length;
    yield { piece: bytes.subarray(offset, end), frame };
    offset = end;
  }
  if (offset < bytes.length) yield { piece: bytes.subarray(offset), frame: undefined };
}

/** The flags that each type has a meaning for. */
const meaningfulFlags: Readonly<Record<number, number>> = {
  [FrameType.DATA]: Flag.END_STREAM | Flag.PADDED,
  [FrameType.HEADERS]: Flag.END_STREAM | Flag.END_HEADERS | Flag.PADDED | Flag.PRIORITY,
  [FrameType.SETTINGS]: Flag.ACK,
  [FrameType.PING]: Flag.ACK,
  [FrameType.CONTINUATION]: Flag.END_HEADERS,
};

function nameOf({ type, flags, payload, streamId }: ParsedFrame): string {
  const name = Object.entries(FrameType).find(([, value]) => value === type)?.[0] ?? "unknown";
  const details = `${payload.length === 0 ? " empty" : ""}${streamId === 0 ? " on 0" : ""}`;
  return `${name}/${flags & (meaningfulFlags[type] ?? 0)}${details}`;
}

/** All codes that are not known are one kind. */
const firstUnknownCode = 14;

/** Yields the events that the application had, and the frames that went out. */
function* effects(events: Events, output: readonly ParsedFrame[]): Generator<string> {
  for (const event of events) {
    if (event.kind === "close") yield kindOf(event.error);
    else if (event.kind === "reset")
      yield `reset ${Math.min(event.reset.errorCode, firstUnknownCode)} ${event.reset.origin}`;
    else yield event.kind;
  }
  for (const { type, payload } of output) yield type === FrameType.RST_STREAM ? `RST ${payload[3]}` : `out ${type}`;
  if (events.length === 0 && output.length === 0) yield "nothing";
}
