/**
 * `trunkline expose NAME TARGET …`: those who connect to a name at the router reach its target from here.
 */
import { systemClock } from "@trunkline/base/node";
import { GrpcError, Status } from "@trunkline/grpc";
import { type Listener, peerIdentity, type RouterStream } from "@trunkline/router";
import { streamMetadata } from "@trunkline/streams";
import { measurementMetadata, measurementStreams } from "../bench/service.js";
import { CommandError, reasonOf } from "../command-error.js";
import { Connections, type Report } from "../connections.js";
import {
  type ConnectionLimitOption,
  type Context,
  connectionLimitOf,
  type GraceOption,
  graceMsOf,
  type KeepaliveOptions,
  keepaliveOf,
  type ResumeOption,
  resumeMsOf,
  type UdpIdleOption,
  udpIdleMsOf,
} from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { AllowedCallers } from "../expose/allowed-callers.js";
import { type Exposure, parseExposures } from "../expose/exposures.js";
import { runHealthCheck } from "../expose/health-checks.js";
import { HealthMonitor, type HealthOptions, type HealthPlan, healthPlan } from "../expose/health-monitor.js";
import { ReverseListeners } from "../expose/reverse-listeners.js";
import { ReverseRules } from "../expose/reverse-rules.js";
import { StandardStreams } from "../expose/standard-streams.js";
import { keepExposed } from "../exposure.js";
import { printable } from "../format.js";
import { reverseMetadata } from "../forward/reverse-wire.js";
import { pingMetadata, pingStreams } from "../pings.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { checkTarget, reachTarget } from "../sockets.js";
import { printTarget } from "../target.js";
import { isUdp, protocolError, protocolProblem, udpMetadata } from "../udp/agreement.js";
import { DatagramMemory, datagramsOver } from "../udp/flow-stream.js";
import { openUdpTarget } from "../udp/udp-target.js";
import { endCarrying } from "./ending.js";

/** Options of `trunkline expose`. */
export interface ExposeOptions
  extends AccessOptions,
    GraceOption,
    ResumeOption,
    KeepaliveOptions,
    UdpIdleOption,
    HealthOptions,
    ConnectionLimitOption {
  /** False begins although no service listens at the target yet. */
  readonly check: boolean;
  /** Patterns of the identities that may connect; absent for all. */
  readonly allow?: readonly string[] | undefined;
  /** The addresses on which diallers may let this side listen; absent for none. */
  readonly allowReverse?: readonly string[] | undefined;
}

/** Runs until interrupted. @throws CommandError */
export async function expose(words: readonly string[], options: ExposeOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const exposures = parseExposures(words);
  const usesStdio = exposures.some(({ target }) => "stdio" in target);
  if (usesStdio && output.json)
    throw new CommandError("--json and stdio: exclude each other: stdout is the connection", ExitCode.usage);
  const callers = new AllowedCallers(options.allow);
  const reverse = new ReverseRules(options.allowReverse);
  const graceMs = graceMsOf(options);
  const limit = connectionLimitOf(options);
  const udpIdleMs = udpIdleMsOf(options);
  const health = healthPlan(
    options,
    exposures.map(({ target }) => target),
  );
  const times = { ...keepaliveOf(options), graceMs, resumeMs: resumeMsOf(options) };
  await using access = await RouterAccess.open(options, times, context);
  // A target that has a check may begin as one that fails it.
  if (options.check && health === undefined) for (const { target } of exposures) await checkTarget(target, signal);
  if (usesStdio) output.handOver();
  const connections = new Connections((...note) => output.note(...note), limit);
  const exposer = new Exposer({ access, callers, reverse, connections, udpIdleMs, health, context });
  using _ = exposer;
  const results = await Promise.allSettled(exposures.map((exposure) => exposer.keep(exposure)));
  await exposer.endReverse();
  await endCarrying(connections, graceMs, context);
  const failed = results.find((result) => result.status === "rejected");
  if (exposer.failure !== undefined) throw exposer.failure;
  if (failed !== undefined) throw failed.reason;
}

interface ExposerParts {
  readonly access: RouterAccess;
  readonly callers: AllowedCallers;
  readonly reverse: ReverseRules;
  readonly connections: Connections;
  readonly udpIdleMs: number;
  readonly health: HealthPlan | undefined;
  readonly context: Context;
}

/** The names of one command, which share their limits and end together. */
class Exposer implements Disposable {
  readonly #parts: ExposerParts;
  readonly #pings = pingStreams(systemClock);
  readonly #measurements = measurementStreams(systemClock);
  readonly #memory = new DatagramMemory();
  readonly #reverse: ReverseListeners;
  /** Aborts when the command has nothing more to do, or cannot begin. */
  readonly #over = new AbortController();
  readonly #signal: AbortSignal;
  #standard: StandardStreams | undefined;
  #failure: unknown;
  /** The number of names that are still kept. */
  #kept = 0;

  constructor(parts: ExposerParts) {
    this.#parts = parts;
    const { reverse: rules, connections, context } = parts;
    const report: Report = (...note) => context.output.note(...note);
    this.#reverse = new ReverseListeners({ rules, connections, report, clock: systemClock });
    this.#signal = AbortSignal.any([parts.context.signal, this.#over.signal]);
  }

