/**
 * A connection to each endpoint of a target, and a policy that chooses one for each call. Endpoints come and go with
 * the answers of the resolver.
 */
import { type Backoff, reasonText } from "@trunkline/base";
import type { StreamHandler } from "@trunkline/h2";
import { tellConnection } from "../connection/events.js";
import { GrpcError } from "../wire/errors.js";
import { Status } from "../wire/status.js";
import type { CallQueue, WaitingCall } from "./call-queue.js";
import type { Connections, ConnectionsOwner } from "./connections.js";
import type { ChannelState, EndpointState } from "./connectivity.js";
import type { HealthCore } from "./health-watch.js";
import type { EndpointPicker, LoadBalancingPolicy, ReadyEndpoint } from "./load-balancing.js";
import type { ChosenPolicy } from "./load-balancing-config.js";
import { namedFailures } from "./named-failures.js";
import { EndpointOutcomes, OutlierDetector } from "./outlier-detection.js";
import type { Endpoint, Resolution } from "./resolution.js";
import { Subchannel, type SubchannelOptions, withoutReceivers } from "./subchannel.js";

export interface BalancedOptions extends Omit<SubchannelOptions, "backoff" | "health" | "outcomes"> {
  readonly name: string;
  readonly resolution: Pick<Resolution, "endpoints" | "stop">;
  /** The policy and what belongs to it, at first. */
  readonly chosen: ChosenPolicy & { readonly policy: LoadBalancingPolicy };
  /** The time after which endpoints are asked for again. */
  readonly refreshIntervalMs: number;
  /** The parts of the channel that health checks use. */
  readonly healthCore: HealthCore;
  /** Makes the waits of one endpoint, or of the resolver. */
  backoff(): Backoff;
}

/** An endpoint and the connection to it, as policies see it. */
class Member implements ReadyEndpoint, ConnectionsOwner {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly outcomes: EndpointOutcomes = new EndpointOutcomes();
  /** True while calls go to it, as the last look at the outcomes of calls has found. */
  inUse = true;
  readonly subchannel: Subchannel;
  readonly #owner: BalancedConnections;

  constructor({ name, connectors }: Endpoint, options: SubchannelOptions, owner: BalancedConnections) {
    this.#owner = owner;
    this.name = name;
    this.addresses = connectors.map((each) => each.name);
    this.subchannel = new Subchannel(
      { name, connectors: () => connectors },
      { ...options, outcomes: this.outcomes },
      this,
    );
  }

  get ejected(): boolean {
    return this.outcomes.ejectedAtMs !== undefined;
  }

  /** The state as the policy sees it: an endpoint that was ejected is like one that cannot be reached. */
  get state(): ChannelState {
    return this.ejected ? "TRANSIENT_FAILURE" : this.subchannel.state;
  }

  get lastFailure(): unknown {
    if (this.ejected) return new Error(`${this.name} was ejected, since too many of its calls have failed`);
    return this.subchannel.lastFailure;
  }

  get view(): EndpointState {
    const { addresses, state, activeCalls, ejected, lastFailure } = this;
    const problem = state === "READY" || lastFailure === undefined ? undefined : reasonText(lastFailure);
    return { addresses, state, activeCalls, ejected, problem };
  }

  get activeCalls(): number {
    return this.subchannel.activeCalls;
  }

  wantsConnection(wasIdle: boolean): boolean {
    return this.#owner.memberConnects(this, wasIdle);
  }

  onChange(): void {
    this.#owner.onMemberChange();
  }

  onStreamsAvailable(): void {
    this.#owner.onStreamsAvailable();
  }

  onFailed(error: unknown): void {
    this.#owner.onMemberFailed(error);
  }

  /** Only given transports are ever gone, and those have no endpoints. */
  onGone(): void {}

  refuse(call: WaitingCall, error: GrpcError): void {
    this.#owner.refuse(call, error);
  }
}

export class BalancedConnections implements Connections {
  readonly #options: BalancedOptions;
  readonly #owner: ConnectionsOwner;
  readonly #backoff: Backoff;
  #members: Map<string, Member> = new Map();
  /** Connections to endpoints that are gone, while they have calls. */
  readonly #leaving: Set<Subchannel> = new Set();
  #ready: readonly Member[] = [];
  #picker: EndpointPicker | undefined;
  #policy: LoadBalancingPolicy;
  readonly #outliers: OutlierDetector;
  #healthService: string | undefined;
  #resolving = false;
  #closed = false;
  /** The failure of the resolver while no endpoints are known, and the time at which it is asked again. */
  #unresolved: { readonly error: unknown; readonly atMs: number; cancel(): void } | undefined;
  #cancelRefresh: () => void = () => {};

