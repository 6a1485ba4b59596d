/** A method on a channel: the parts that all its calls have in common, made once. */
import type { ResolvedDefaults } from "../call/defaults.js";
import type { Method } from "../service/method.js";
import type { RequestHead } from "../wire/headers.js";
import type { ChannelCore } from "./channel.js";
import type { MethodPolicy } from "./service-config.js";

export interface BoundMethod {
  readonly method: Method;
  /** True where the messages go in the JSON form of protobuf. */
  readonly json: boolean;
  readonly channel: ChannelCore;
  readonly head: RequestHead;
  readonly defaults: ResolvedDefaults;
  /** The part of the channel's service config that is for the method. */
  readonly policy: MethodPolicy | undefined;
}
