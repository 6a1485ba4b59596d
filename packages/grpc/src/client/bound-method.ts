/** A method on a channel: the parts that all its calls have in common, made once. */
import type { ResolvedDefaults } from "../call/defaults.js";
import type { Method } from "../service/method.js";
import type { RequestHead } from "../wire/headers.js";
import type { MethodConfigView } from "./channel-config.js";
import type { ChannelCore } from "./channel-core.js";
import type { MethodPolicy } from "./service-config.js";

export class BoundMethod {
  readonly method: Method;
  /** True where the messages go in the JSON form of protobuf. */
  readonly json: boolean;
  readonly channel: ChannelCore;
  readonly head: RequestHead;
  readonly defaults: ResolvedDefaults;
  readonly #view: MethodConfigView;

  constructor(
    method: Method,
    json: boolean,
    channel: ChannelCore,
    head: RequestHead,
    defaults: ResolvedDefaults,
    view: MethodConfigView,
  ) {
    this.method = method;
    this.json = json;
    this.channel = channel;
    this.head = head;
    this.defaults = defaults;
    this.#view = view;
  }

  /** The part of the channel's service config that is for the method, as the config is now. */
  get policy(): MethodPolicy | undefined {
    return this.#view.policy;
  }
}
