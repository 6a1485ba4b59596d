/** The parts that all connections and calls of a server share. */

import type { TimerHeap } from "@trunkline/base";
import type { LifetimeOptions } from "@trunkline/h2";
import type { Clock } from "@trunkline/streams";
import type { MessageBudget } from "../call/message-budget.js";
import type { Http2Options } from "../connection/options.js";
import type { ServerCall } from "../contract/call.js";
import type { CallerContext } from "../hooks/context.js";
import type { RejectedRequest } from "../hooks/interceptor.js";
import type { DecodeLimits } from "../service/codec.js";
import type { Compression, Compressions } from "../wire/compression.js";
import type { MethodTable } from "./method-table.js";

export interface ServerCore {
  readonly methods: MethodTable;
  readonly timers: TimerHeap;
  readonly clock: Clock;
  readonly maxReceiveMessageBytes: number;
  readonly maxSendMessageBytes: number;
  readonly decodeLimits: DecodeLimits;
  readonly messageBudget: MessageBudget;
  /** The compression of responses, to clients that accept it. */
  readonly compression: Compression | undefined;
  /** The compressions that are understood in requests. */
  readonly compressions: Compressions;
  readonly maxConcurrentStreams: number;
  readonly http2: Http2Options;
  readonly lifetime: LifetimeOptions;
  /** The context of the code that made the server: its calls begin with it, not with what a connection carries. */
  readonly context: CallerContext;
  /** Tells the interceptors of a request that gets no call; undefined where none wants to know. */
  readonly onRejected: ((request: RejectedRequest) => void) | undefined;
  /** Tells the user of an error that the client is not told of. Never throws. */
  report(error: Error, call: ServerCall<{}, {}> | undefined): void;
}
