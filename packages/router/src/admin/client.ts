/** A client of the admin service: the view of a router from elsewhere, for those with the right. */
import { checkOptionNames, maxTimerMs, wholeNumber } from "@trunkline/base";
import { type CallOptions, type Client, GrpcError, Status } from "@trunkline/grpc";
import type { WaitOptions } from "@trunkline/streams";
import type { AdminService } from "../gen/trunkline/v1/admin_pb.js";
import { decodeUpdate } from "./decode.js";
import type { RoutedStream, RouterName, RouterUpdate } from "./model.js";
import {
  checkEvict,
  checkReason,
  type Eviction,
  type EvictOptions,
  resolveSnapshot,
  resolveWatch,
  type SnapshotOptions,
  type WatchOptions,
} from "./options.js";
import { type RemoteDrainOptions, type RouterAdmin, remoteDrainOptionNames } from "./router-admin.js";

type AdminClientOf = Client<typeof AdminService>;

/** The way of a client to the router. */
export interface AdminWay {
  /** Makes one request within the client's own time. */
  ask<Answer>(request: (client: AdminClientOf, options: CallOptions) => Promise<Answer>): Promise<Answer>;
  /** Begins a call without a deadline. */
  open<Call>(begin: (client: AdminClientOf, options: CallOptions) => Call): Promise<Call>;
}

export class RemoteRouterAdmin implements RouterAdmin {
  readonly #way: AdminWay;

  constructor(way: AdminWay) {
    this.#way = way;
  }

  async snapshot(options: SnapshotOptions & WaitOptions = {}): Promise<RouterUpdate> {
    const { signal, ...shown } = options;
    const request = { ...resolveSnapshot(shown), once: true };
    let whole: RouterUpdate | undefined;
    await this.#way.ask(async (client, call) => {
      whole = undefined; // another attempt begins anew
      for await (const message of client.watch(request, { ...call, signal })) {
        const update = decodeUpdate(message);
        whole = whole === undefined ? update : joined(whole, update);
      }
    });
    if (whole === undefined) throw new GrpcError(Status.INTERNAL, "the router has sent no snapshot");
    return whole;
  }

  async *watch(options: WatchOptions = {}): AsyncGenerator<RouterUpdate, void, undefined> {
    const { signal } = options;
    const request = { ...resolveWatch(options), once: false };
    const call = await this.#way.open((client, call) => client.watch(request, { ...call, signal }));
    try {
      for await (const message of call) yield decodeUpdate(message);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  }

  async killStream(id: string, reason = "", { signal }: WaitOptions = {}): Promise<void> {
    checkReason(reason);
    await this.#way.ask((client, call) => client.killStream({ id, reason }, { ...call, signal }));
  }

  async evictName(options: EvictOptions, { signal }: WaitOptions = {}): Promise<Eviction> {
    checkEvict(options);
    const { name, listenerId = "", reason = "", killStreams = false } = options;
    const request = { name, listenerId, reason, killStreams };
    const { listeners, streams } = await this.#way.ask((client, call) =>
      client.evictName(request, { ...call, signal }),
    );
    return { listeners, streams };
  }

  async drain(options: RemoteDrainOptions = {}): Promise<void> {
    checkOptionNames("drain", options, remoteDrainOptionNames);
    const { signal } = options;
    const deadlineMs = wholeNumber("deadlineMs", options.deadlineMs ?? 0, 0, maxTimerMs);
    await this.#way.ask((client, call) => client.drain({ deadlineMs: BigInt(deadlineMs) }, { ...call, signal }));
  }
}

/** Returns a snapshot with a part that came later. */
function joined(whole: RouterUpdate, part: RouterUpdate): RouterUpdate {
  const names: RouterName[] = [...whole.names, ...part.names];
  const streams: RoutedStream[] = [...whole.streams, ...part.streams];
  return { ...part, snapshot: true, names, streams, events: [...whole.events, ...part.events] };
}