  /** The error with which the command ends, where that is not the error of its last name. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Listens no longer for others. */
  endReverse(): Promise<void> {
    return this.#reverse.close();
  }

  /**
   * Keeps one name exposed until the command ends. A name that is lost for good later on, since another exposer has
   * taken it, leaves the others as they are.
   * @throws CommandError when it cannot be exposed, or when it was the last name
   */
  async keep({ name, target }: Exposure): Promise<void> {
    const { access, connections, context } = this.#parts;
    const { output } = context;
    let before = false;
    this.#kept += 1;
    const listeners = new Set<Listener>();
    const monitor = this.#monitor({ name, target }, listeners);
    try {
      await monitor?.begin();
      await keepExposed(name, access, {
        signal: this.#signal,
        clock: context.clock,
        metadata: {
          ...pingMetadata,
          ...measurementMetadata,
          ...("udp" in target && udpMetadata),
          ...(!this.#parts.reverse.areNone && reverseMetadata),
        },
        problem: () => monitor?.problem,
        onListener(listener) {
          listeners.clear();
          listeners.add(listener);
          listener.setProblem(monitor?.problem);
        },
        onStream: (stream) => this.#take(stream, { name, target }),
        onResumption: connections.onResumption,
        onExposed(endpoint) {
          const event = { event: "exposed", name, target: printTarget(target), endpoint };
          const text = `exposing ${printTarget(target)} as ${JSON.stringify(name)} at ${endpoint}`;
          if (before) output.note("info", event, `${text} again`);
          else output.result(event, text);
          before = true;
        },
        onMissed: (error, isLimit) => {
          if (isLimit) connections.refused(error.message, { name });
          else
            output.note(
              "warn",
              { event: "connection-missed", name, error: error.message },
              `a connection was missed: ${error.message}`,
              { repeated: true },
            );
        },
        onLost: (reason) =>
          output.note(
            "warn",
            { event: "router-lost", name, error: reason.message },
            `${reason.message}; trying again until it is back`,
          ),
      });
    } catch (error) {
      this.#kept -= 1;
      if (this.#signal.aborted && error === this.#signal.reason) {
        if (this.#over.signal.aborted) return;
        throw error;
      }
      if (!before || this.#kept === 0) {
        if (!before) this.#end(error);
        throw error;
      }
      const event = { event: "name-lost", name, error: reasonOf(error) };
      output.note("error", event, `${reasonOf(error)}; ${this.#kept} other names stay exposed`);
    }
  }

  /** Returns what watches the target, and tells the listener of the name. */
  #monitor({ name, target }: Exposure, listeners: ReadonlySet<Listener>): HealthMonitor | undefined {
    const { health, context } = this.#parts;
    if (health === undefined) return undefined;
    const { output } = context;
    return new HealthMonitor(health, (signal) => runHealthCheck(health.check, target, signal), {
      clock: context.clock,
      signal: this.#signal,
      onChange(problem) {
        for (const listener of listeners) listener.setProblem(problem);
        const event = {
          event: "health",
          name,
          healthy: problem === undefined,
          ...(problem !== undefined && { problem }),
        };
        const quoted = JSON.stringify(name);
        const text =
          problem === undefined
            ? `the target of ${quoted} is well again`
            : `the target of ${quoted} fails its check, and gets no connections until it is well: ${problem}`;
        output.note(problem === undefined ? "info" : "warn", event, text, { repeated: true });
      },
    });
  }

  #take(stream: RouterStream, { name, target }: Exposure): void {
    const { callers, connections } = this.#parts;
    const identity = stream.extra(peerIdentity);
    const refusal = callers.refusal(identity, name);
    const peer = identity === undefined ? "the router" : printable(identity);
    if (refusal !== undefined) {
      stream.abort(new GrpcError(Status.PERMISSION_DENIED, refusal));
      connections.refused(refusal, { name, peer });
      return;
    }
    if (this.#pings.take(stream) || this.#measurements.take(stream)) return;
    if (this.#reverse.take(stream, { name, peer })) return;
    const problem = protocolProblem(name, "udp" in target, isUdp(stream.extra(streamMetadata)));
    if (problem !== undefined) {
      stream.abort(protocolError(problem));
      connections.refused(problem, { name, peer });
    } else if ("udp" in target) {
      const flow = { memory: this.#memory, clock: systemClock, idleMs: this.#parts.udpIdleMs };
      connections.carry(datagramsOver(stream), { name, peer }, () => openUdpTarget(target.udp, flow));
    } else {
      connections.carry(stream, { name, peer }, async (signal) =>
        "stdio" in target ? this.#standardStreams().take() : reachTarget(target, signal),
      );
    }
  }

  #standardStreams(): StandardStreams {
    this.#standard ??= new StandardStreams((failure) => {
      const message = `the connection over standard input broke: ${reasonOf(failure)}`;
      this.#end(failure === undefined ? undefined : new CommandError(message, ExitCode.broken, { cause: failure }));
    });
    return this.#standard;
  }

  /** Ends all names. */
  #end(failure: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#failure = failure;
    this.#over.abort(new Error("the command has ended"));
  }

  [Symbol.dispose](): void {
    this.#standard?.[Symbol.dispose]();
  }
}
