/** `trunkline expose NAME TARGET`: those who connect to the name at the router reach the target from here. */
import { systemClock } from "@trunkline/base/node";
import { Connections } from "../connections.js";
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
} from "../context.js";
import { keepExposed } from "../exposure.js";
import { PingAnswers, pingMetadata } from "../pings.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { checkTarget, reachTarget } from "../sockets.js";
import { parseTarget, printTarget } from "../target.js";
import { endCarrying } from "./ending.js";

/** Options of `trunkline expose`. */
export interface ExposeOptions
  extends AccessOptions,
    GraceOption,
    ResumeOption,
    KeepaliveOptions,
    ConnectionLimitOption {
  /** False begins although no service listens at the target yet. */
  readonly check: boolean;
}

/** Runs until interrupted. @throws CommandError */
export async function expose(
  name: string,
  targetText: string,
  options: ExposeOptions,
  context: Context,
): Promise<void> {
  const { output, signal } = context;
  const target = parseTarget(targetText);
  const graceMs = graceMsOf(options);
  const limit = connectionLimitOf(options);
  const times = { ...keepaliveOf(options), graceMs, resumeMs: resumeMsOf(options) };
  await using access = await RouterAccess.open(options, times, context.env);
  if (options.check) await checkTarget(target, signal);
  const connections = new Connections((...note) => output.note(...note), name, limit);
  const pings = new PingAnswers(systemClock);
  let before = false;
  const exposed = keepExposed(name, access, {
    signal,
    metadata: pingMetadata,
    onStream(stream) {
      if (!pings.take(stream)) connections.carry(stream, "the router", (aborted) => reachTarget(target, aborted));
    },
    onResumption: connections.onResumption,
    onExposed(endpoint) {
      const event = { event: "exposed", name, target: printTarget(target), endpoint };
      const text = `exposing ${printTarget(target)} as ${JSON.stringify(name)} at ${endpoint}`;
      if (before) output.note("info", event, `${text} again`);
      else output.result(event, text);
      before = true;
    },
    onMissed: (error, isLimit) => {
      if (isLimit) connections.refused(error.message);
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
  await exposed.finally(() => endCarrying(connections, graceMs, context));
}
