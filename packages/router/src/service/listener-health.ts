/** The health of a listener's target, as the listener tells it. */
import { GrpcError, Status } from "@trunkline/grpc";
import type { Health } from "../gen/trunkline/v1/exchange_pb.js";

/** The longest reason that is kept and passed on: a line. */
export const maxHealthReasonChars = 256;
/** The least time between two changes that a listener reports. */
const minChangeMs = 500;

/** The metadata key of a refusal that a failing target has caused. Its value is `1`. */
export const unhealthyKey = "trunkline-unhealthy";

export class ListenerHealth {
  /** The reason why the target is not well; undefined while it is, or nothing is known of it. */
  #problem: string | undefined;
  #changedAtMs = Number.NEGATIVE_INFINITY;

  constructor(told: Health | undefined) {
    this.#problem = problemOf(told);
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Takes what the listener tells. Returns false where it is nothing new. @throws GrpcError for changes without end */
  tell(told: Health | undefined, nowMs: number): boolean {
    const problem = problemOf(told);
    const isChange = (problem === undefined) !== (this.#problem === undefined);
    if (isChange && nowMs - this.#changedAtMs < minChangeMs) {
      const message = `the health of a listener may change once in ${minChangeMs} ms; tell it again after that`;
      throw new GrpcError(Status.RESOURCE_EXHAUSTED, message);
    }
    if (isChange) this.#changedAtMs = nowMs;
    this.#problem = problem;
    return isChange;
  }
}

function problemOf(told: Health | undefined): string | undefined {
  if (told === undefined || !told.failing) return undefined;
  return told.reason.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, maxHealthReasonChars) || "it gives no reason";
}

/** Returns the refusal of a dial where no listener of the name has a target that is well. */
export function unhealthy(name: string, problems: readonly string[]): GrpcError {
  const [first = ""] = problems;
  const which = problems.length === 1 ? "the target" : `each of the ${problems.length} targets`;
  return new GrpcError(Status.UNAVAILABLE, `${which} of "${name}" fails its health check: ${first}`, {
    metadata: { [unhealthyKey]: "1" },
  });
}
