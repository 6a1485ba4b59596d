/** `trunkline bench NAME`: round trips and throughput through the router to an exposer, beside the bare way. */
import { formatBytes, isError } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import type { ObjectStream } from "@trunkline/streams";
import { type Figures, figuresOf, type Measured, measureTurn, roundTripBytes } from "../bench/measure.js";
import {
  isMeasurable,
  type MeasurementKind,
  maxMeasurementMs,
  maxMeasurementStreams,
  measurementMetadata,
  measurementStreams,
  slackMs,
} from "../bench/service.js";
import { CommandError, reasonOf } from "../command-error.js";
import { type Context, interrupted, resumeMsOf } from "../context.js";
import { defaultResume } from "../defaults.js";
import { dialJoined, findName } from "../dialling.js";
import { parsePositiveDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { listenOn, reachTarget } from "../sockets.js";
import { isLocalAddress, parseListen, parseTarget, printAddress, type SocketAddress } from "../target.js";
import { parseWholeNumber } from "../whole-number.js";

/** Options of `trunkline bench`. */
export interface BenchOptions extends AccessOptions {
  /** The time of each measurement. */
  readonly time: string;
  /** The number of streams that are measured at once. */
  readonly connections: string;
  /** The address of a `bench --serve`, which is measured in turns with the router. */
  readonly direct?: string;
  /** Serves measurements on this address instead. */
  readonly serve?: string;
}

/** The time for the other side to join. */
const joinMs = 10_000;
/** The turns of each measurement where two ways are compared. */
const comparedTurns = 3;
const kinds: readonly MeasurementKind[] = ["round-trips", "upload", "download"];

/** One way to the other side. */
interface Way {
  readonly way: "router" | "direct";
  /** The name or the address, for people. */
  readonly label: string;
  open(): Promise<ObjectStream<Uint8Array>>;
}

/** Measures, or serves measurements until it is interrupted. @throws CommandError */
export async function bench(name: string | undefined, options: BenchOptions, context: Context): Promise<void> {
  if (options.serve !== undefined) {
    if (name !== undefined || options.direct !== undefined)
      throw new CommandError("--serve excludes a name and --direct: the other side measures", ExitCode.usage);
    return serveMeasurements(parseListen(options.serve), context);
  }
  if (name !== undefined) checkExposedName(name);
  const timeMs = parsePositiveDuration(options.time, "--time", maxMeasurementMs);
  const connections = parseWholeNumber(options.connections, "--connections", maxMeasurementStreams);
  const direct = options.direct === undefined ? undefined : directAddress(options.direct);
  if (name === undefined && direct === undefined)
    throw new CommandError("a name is needed, or --direct ADDRESS, or --serve ADDRESS", ExitCode.usage);
  await using access =
    name === undefined
      ? undefined
      : await RouterAccess.open(options, { graceMs: 0, resumeMs: resumeMsOf({ resume: defaultResume }) }, context);
  const ways: Way[] = [];
  if (name !== undefined && access !== undefined) {
    await checkName(name, access, context.signal);
    ways.push(wayOfName(name, access, context.signal));
  }
  if (direct !== undefined) ways.push(directWay(direct, context.signal));
  for (const kind of kinds) await measureAndTell(kind, ways, { timeMs, connections }, context);
}

function directAddress(text: string): SocketAddress {
  const target = parseTarget(text);
  if ("path" in target || "port" in target) return target;
  throw new CommandError(`--direct ${JSON.stringify(text)} is not the address of a bench --serve`, ExitCode.usage);
}

/** @throws CommandError where the name is not exposed, or its exposer answers no measurements */
async function checkName(name: string, access: RouterAccess, signal: AbortSignal): Promise<void> {
  if (isMeasurable(await findName(name, access, signal))) return;
  const message = `the exposer of ${JSON.stringify(name)} answers no measurements: it is not trunkline expose`;
  throw new CommandError(message, ExitCode.broken);
}

function wayOfName(name: string, access: RouterAccess, signal: AbortSignal): Way {
  const options = { ...access.toPeer(measurementMetadata), waitMs: joinMs, resume: access.resume, signal };
  return { way: "router", label: name, open: () => dialJoined(name, access, options) };
}

function directWay(address: SocketAddress, signal: AbortSignal): Way {
  return { way: "direct", label: printAddress(address), open: () => reachTarget(address, signal) };
}

interface Plan {
  readonly timeMs: number;
  readonly connections: number;
}

/** Makes one measurement on all ways, in turns, since the load of machines and networks changes. */
async function measureAndTell(
  kind: MeasurementKind,
  ways: readonly Way[],
  { timeMs, connections }: Plan,
  { output, signal }: Context,
): Promise<void> {
  const turns = ways.length > 1 ? comparedTurns : 1;
  const results = ways.map((way) => ({ way, measured: { tripsMs: [], bytes: 0, elapsedMs: 0 } as Measured }));
  for (let turn = 0; turn < turns; turn += 1) {
    for (const { way, measured } of results)
      await measureOn(way, connections, signal, async (streams) => {
        const turnMs = Math.ceil(timeMs / turns);
        const inTime = AbortSignal.any([signal, AbortSignal.timeout(turnMs + slackMs)]);
        await measureTurn(kind, streams, turnMs, measured, inTime);
      });
  }
  const figures = results.map(({ way, measured }) => {
    const each = figuresOf(kind, measured);
    const { way: kindOfWay, label } = way;
    const event = { event: "measured", measurement: kind, way: kindOfWay, to: label, connections, ...each };
    output.result(event, `${label}: ${textOf(kind, each)}`);
    return each;
  });
  const [through, bare] = figures;
  if (through === undefined || bare === undefined || bare.perSecond === 0) return;
  const ratio = Math.round((through.perSecond / bare.perSecond) * 1_000) / 1_000;
  const text = `${nouns[kind]} through the router: ${ratio.toFixed(2)} of the direct way`;
  output.result({ event: "compared", measurement: kind, ratio }, text);
}

const nouns: Readonly<Record<MeasurementKind, string>> = {
  "round-trips": "round trips",
  upload: "upload",
  download: "download",
};

function textOf(kind: MeasurementKind, { perSecond, medianMs = 0, percentile99Ms = 0 }: Figures): string {
  if (kind !== "round-trips") return `${nouns[kind]} ${formatBytes(perSecond)}/s`;
  const times = `median ${medianMs.toFixed(2)} ms, 99th percentile ${percentile99Ms.toFixed(2)} ms`;
  return `${perSecond} round trips of ${roundTripBytes} B a second, ${times}`;
}

/** Opens the streams of a way for one turn; none is left open where that, or the measurement, fails. */
async function measureOn(
  way: Way,
  connections: number,
  signal: AbortSignal,
  measure: (streams: readonly ObjectStream<Uint8Array>[]) => Promise<void>,
): Promise<void> {
  const streams: ObjectStream<Uint8Array>[] = [];
  try {
    while (streams.length < connections) streams.push(await way.open());
    await measure(streams);
  } catch (error) {
    for (const stream of streams) stream.abort(error);
    if (error instanceof CommandError || signal.aborted) throw error;
    const isLate = isError(error) && error.name === "TimeoutError";
    const reason = isLate ? `it took ${slackMs} ms longer than it should` : reasonOf(error);
    const message = `the measurement of ${way.label} broke: ${reason}`;
    throw new CommandError(message, ExitCode.broken, { cause: error });
  }
}

async function serveMeasurements(address: SocketAddress, { output, signal }: Context): Promise<void> {
  const streams = measurementStreams(systemClock);
  const onError = (error: Error): void =>
    output.note("error", { event: "listen-error", error: error.message }, error.message, { repeated: true });
  await using listener = await listenOn(address, onError);
  const bound = printAddress(listener.address);
  const text = `measurements are served on ${bound}: trunkline bench --direct ${bound}`;
  output.result({ event: "listening", address: bound, ...listener.address }, text);
  if (!isLocalAddress(listener.address)) {
    const warning = `${bound} can be reached from other machines, and answers everyone's measurements`;
    output.note("warn", { event: "open-to-network", address: bound }, warning);
  }
  const accepting = (async () => {
    for await (const stream of listener) streams.begin(stream);
  })();
  await Promise.race([interrupted(signal), accepting]);
}
