/**
 * The view of a router for its operators, in the router's process: its state, the changes of it, and what an operator
 * may do. The admin service and a dashboard stand on it. It asks for no rights; its user does.
 */
import type { RouterUpdate } from "./model.js";
import type { Eviction, EvictOptions, SnapshotOptions, WatchOptions } from "./options.js";

/** The state of a router, and an operator's actions. */
export interface RouterView {
  /**
   * Returns the whole state, at most 100 ms old, with the last events. @throws TypeError for an unknown option,
   * RangeError for a value out of its range
   */
  snapshot(options?: SnapshotOptions): RouterUpdate;
  /**
   * Returns messages for as long as they are read: a snapshot first, then what has changed. A message has at most 500
   * names and streams, and a snapshot with more goes on in the messages after it. The router keeps nothing for a slow
   * reader, who is told the difference to the present. It ends when `signal` aborts. @throws as `snapshot`
   */
  watch(options?: WatchOptions): AsyncGenerator<RouterUpdate, void, undefined>;
  /**
   * Ends a stream for good: both peers are told, and none of them can come back.
   * @param reason the reason, for the peers and the audit, of up to 255 characters. Default: none
   * @param by the identity of the operator, for the events. Default: the router's own program
   * @throws GrpcError NOT_FOUND for an id that is no stream now; RangeError for a reason that cannot be told
   */
  killStream(id: string, reason?: string, by?: string): void;
  /**
   * Ends the listeners of a name for good: they are told ABORTED, and do not come back by themselves.
   * @param by the identity of the operator, for the events. Default: the router's own program
   * @throws GrpcError NOT_FOUND where there is no such listener; TypeError for an unknown option, RangeError for a
   * reason that cannot be told
   */
  evictName(options: EvictOptions, by?: string): Eviction;
  /**
   * Begins to drain the router, as SIGTERM does.
   * @param deadlineMs the time for streams that cannot move. Default: the router's own
   * @param by the identity of the operator, for the events. Default: the router's own program
   * @throws RangeError for a time out of its range
   */
  drain(deadlineMs?: number, by?: string): void;
}
