/**
 * `trunkline connect NAME --listen ADDRESS`, or `connect PORT:NAME …`: each connection to an address goes to the
 * exposer of its name; with `--stdio`, standard input and output are the one connection.
 */
import { monotonicMs } from "@trunkline/base/node";
import type { ListedName } from "@trunkline/router";
import { CommandError } from "../command-error.js";
import { Connections } from "../connections.js";
import {
  type ConnectionLimitOption,
  type Context,
  connectionLimitOf,
  type GraceOption,
  graceMsOf,
  interrupted,
  type KeepaliveOptions,
  keepaliveOf,
  pause,
  type ResumeOption,
  resumeMsOf,
  type UdpIdleOption,
  udpIdleMsOf,
} from "../context.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { formatDuration } from "../format.js";
import { type Forward, parseForwards } from "../forward/forward-grammar.js";
import type { OpenForward } from "../forward/local-forward.js";
import { openForward } from "../forward/open-forward.js";
import { takesReverse } from "../forward/reverse-wire.js";
import { routerFailure, unknownName } from "../grpc-failure.js";
import type { Output } from "../output.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { isLocalAddress, type ListenAddress, parseForwardListen, printAddress, printTarget } from "../target.js";
import { isUdp, protocolProblem } from "../udp/agreement.js";
import { DatagramMemory } from "../udp/flow-stream.js";
import { connectStdio } from "./connect-stdio.js";
import { endCarrying } from "./ending.js";

/** Options of `trunkline connect`. */
export interface ConnectOptions
  extends AccessOptions,
    GraceOption,
    ResumeOption,
    KeepaliveOptions,
    UdpIdleOption,
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
export async function connect(words: readonly string[], options: ConnectOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const { stdio = false } = options;
  const forwards = forwardsOf(words, options);
  if (stdio && output.json)
    throw new CommandError("--json and --stdio exclude each other: stdout is the connection", ExitCode.usage);
  const graceMs = graceMsOf(options);
  const limit = connectionLimitOf(options);
  const udpIdleMs = udpIdleMsOf(options);
  const waitMs = options.wait === true ? Number.POSITIVE_INFINITY : parseDuration(options.wait, "--wait", maxWaitMs);
  const times = { ...keepaliveOf(options), graceMs, resumeMs: resumeMsOf(options) };
  await using access = await RouterAccess.open(options, times, context);
  if (stdio) return await connectStdio(words[0] as string, access, waitMs, context);
  const endpoint = await awaitNames(forwards, access, waitMs, context);
  const connections = new Connections((...note) => output.note(...note), limit);
  const parts = { access, connections, output, signal, waitMs, udpIdleMs, memory: new DatagramMemory() };
  const opened: OpenForward[] = [];
  try {
    for (const forward of forwards) {
      const open = await openForward(forward, parts);
      opened.push(open);
      signal.throwIfAborted();
      tellListening(forward, open.address, endpoint, output);
    }
    await interrupted(signal);
  } finally {
    await Promise.all(opened.map((open) => open.close()));
  }
  await endCarrying(connections, graceMs, context);
}

/** Returns the forwards of a command line. @throws CommandError that says what is wrong */
function forwardsOf(words: readonly string[], { listen, stdio = false }: ConnectOptions): Forward[] {
  // Checked here and not by commander, which would hide a misspelt option behind this one.
  if (listen !== undefined && stdio)
    throw new CommandError("--listen and --stdio exclude each other; see trunkline connect --help", ExitCode.usage);
  if (listen === undefined && !stdio) {
    if (words.length > 1 || words[0]?.includes(":")) return parseForwards(words);
    const problem = "--listen ADDRESS or --stdio is missing, or a port before the name, as in 8080:NAME";
    throw new CommandError(`${problem}; see trunkline connect --help`, ExitCode.usage);
  }
  const [name = "", ...more] = words;
  if (more.length > 0) {
    const option = stdio ? "--stdio" : "--listen";
    throw new CommandError(`${option} takes one name, and ${words.length} are there`, ExitCode.usage);
  }
  checkExposedName(name);
  return listen === undefined ? [] : [{ name, listen: parseForwardListen(listen) }];
}

/** Writes where a forward listens, with a warning where other machines can reach it. */
function tellListening(forward: Forward, address: ListenAddress, endpoint: string, output: Output): void {
  const { name } = forward;
  if ("reverse" in forward) {
    const event = { event: "reverse-listening", name, address: printTarget(address) };
    const target = printAddress(forward.target);
    const where = `the exposer of ${JSON.stringify(name)} listens on ${printTarget(address)}`;
    output.result({ ...event, target, endpoint }, `${where}, for ${target} here`);
    return;
  }
  const bound = printTarget(address);
  const fields = "udp" in address ? { protocol: "udp", ...address.udp } : address;
  output.result(
    { event: "listening", address: bound, ...fields, name, endpoint },
    `listening on ${bound}, for ${JSON.stringify(name)} at ${endpoint}`,
  );
  if (isLocalAddress("udp" in address ? address.udp : address)) return;
  const warning = `${bound} can be reached from other machines, and what goes through it is not encrypted up to here`;
  output.note("warn", { event: "open-to-network", address: bound }, warning);
}

/**
 * Waits until all names are exposed, and returns the endpoint of the router.
 * @throws CommandError when the router is not there or refuses the token, a name is not exposed within `waitMs`, or is
 * of another protocol than its forward
 */
async function awaitNames(
  forwards: readonly Forward[],
  access: RouterAccess,
  waitMs: number,
  context: Context,
): Promise<string> {
  const { output, signal } = context;
  const told = new Set<string>();
  const untilMs = monotonicMs() + waitMs;
  for (;;) {
    const client = await access.client();
    const { endpoint } = client;
    let names: readonly ListedName[];
    try {
      names = await client.list({ signal });
    } catch (error) {
      throw signal.aborted ? signal.reason : routerFailure(error, { endpoint });
    }
    const missing = forwards.filter(({ name }) => !names.some((listed) => listed.name === name));
    const [first] = missing;
    if (first === undefined) {
      checkProtocols(forwards, names);
      return endpoint;
    }
    for (const { name } of missing) {
      if (told.has(name) || waitMs === 0) continue;
      told.add(name);
      const limit = waitMs === Number.POSITIVE_INFINITY ? "" : ` for up to ${formatDuration(waitMs)}`;
      const text = `${JSON.stringify(name)} is not exposed at ${endpoint} yet; waiting for it${limit}`;
      output.note("info", { event: "waiting", name, endpoint }, text);
    }
    if (monotonicMs() + lookAgainMs > untilMs) throw unknownName(first.name, endpoint);
    await pause(lookAgainMs, signal);
    signal.throwIfAborted();
  }
}

/** @throws CommandError for a forward that the exposer of its name cannot serve: UDP or not, reverse or not */
function checkProtocols(forwards: readonly Forward[], names: readonly ListedName[]): void {
  for (const forward of forwards) {
    const { name } = forward;
    const listed = names.find((each) => each.name === name);
    if ("reverse" in forward) {
      if (takesReverse(listed?.metadata)) continue;
      const problem = `the exposer of ${JSON.stringify(name)} takes no reverse forwards; begin it with --allow-reverse`;
      throw new CommandError(problem, ExitCode.denied);
    }
    const problem = protocolProblem(name, isUdp(listed?.metadata), "udp" in forward.listen);
    if (problem !== undefined) throw new CommandError(problem, ExitCode.usage);
  }
}
