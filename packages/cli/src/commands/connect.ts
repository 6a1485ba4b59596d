/**
 * `trunkline connect NAME --listen ADDRESS`: each connection to the address goes to the exposer of the name; with
 * `--stdio`, standard input and output are the one connection.
 */
import { monotonicMs } from "@trunkline/base/node";
import { CommandError } from "../command-error.js";
import { Connections } from "../connections.js";
import {
  type ConnectionLimitOption,
  type Context,
  connectionLimitOf,
  type GraceOption,
  graceMsOf,
  type KeepaliveOptions,
  keepaliveOf,
  pause,
  type ResumeOption,
  resumeMsOf,
} from "../context.js";
import { dialPatiently } from "../dialling.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { formatDuration } from "../format.js";
import { routerFailure, unknownName } from "../grpc-failure.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { listenOn, peerOf } from "../sockets.js";
import { isLocalAddress, parseListen, printAddress } from "../target.js";
import { connectStdio } from "./connect-stdio.js";
import { endCarrying } from "./ending.js";

/** Options of `trunkline connect`. */
export interface ConnectOptions
  extends AccessOptions,
    GraceOption,
    ResumeOption,
    KeepaliveOptions,
    ConnectionLimitOption {
  readonly listen?: string;
  readonly stdio?: boolean;
  /** The time that the name may take to appear, at the start and for each connection; true is without limit. */
  readonly wait: string | true;
}

const maxWaitMs = 86_400_000;

/** The wait between two looks at the names of a router. */
const lookAgainMs = 250;

/** Runs until interrupted. @throws CommandError */
export async function connect(name: string, options: ConnectOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  // Checked here and not by commander, which would hide a misspelt option behind this one.
  const { listen, stdio = false } = options;
  if ((listen === undefined) === !stdio) {
    const problem = stdio ? "--listen and --stdio exclude each other" : "--listen ADDRESS or --stdio is missing";
    throw new CommandError(`${problem}; see trunkline connect --help`, ExitCode.usage);
  }
  if (stdio && output.json)
    throw new CommandError("--json and --stdio exclude each other: stdout is the connection", ExitCode.usage);
  const address = listen === undefined ? undefined : parseListen(listen);
  const graceMs = graceMsOf(options);
  const limit = connectionLimitOf(options);
  const waitMs = options.wait === true ? Number.POSITIVE_INFINITY : parseDuration(options.wait, "--wait", maxWaitMs);
  const times = { ...keepaliveOf(options), graceMs, resumeMs: resumeMsOf(options) };
  await using access = await RouterAccess.open(options, times, context.env);
  if (address === undefined) return await connectStdio(name, access, waitMs, context);
  const endpoint = await awaitName(name, access, waitMs, context);
  const connections = new Connections((...note) => output.note(...note), limit);
  await using listener = await listenOn(address, (error) => {
    if ((error as { code?: unknown }).code === "TOO_MANY_PENDING") connections.refused(error.message, { name });
    else
      output.note(
        "error",
        { event: "listen-error", error: error.message },
        `trouble at ${printAddress(listener.address)}: ${error.message}`,
        { repeated: true },
      );
  });
  signal.addEventListener("abort", () => void listener.close(), { once: true });
  signal.throwIfAborted();
  const bound = printAddress(listener.address);
  output.result(
    { event: "listening", address: bound, ...listener.address, name, endpoint },
    `listening on ${bound}, for ${JSON.stringify(name)} at ${endpoint}`,
  );
  if (!isLocalAddress(listener.address)) {
    const warning = `${bound} can be reached from other machines, and what goes through it is not encrypted up to here`;
    output.note("warn", { event: "open-to-network", address: bound }, warning);
  }
  for await (const socket of listener)
    connections.carry(socket, { name, peer: peerOf(socket) }, (aborted) =>
      dialPatiently(name, access, { waitMs, signal: aborted, onResumption: connections.onResumption }),
    );
  await endCarrying(connections, graceMs, context);
}

/**
 * Waits until the name is exposed, and returns the endpoint of the router.
 * @throws CommandError when the router is not there or refuses the token, or the name is not exposed within `waitMs`
 */
async function awaitName(name: string, access: RouterAccess, waitMs: number, context: Context): Promise<string> {
  const { output, signal } = context;
  const untilMs = monotonicMs() + waitMs;
  for (let looks = 0; ; looks++) {
    const client = await access.client();
    const { endpoint } = client;
    try {
      const names = await client.list({ signal });
      if (names.some((listed) => listed.name === name)) return endpoint;
    } catch (error) {
      throw signal.aborted ? signal.reason : routerFailure(error, { endpoint, name });
    }
    if (monotonicMs() + lookAgainMs > untilMs) throw unknownName(name, endpoint);
    if (looks === 0) {
      const limit = waitMs === Number.POSITIVE_INFINITY ? "" : ` for up to ${formatDuration(waitMs)}`;
      const text = `${JSON.stringify(name)} is not exposed at ${endpoint} yet; waiting for it${limit}`;
      output.note("info", { event: "waiting", name, endpoint }, text);
    }
    await pause(lookAgainMs, signal);
    signal.throwIfAborted();
  }
}
