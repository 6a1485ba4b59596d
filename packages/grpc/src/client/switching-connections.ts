/**
 * The connections of a channel whose service config may change the load balancing policy while it is in use. From
 * pick_first to a policy over all endpoints, or back, the connections are other ones: those that are READY serve until
 * the new ones are, so that no call waits for the change.
 */
import type { StreamHandler } from "@trunkline/h2";
import type { GrpcError } from "../wire/errors.js";
import type { CallQueue, WaitingCall } from "./call-queue.js";
import type { Connections, ConnectionsOwner } from "./connections.js";
import type { ChannelState, EndpointState } from "./connectivity.js";
import type { ChosenPolicy } from "./load-balancing-config.js";

/** Makes the connections of a policy. */
export type MakeConnections = (chosen: ChosenPolicy, owner: ConnectionsOwner) => Connections;

/** Connections of one policy. What they tell reaches the channel only while they are the ones in use. */
class Part implements ConnectionsOwner {
  readonly connections: Connections;
  readonly #owner: SwitchingConnections;

  constructor(make: MakeConnections, chosen: ChosenPolicy, owner: SwitchingConnections) {
    this.#owner = owner;
    this.connections = make(chosen, this);
  }

  wantsConnection(wasIdle: boolean): boolean {
    return this.#owner.partConnects(this, wasIdle);
  }

  refuse(call: WaitingCall, error: GrpcError): void {
    this.#owner.refuse(call, error);
  }

  onChange(): void {
    this.#owner.onPartChange();
  }

  onStreamsAvailable(): void {
    this.#owner.onPartStreams(this);
  }

  onFailed(error: unknown): void {
    this.#owner.onPartFailed(this, error);
  }

  /** Only given transports are ever gone, and no resolver is asked for those. */
  onGone(): void {}
}

export class SwitchingConnections implements Connections {
  readonly #make: MakeConnections;
  readonly #owner: ConnectionsOwner;
  #chosen: ChosenPolicy;
  /** The connections that calls go to; undefined while the first are made. */
  #current: Part | undefined;
  /** The connections of a policy that was chosen since, while the current ones are READY. */
  #next: Part | undefined;
  readonly #leaving: Set<Connections> = new Set();
  #closed = false;

  constructor(make: MakeConnections, chosen: ChosenPolicy, owner: ConnectionsOwner) {
    this.#make = make;
    this.#owner = owner;
    this.#chosen = chosen;
    this.#current = new Part(make, chosen, this);
  }

  /** Goes over to another policy. */
  use(chosen: ChosenPolicy): void {
    const before = this.#chosen;
    if (this.#closed) return;
    this.#chosen = chosen;
    if (chosen.policy === undefined && before.policy === undefined && chosen.shuffle === before.shuffle) return;
    const newest = this.#next ?? this.#current;
    if (newest?.connections.reconfigure?.(chosen)) return;
    const { state } = this;
    const part = new Part(this.#make, chosen, this);
    if (state === "READY") {
      this.#leave(this.#next, "another policy was chosen");
      this.#next = part;
    } else {
      const old = this.#current;
      this.#current = part;
      this.#leave(old, "another policy was chosen");
    }
    if (state !== "IDLE") part.connections.connect();
    this.#owner.onChange();
  }

  get #inUse(): Connections | undefined {
    return this.#current?.connections;
  }

  get state(): ChannelState {
    return this.#closed ? "SHUTDOWN" : (this.#inUse?.state ?? "IDLE");
  }

  get lastFailure(): unknown {
    return this.#inUse?.lastFailure;
  }

  get endpoints(): readonly EndpointState[] {
    return this.#inUse?.endpoints ?? [];
  }

  handlers(): StreamHandler[] {
    return this.#all().flatMap((each) => each.handlers());
  }

  msUntilNextAttempt(): number {
    return this.#inUse?.msUntilNextAttempt() ?? 0;
  }

  open(call: WaitingCall, queue: CallQueue | undefined): boolean {
    return this.#inUse?.open(call, queue) ?? false;
  }

  connect(): void {
    this.#inUse?.connect();
  }

  shut(cause: Error): void {
    this.#closed = true;
    for (const part of [this.#current, this.#next]) part?.connections.shut(cause);
  }

  async done(): Promise<void> {
    await Promise.all(this.#all().map((each) => each.done()));
  }

  destroy(cause: Error): void {
    for (const each of this.#all()) each.destroy(cause);
  }

  #all(): Connections[] {
    const parts = [this.#current, this.#next].flatMap((part) => (part === undefined ? [] : [part.connections]));
    return [...parts, ...this.#leaving];
  }

  #leave(part: Part | undefined, why: string): void {
    if (part === undefined) return;
    const { connections } = part;
    this.#leaving.add(connections);
    connections.shut(new Error(why));
    void connections.done().then(() => this.#leaving.delete(connections));
  }

  /** Goes over to the newer connections once they are READY, or the present ones are not any more. */
  #promote(): void {
    const next = this.#next;
    if (next === undefined || (next.connections.state !== "READY" && this.state === "READY")) return;
    const old = this.#current;
    this.#current = next;
    this.#next = undefined;
    this.#leave(old, "another policy was chosen");
    this.#owner.onStreamsAvailable();
  }

  partConnects(part: Part, wasIdle: boolean): boolean {
    if (part === this.#next) return !wasIdle;
    return part === this.#current && this.#owner.wantsConnection(wasIdle);
  }

  onPartChange(): void {
    if (this.#closed) return;
    this.#promote();
    this.#owner.onChange();
  }

  onPartStreams(part: Part): void {
    if (part === this.#current) this.#owner.onStreamsAvailable();
  }

  onPartFailed(part: Part, error: unknown): void {
    if (part === this.#current) this.#owner.onFailed(error);
  }

  refuse(call: WaitingCall, error: GrpcError): void {
    this.#owner.refuse(call, error);
  }
}