  constructor(options: BalancedOptions, owner: ConnectionsOwner) {
    this.#options = options;
    this.#owner = owner;
    this.#backoff = options.backoff();
    const { policy, outliers, healthService } = options.chosen;
    this.#policy = policy;
    this.#healthService = healthService;
    this.#outliers = new OutlierDetector(outliers, options.clock, () => this.#onEjections());
  }

  reconfigure({ policy, outliers, healthService }: ChosenPolicy): boolean {
    if (policy === undefined) return false;
    this.#policy = policy;
    this.#outliers.reconfigure(outliers);
    this.#healthService = healthService;
    for (const { subchannel } of this.#members.values()) subchannel.checkHealth(healthService);
    this.#picker = this.#ready.length > 1 ? this.#pickerFor(this.#ready) : undefined;
    return true;
  }

  get state(): ChannelState {
    if (this.#closed) return "SHUTDOWN";
    if (this.#ready.length > 0) return "READY";
    const states = Array.from(this.#members.values(), ({ state }) => state);
    if (states.includes("CONNECTING") || (this.#members.size === 0 && this.#resolving)) return "CONNECTING";
    return states.includes("TRANSIENT_FAILURE") || this.#unresolved !== undefined ? "TRANSIENT_FAILURE" : "IDLE";
  }

  get lastFailure(): unknown {
    const failures = [...this.#members.values()]
      .map(({ lastFailure }) => lastFailure)
      .filter((error) => error !== undefined);
    if (failures.length <= 1) return failures[0] ?? this.#unresolved?.error;
    const named = namedFailures(failures, reasonText, "endpoints");
    return new Error(`no endpoint of ${this.#options.name} can be reached: ${named}`, {
      cause: failures[0],
    });
  }

  msUntilNextAttempt(): number {
    if (this.state !== "TRANSIENT_FAILURE") return 0;
    const waits = Array.from(this.#members.values(), ({ ejected, subchannel }) =>
      ejected ? this.#outliers.nextLookMs : subchannel.msUntilNextAttempt(),
    );
    if (this.#unresolved !== undefined)
      waits.push(Math.max(0, Math.ceil(this.#unresolved.atMs - this.#options.clock.nowMs())));
    return Math.min(...waits);
  }

  open(call: WaitingCall, queue: CallQueue | undefined): boolean {
    const ready = this.#ready;
    const [first] = ready;
    if (first === undefined) return false;
    if (ready.length === 1) return first.subchannel.open(call, queue);
    let picked: ReadyEndpoint | undefined;
    try {
      picked = this.#picker?.(call);
      if (!ready.includes(picked as Member)) throw new TypeError("it chose no endpoint that is ready");
    } catch (error) {
      queue?.leave(call);
      const text = `the load balancing policy failed: ${reasonText(error)}`;
      this.#owner.refuse(call, new GrpcError(Status.UNAVAILABLE, text, { cause: error }));
      return true;
    }
    if ((picked as Member).subchannel.open(call, queue)) return true;
    return ready.some((member) => member !== picked && member.subchannel.open(call, queue));
  }

  connect(): void {
    if (this.#closed) return;
    if (this.#members.size === 0) this.#resolve();
    else for (const { subchannel } of [...this.#members.values()]) subchannel.connect();
  }

  shut(cause: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.resolution.stop(cause);
    this.#leaveAll(cause);
  }

  async done(): Promise<void> {
    await Promise.all(Array.from(this.#leaving, (subchannel) => subchannel.done()));
  }

  destroy(cause: Error): void {
    for (const subchannel of this.#leaving) subchannel.destroy(cause);
  }

  #resolve(): void {
    if (this.#resolving) return;
    this.#resolving = true;
    this.#unresolved?.cancel();
    this.#unresolved = undefined;
    // Asked in a later turn: what it throws at once fails as everything else does.
    Promise.resolve()
      .then(() => this.#options.resolution.endpoints())
      .then(
        (endpoints) => this.#update(endpoints),
        (error) => this.#failed(error),
      );
    this.#owner.onChange();
  }

  #update(endpoints: readonly Endpoint[]): void {
    this.#resolving = false;
    if (this.#closed) return;
    this.#backoff.reset();
    const before = this.#members;
    this.#members = new Map();
    for (const endpoint of endpoints) {
      const { name } = endpoint;
      const known = before.get(name);
      const member = known ?? this.#newMember(endpoint);
      this.#members.set(name, member);
      if (known === undefined) this.#outliers.add(member.outcomes);
    }
    for (const [name, member] of before)
      if (!this.#members.has(name)) this.#leave(member, new Error(`${name} is no endpoint any more`));
    this.#refreshLater();
    for (const { subchannel } of [...this.#members.values()]) subchannel.connect();
    this.onMemberChange();
  }

  #newMember(endpoint: Endpoint): Member {
    const { backoff, healthCore } = this.#options;
    const health = { core: healthCore, backoff: backoff(), service: this.#healthService };
    return new Member(endpoint, { ...this.#options, health, backoff: backoff() }, this);
  }

  #failed(error: unknown): void {
    this.#resolving = false;
    if (this.#closed || this.#members.size > 0) return;
    const { clock } = this.#options;
    const atMs = clock.nowMs() + this.#backoff.next();
    const again = (): void => {
      this.#unresolved = undefined;
      if (this.#owner.wantsConnection(false)) this.#resolve();
      else this.#owner.onChange();
    };
    this.#unresolved = { error: withoutReceivers(error), atMs, cancel: clock.at(atMs, again, "watch") };
    this.#owner.onChange();
    this.#owner.onFailed(error);
  }

  #refreshLater(): void {
    this.#cancelRefresh();
    const { clock, refreshIntervalMs } = this.#options;
    if (refreshIntervalMs === Number.POSITIVE_INFINITY) return;
    this.#cancelRefresh = clock.at(clock.nowMs() + refreshIntervalMs, () => this.#resolve(), "watch");
  }

  #leave({ subchannel, outcomes }: Member, cause: Error): void {
    this.#outliers.delete(outcomes);
    this.#leaving.add(subchannel);
    subchannel.shut(cause);
    if (!this.#closed) void subchannel.done().then(() => this.#leaving.delete(subchannel));
  }

  #leaveAll(cause: Error): void {
    this.#cancelRefresh();
    this.#unresolved?.cancel();
    this.#unresolved = undefined;
    const members = [...this.#members.values()];
    this.#members.clear();
    this.#ready = [];
    for (const member of members) this.#leave(member, cause);
  }

  /**
   * Returns whether an endpoint is connected to again. One connection that was not used ends all of them, if no other
   * is in use either.
   */
  memberConnects(member: Member, wasIdle: boolean): boolean {
    if (this.#members.get(member.addresses.join(" ")) !== member) return false;
    if (!wasIdle || this.#owner.wantsConnection(true)) return true;
    if ([...this.#members.values()].some(({ activeCalls }) => activeCalls > 0)) return true;
    this.#leaveAll(new Error("the connections were not used"));
    return false;
  }

  get endpoints(): readonly EndpointState[] {
    return Array.from(this.#members.values(), ({ view }) => view);
  }

  handlers(): StreamHandler[] {
    const members = Array.from(this.#members.values(), ({ subchannel }) => subchannel);
    return [...members, ...this.#leaving].flatMap((subchannel) => subchannel.handlers());
  }

  /** Called when endpoints were ejected, or have come back. */
  #onEjections(): void {
    for (const member of this.#members.values()) {
      if (member.inUse === !member.ejected) continue;
      member.inUse = !member.ejected;
      tellConnection("client", member.ejected ? "ejected" : "returned", member.name);
    }
    this.onMemberChange();
    if (this.#ready.length > 0) this.#owner.onStreamsAvailable();
    else if (this.state === "TRANSIENT_FAILURE") this.#owner.onFailed(this.lastFailure);
  }

  onMemberChange(): void {
    const ready = [...this.#members.values()].filter(({ state }) => state === "READY");
    const isSame = ready.length === this.#ready.length && ready.every((member, index) => member === this.#ready[index]);
    if (!isSame) {
      this.#ready = ready;
      this.#picker = ready.length > 1 ? this.#pickerFor(ready) : undefined;
    }
    this.#owner.onChange();
  }

  #pickerFor(ready: readonly Member[]): EndpointPicker {
    try {
      return this.#policy.pickerFor([...ready]);
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  onMemberFailed(error: unknown): void {
    this.#resolve();
    if (this.state === "TRANSIENT_FAILURE") this.#owner.onFailed(this.lastFailure ?? error);
  }

  onStreamsAvailable(): void {
    this.#owner.onStreamsAvailable();
  }

  refuse(call: WaitingCall, error: GrpcError): void {
    this.#owner.refuse(call, error);
  }
}
