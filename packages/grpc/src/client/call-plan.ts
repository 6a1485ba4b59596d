/**
 * What a call sends ahead of its messages and how long it may last: its own options over those of its client and channel, the call that it belongs to, and
 * what interceptors make of all that.
 */
import type { HeaderField } from "@trunkline/h2";
import { Metadata } from "@trunkline/metadata";
import type { AttributeKey, Clock } from "@trunkline/streams";
import { checkedMessageBytes, type ResolvedDefaults } from "../call/defaults.js";
import type { CallOptions } from "../call/options.js";
import { Deadline } from "../contract/deadline.js";
import { checkedInterceptors, type HookChain } from "../hooks/chain.js";
import { RequestEvent } from "../hooks/events.js";
import type { ClientInterceptor } from "../hooks/interceptor.js";
import type { Compression } from "../wire/compression.js";
import { inheritedDeadline } from "./cancellation.js";

export class CallPlan {
  readonly #defaults: ResolvedDefaults;
  readonly #options: CallOptions;
  /** The metadata, as it is sent. */
  fields: readonly HeaderField[];
  deadline: Deadline | undefined;
  readonly interceptors: readonly ClientInterceptor[];

  /** @throws MetadataError, RangeError, TypeError for options that cannot be */
  constructor(defaults: ResolvedDefaults, options: CallOptions) {
    const { metadata, interceptors } = options;
    this.#defaults = defaults;
    this.#options = options;
    this.deadline = options.deadline;
    this.interceptors =
      interceptors === undefined
        ? defaults.interceptors
        : [...defaults.interceptors, ...checkedInterceptors(interceptors)];
    if (metadata === undefined) this.fields = defaults.fields;
    else
      this.fields = (
        defaults.fields.length === 0 ? Metadata.from(metadata) : defaults.metadata.merge(metadata)
      ).toWire();
  }

  get waitForReady(): boolean {
    return this.#options.waitForReady ?? this.#defaults.waitForReady;
  }

  /** @throws RangeError */
  get maxReceiveMessageBytes(): number {
    const own = this.#options.maxReceiveMessageBytes;
    const { maxReceiveMessageBytes } = this.#defaults;
    return own === undefined
      ? maxReceiveMessageBytes
      : checkedMessageBytes("maxReceiveMessageBytes", own, maxReceiveMessageBytes);
  }

  get maxSendMessageBytes(): number {
    return this.#options.maxSendMessageBytes ?? this.#defaults.maxSendMessageBytes;
  }

  /** @throws TypeError for one that is not known */
  get compression(): Compression | undefined {
    const own = this.#options.compression;
    return own === undefined ? this.#defaults.compression : this.#defaults.compressions.resolve(own);
  }

  /** The call begins: a default deadline counts from now. */
  begin(clock: Clock): void {
    const { timeoutMs } = this.#defaults;
    if (this.deadline === undefined && timeoutMs !== undefined) this.deadline = Deadline.after(timeoutMs, clock);
    this.deadline = inheritedDeadline(this.deadline, this.#options.parent);
  }

  /** Lets the hooks see and change it. @returns a promise where one of them waits. @throws what a hook throws */
  through(hooks: HookChain, provide: <T>(key: AttributeKey<T>, value: T) => void): Promise<void> | undefined {
    const request = new RequestEvent(() => Metadata.fromWire(this.fields), this.deadline, provide);
    const waiting = hooks.request(request);
    if (waiting === undefined) {
      this.#take(request);
      return undefined;
    }
    return waiting.then(() => this.#take(request));
  }

  #take({ changed, deadline }: RequestEvent): void {
    if (changed !== undefined) this.fields = changed.toWire();
    this.deadline = deadline;
  }
}
