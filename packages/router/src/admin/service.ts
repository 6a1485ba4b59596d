/** trunkline.v1.AdminService: the view of a router for operators elsewhere, who need a right of their own. */
import { GrpcError, type Implementation, type ServerCall, Status } from "@trunkline/grpc";
import type {
  AdminService,
  DrainRequest,
  EvictNameRequest,
  KillStreamRequest,
  WatchRequest,
} from "../gen/trunkline/v1/admin_pb.js";
import type { Access, Caller } from "../policy/access.js";
import type { AdminRight } from "../policy/policy.js";
import { type Callers, onlyMessage, refuseIf } from "../service/callers.js";
import type { LiveRouterView } from "./view.js";
import { encodeUpdate, type WatchAnswer } from "./wire.js";

export interface AdminServiceOptions {
  readonly view: LiveRouterView;
  readonly callers: Callers;
  readonly access: Access;
}

/** The number of calls of `Watch` at once: each may hold what it knows of 20,000 streams. */
const maxWatches = 32;

type WatchCall = ServerCall<WatchRequest, WatchAnswer>;

/** A call of `Watch` that runs. */
interface Watch {
  readonly caller: Caller;
  readonly call: WatchCall;
}

/** The methods of the admin service. Each authenticates its caller from the headers alone, as those of the exchange. */
export class AdminServiceHandler {
  readonly implementation: Implementation<typeof AdminService> = {
    watch: { open: (call) => this.#watch(call) },
    killStream: { open: (call) => this.#act(call, (caller, request) => this.#killStream(caller, request)) },
    evictName: { open: (call) => this.#act(call, (caller, request) => this.#evictName(caller, request)) },
    drain: { open: (call) => this.#act(call, (caller, request) => this.#drain(caller, request)) },
  };
  readonly #options: AdminServiceOptions;
  readonly #watches: Set<Watch> = new Set();
  #ended = false;

  constructor(options: AdminServiceOptions) {
    this.#options = options;
  }

  /** Ends the watches whose callers have no right any more. */
  recheck(): void {
    for (const { caller, call } of this.#watches) {
      const reason = this.#options.access.adminRefusal(caller, "see");
      if (reason !== undefined) call.abort(new GrpcError(Status.PERMISSION_DENIED, reason));
    }
  }

  /** Ends all watches: nothing happens at the router any more, and it waits for its calls. */
  end(): void {
    this.#ended = true;
    for (const { call } of this.#watches) call.abort(closed());
  }

  #refuse(caller: Caller, right: AdminRight): void {
    refuseIf(this.#options.access.adminRefusal(caller, right));
  }

  #act<Request extends {}, Answer extends {}>(
    call: ServerCall<Request, Answer>,
    work: (caller: Caller, request: Request) => Answer,
  ): Promise<void> {
    return this.#options.callers.answer(
      call,
      async (caller, request) => onBadInput(() => work(caller, request)),
      (caller) => this.#refuse(caller, "act"),
    );
  }

  async #watch(call: WatchCall): Promise<void> {
    const { callers, view } = this.#options;
    const { caller, messages } = await callers.reporting(call, async () => {
      const caller = await callers.callerOf(call);
      this.#refuse(caller, "see");
      if (this.#ended) throw closed();
      if (this.#watches.size >= maxWatches)
        throw new GrpcError(
          Status.RESOURCE_EXHAUSTED,
          `${maxWatches} calls of Watch run at this router, as many as may`,
        );
      const { once, intervalMs, maxStreams, filter } = await onlyMessage(call);
      const shown = { maxStreams: maxStreams || undefined, filter };
      const messages = onBadInput(() =>
        once ? view.parts(shown) : view.watch({ ...shown, intervalMs: intervalMs || undefined, signal: call.signal }),
      );
      return { caller, messages };
    });
    const watch = { caller, call };
    this.#watches.add(watch);
    try {
      for await (const update of messages) await call.send(encodeUpdate(update));
    } finally {
      this.#watches.delete(watch);
    }
  }

  #killStream({ identity }: Caller, { id, reason }: KillStreamRequest): {} {
    this.#options.view.killStream(id, reason, identity);
    return {};
  }

  #evictName({ identity }: Caller, request: EvictNameRequest): { listeners: number; streams: number } {
    const { name, listenerId, reason, killStreams } = request;
    const which = listenerId === "" ? {} : { listenerId };
    return this.#options.view.evictName({ name, reason, killStreams, ...which }, identity);
  }

  #drain({ identity }: Caller, { deadlineMs }: DrainRequest): {} {
    this.#options.view.drain(deadlineMs === 0n ? undefined : Number(deadlineMs), identity);
    return {};
  }
}

/** Returns what `work` returns. @throws GrpcError INVALID_ARGUMENT for a value out of its range */
function onBadInput<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RangeError) throw new GrpcError(Status.INVALID_ARGUMENT, error.message);
    throw error;
  }
}

function closed(): GrpcError {
  return new GrpcError(Status.UNAVAILABLE, "the router has closed");
}
