/** The view of a router from elsewhere, as the admin service shows it to those with the right. */
import { optionNames } from "@trunkline/base";
import type { WaitOptions } from "@trunkline/streams";
import type { RouterUpdate } from "./model.js";
import type { Eviction, EvictOptions, SnapshotOptions, WatchOptions } from "./options.js";

/** Options of draining a router from elsewhere. */
export interface RemoteDrainOptions extends WaitOptions {
  /** The time for streams that cannot move, in milliseconds. Default: the router's own. */
  readonly deadlineMs?: number | undefined;
}

/** The names of the options of draining a router from elsewhere. */
export const remoteDrainOptionNames: ReadonlySet<string> = optionNames<RemoteDrainOptions>({
  signal: true,
  deadlineMs: true,
});

/** The view of a router from elsewhere. Every request fails with PERMISSION_DENIED without the right `admin`. */
export interface RouterAdmin {
  /**
   * Returns the whole state of the router, with the last events. @throws TypeError for an unknown option, RangeError
   * for a value out of its range; GrpcError UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE, UNIMPLEMENTED (a router
   * without the service)
   */
  snapshot(options?: SnapshotOptions & WaitOptions): Promise<RouterUpdate>;
  /**
   * Returns the messages of the router: a snapshot first, then what has changed. It fails when the connection is lost;
   * another watch begins with a snapshot again. It ends when `signal` aborts. @throws as `snapshot`
   */
  watch(options?: WatchOptions): AsyncGenerator<RouterUpdate, void, undefined>;
  /**
   * Ends a stream for good: both peers are told, and none of them can come back. @throws RangeError for a reason that
   * cannot be told; GrpcError NOT_FOUND for an id that is no stream now, and as `snapshot`
   */
  killStream(id: string, reason?: string, options?: WaitOptions): Promise<void>;
  /**
   * Ends the listeners of a name for good. @throws TypeError for an unknown option, RangeError for a reason that cannot
   * be told; GrpcError NOT_FOUND where there is no such listener, and as `snapshot`
   */
  evictName(options: EvictOptions, waiting?: WaitOptions): Promise<Eviction>;
  /** Has the router drain, as SIGTERM does. It resolves when that begins. @throws GrpcError as `snapshot` */
  drain(options?: RemoteDrainOptions): Promise<void>;
}
