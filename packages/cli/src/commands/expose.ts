/** `trunkline expose NAME TARGET`: whoever connects to the name at the router reaches the target from here. */
import { Connections } from "../connections.js";
import { type Context, type GraceOption, graceMsOf } from "../context.js";
import { keepExposed } from "../exposure.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { checkTarget, reachTarget } from "../sockets.js";
import { parseTarget, printAddress } from "../target.js";
import { endCarrying } from "./ending.js";

export interface ExposeOptions extends AccessOptions, GraceOption {
  /** False: begin although nobody listens at the target yet. */
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
  await using access = await RouterAccess.open(options, context.env);
  if (options.check) await checkTarget(target, signal);
  const connections = new Connections((level, event, text) => output.note(level, event, text), name);
  let before = false;
  const exposed = keepExposed(name, access, {
    signal,
    onStream: (stream) => connections.carry(stream, "the router", (aborted) => reachTarget(target, aborted)),
    onExposed(endpoint) {
      const event = { event: "exposed", name, target: printAddress(target), endpoint };
      const text = `exposing ${printAddress(target)} as ${JSON.stringify(name)} at ${endpoint}`;
      if (before) output.note("info", event, `${text} again`);
      else output.result(event, text);
      before = true;
    },
    onMissed: (error) =>
      output.note(
        "warn",
        { event: "connection-missed", name, error: error.message },
        `a connection was missed: ${error.message}`,
      ),
    onLost: (reason) =>
      output.note(
        "warn",
        { event: "router-lost", name, error: reason.message },
        `${reason.message}; trying again until it is back`,
      ),
  });
  await exposed.finally(() => endCarrying(connections, graceMs, context));
}
