/** The states of a server's services, and the three methods by which others learn of them. */
import { checkOptionNames, onAbort, optionNames, wholeNumber } from "@trunkline/base";
import type { ServerCall } from "../contract/call.js";
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthListRequest,
  Health as healthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../gen/grpc/health/v1/health_pb.js";
import type { Server } from "../server/server.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";

/**
 * The state of a service: `"SERVING"` takes calls, `"NOT_SERVING"` should get none, and of `"UNKNOWN"` nothing is known
 * yet.
 */
export type HealthStatus = "SERVING" | "NOT_SERVING" | "UNKNOWN";

/** The most services that `List` answers with, by the protocol; with more of them it fails. */
const maxListed = 100;
/** The largest request: room for the longest name of a service that anybody has, and no more. */
const maxReceiveMessageBytes = 4_096;

/** Options of a `Health`. */
export interface HealthOptions {
  /**
   * The number of calls of `Watch` at once; one more gets RESOURCE_EXHAUSTED. Nobody needs a token for them, and each
   * holds a stream. Default 1,000.
   */
  readonly maxWatches?: number | undefined;
}

const healthOptionNames = optionNames<HealthOptions>({ maxWatches: true });

/** Called after each change of one service. */
type Watcher = () => void;

/**
 * The health of a server. `addTo` serves it; `set` says what is known of a service. The server as a whole has the empty
 * name `""` and begins as `"SERVING"`. When a server that serves it closes, those who watch are told `"NOT_SERVING"`,
 * and their calls end with UNAVAILABLE, so that they do not hold the server up.
 */
export class Health {
  readonly #states: Map<string, HealthStatus> = new Map([["", "SERVING"]]);
  /** The calls of `Watch` by the service that they watch, known or not. */
  readonly #watchers: Map<string, Set<Watcher>> = new Map();
  readonly #maxWatches: number;
  #watches = 0;
  #isShutDown = false;

  /** @throws RangeError for a limit out of its range */
  constructor(options: HealthOptions = {}) {
    checkOptionNames("Health", options, healthOptionNames);
    this.#maxWatches = wholeNumber("maxWatches", options.maxWatches ?? 1_000, 0);
  }

  /** Serves this health on a server, beside its other services. @throws TypeError if the server has a health service */
  addTo(server: Server): this {
    const { closing } = server;
    server.add(
      healthService,
      {
        check: (request) => this.#check(request),
        list: (request) => this.#list(request),
        watch: (request, call) => this.#watch(request, call, closing),
      },
      { maxReceiveMessageBytes },
    );
    return this;
  }

  /**
   * Says what is known of a service, by its full name (`"acme.v1.Greeter"`); `""` is the server as a whole. After
   * `shutDown()` it has no effect. @throws TypeError for a name that is no text or a state that does not exist
   */
  set(service: string, status: HealthStatus): void {
    if (typeof service !== "string") throw new TypeError(`the name of a service is text, not ${typeof service}`);
    if (!Object.hasOwn(ServingStatus, status) || (status as string) === "SERVICE_UNKNOWN") {
      const given = JSON.stringify(status);
      throw new TypeError(`the health of a service is "SERVING", "NOT_SERVING" or "UNKNOWN", not ${given}`);
    }
    if (!this.#isShutDown) this.#change(service, status);
  }

  /** Returns the state of a service; undefined if it is not known here. */
  get(service: string): HealthStatus | undefined {
    return this.#states.get(service);
  }

  /** Forgets a service: it is not known any more. Returns whether it was. */
  delete(service: string): boolean {
    const deleted = this.#states.delete(service);
    if (deleted) this.#tell(service);
    return deleted;
  }

  /**
   * Says `"NOT_SERVING"` of every service, for good: the step before a server drains, in which balancers send new calls
   * elsewhere while this server still takes them.
   */
  shutDown(): void {
    this.#isShutDown = true;
    for (const service of this.#states.keys()) this.#change(service, "NOT_SERVING");
  }

  #change(service: string, status: HealthStatus): void {
    if (this.#states.get(service) === status) return;
    this.#states.set(service, status);
    this.#tell(service);
  }

  #tell(service: string): void {
    for (const watcher of this.#watchers.get(service) ?? []) watcher();
  }

  #check({ service }: HealthCheckRequest): { status: ServingStatus } {
    const status = this.#states.get(service);
    if (status === undefined)
      throw new GrpcError(Status.NOT_FOUND, `the health of service ${JSON.stringify(service)} is not known here`);
    return { status: ServingStatus[status] };
  }

  #list(_request: HealthListRequest): { statuses: Record<string, { status: ServingStatus }> } {
    if (this.#states.size > maxListed) {
      const message = `${this.#states.size} services are known here, and a list has at most ${maxListed}`;
      throw new GrpcError(Status.RESOURCE_EXHAUSTED, message);
    }
    const entries = Array.from(this.#states, ([service, status]) => [service, { status: ServingStatus[status] }]);
    return { statuses: Object.fromEntries(entries) };
  }

  /** Yields the state now and after each change. Of changes that come faster than the client reads, the last counts. */
  async *#watch(
    { service }: HealthCheckRequest,
    call: ServerCall<HealthCheckRequest, Partial<HealthCheckResponse>>,
    closing: AbortSignal,
  ): AsyncGenerator<{ status: ServingStatus }, void, undefined> {
    if (this.#watches >= this.#maxWatches) {
      const message = `${this.#watches} calls watch the health of this server, and no more may (maxWatches)`;
      throw new GrpcError(Status.RESOURCE_EXHAUSTED, message);
    }
    this.#watches += 1;
    const changes = new Changes();
    const forgetWatcher = this.#addWatcher(service, changes.tell);
    const forgetSignals = [call.signal, closing].map((signal) => onAbort(signal, changes.tell));
    try {
      let last: ServingStatus | undefined;
      while (!call.signal.aborted) {
        const status = closing.aborted ? ServingStatus.NOT_SERVING : this.#watched(service);
        if (status !== last) yield { status };
        last = status;
        if (closing.aborted) throw new GrpcError(Status.UNAVAILABLE, "the server is closing");
        await changes.next();
      }
    } finally {
      this.#watches -= 1;
      forgetWatcher();
      for (const forget of forgetSignals) forget();
    }
  }

  #watched(service: string): ServingStatus {
    const status = this.#states.get(service);
    return status === undefined ? ServingStatus.SERVICE_UNKNOWN : ServingStatus[status];
  }

  /** Returns what takes the watcher out of the table again. */
  #addWatcher(service: string, watcher: Watcher): () => void {
    const watchers = this.#watchers.get(service) ?? new Set();
    this.#watchers.set(service, watchers.add(watcher));
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0) this.#watchers.delete(service);
    };
  }
}

/** A wait for changes: one that came before the wait began ends it at once. */
class Changes {
  #hasCome = false;
  #resume: (() => void) | undefined;

  readonly tell = (): void => {
    this.#hasCome = true;
    this.#resume?.();
  };

  async next(): Promise<void> {
    if (!this.#hasCome) await new Promise<void>((resolve) => (this.#resume = resolve));
    this.#hasCome = false;
    this.#resume = undefined;
  }
}
