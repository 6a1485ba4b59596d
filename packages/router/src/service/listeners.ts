/**
 * The listeners of the exchange: who has which name, within which limits, and for as long as it takes its heartbeats.
 * This file knows no streams; the methods of the exchange are in `exchange-service.ts`.
 */
import type { Clock } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { Access } from "../policy/access.js";
import { MemoryRegistry } from "../registry/memory.js";
import type { RouterEvent } from "./events.js";
import { type ListenerEntry, maxUntakenHeartbeats } from "./listener-entry.js";
import type { Reporter } from "./reporter.js";
import type { SessionSide } from "./session-tickets.js";

export interface ListenersOptions {
  readonly access: Access;
  readonly maxListeners: number;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly reporter: Reporter;
}

type RemovalReason = Extract<RouterEvent, { kind: "listener-removed" }>["reason"];

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #registry: MemoryRegistry<ListenerEntry>;
  #cancelHeartbeat: (() => void) | undefined;
  #closed = false;

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#registry = new MemoryRegistry(options.maxListeners);
  }

  /** Ends all listeners with an error. */
  close(error: () => GrpcError): void {
    this.#closed = true;
    this.#cancelHeartbeat?.();
    for (const entry of this.#registry.list()) entry.finish(error());
  }

  /** Returns all listeners, sorted by name. */
  list(): readonly ListenerEntry[] {
    return this.#registry.list();
  }

  /** Returns the first listener of each name, sorted by name. */
  firsts(): readonly ListenerEntry[] {
    return this.#registry.firsts();
  }

  /** Returns the listeners of a name, the earliest first. */
  find(name: string): readonly ListenerEntry[] {
    return this.#registry.find(name);
  }

  /** Returns the listener whose session it is, where it listens here. */
  exposerOf({ name, listener, peerId }: Pick<SessionSide, "name" | "listener" | "peerId">): ListenerEntry | undefined {
    return this.find(name).find((entry) => entry.identity === listener && entry.peerId === peerId);
  }

  /** Takes a listener in, and ends the one whose place it takes. @throws GrpcError */
  register(entry: ListenerEntry): void {
    const { access, maxListeners, reporter } = this.#options;
    const { name, identity, call } = entry;
    const maxSharing = access.sharingOf(name)?.maxExposers;
    this.#checkIdentity(entry, maxSharing);
    const registered = this.#registry.register(entry, maxSharing);
    switch (registered.kind) {
      case "taken":
        throw new GrpcError(Status.ALREADY_EXISTS, `the name "${name}" has a listener of another identity`);
      case "crowded":
        throw new GrpcError(
          Status.RESOURCE_EXHAUSTED,
          `the name "${name}" has as many listeners as maxExposers (${maxSharing}) allows`,
        );
      case "full":
        throw new GrpcError(
          Status.RESOURCE_EXHAUSTED,
          `${maxListeners + 1} listeners would be more than maxListeners (${maxListeners})`,
        );
      case "registered":
        registered.superseded?.finish(new GrpcError(Status.ABORTED, `another listener has taken the name "${name}"`));
        if (registered.superseded !== undefined) this.#tellRemoved(registered.superseded, "superseded");
    }
    reporter.stats.listeners = this.#registry.size;
    reporter.tell({ kind: "listening", name, identity, peer: call.peer.address });
    if (entry.health.problem !== undefined) this.tellHealth(entry);
    this.#keepBeating();
  }

  /** Refuses one name more than the identity may have. Its own name it may take again. @throws GrpcError */
  #checkIdentity(entry: ListenerEntry, maxSharing: number | undefined): void {
    const { maxListeners } = this.#options.access.limitsOf(entry.identity);
    if (this.#registry.countOf(entry.identity) < maxListeners) return;
    if (this.#registry.predecessor(entry, maxSharing) !== undefined) return;
    throw new GrpcError(
      Status.RESOURCE_EXHAUSTED,
      `this identity has as many names as the policy lets it have (maxListeners, ${maxListeners})`,
    );
  }

  /** Removes a listener, if it is still there. */
  remove(entry: ListenerEntry, reason: RemovalReason): void {
    if (this.#registry.unregister(entry)) this.#tellRemoved(entry, reason);
  }

  /** Ends a listener with an error after which it does not come back. */
  evict(entry: ListenerEntry, error: GrpcError): void {
    this.remove(entry, "evicted");
    entry.call.abort(error);
  }

  /** Ends the listeners that the policy no longer allows. */
  recheck(): void {
    const { access } = this.#options;
    const counts = new Map<string, number>();
    for (const entry of this.#registry.list()) {
      const { name, caller } = entry;
      const maxExposers = access.sharingOf(name)?.maxExposers ?? 1;
      const count = (counts.get(name) ?? 0) + 1;
      const crowded =
        count > maxExposers ? `the policy lets the name "${name}" have ${maxExposers} listeners` : undefined;
      const reason = access.listenRefusal(caller, name) ?? crowded;
      if (reason === undefined) {
        counts.set(name, count);
        continue;
      }
      this.remove(entry, "denied");
      entry.call.abort(new GrpcError(Status.PERMISSION_DENIED, reason));
    }
  }

  /** Reports the health of a listener's target. */
  tellHealth({ name, identity, health: { problem } }: ListenerEntry): void {
    this.#options.reporter.tell({ kind: "listener-health", name, identity, problem });
  }

  #tellRemoved({ name, identity }: ListenerEntry, reason: RemovalReason): void {
    const { reporter } = this.#options;
    reporter.stats.listeners = this.#registry.size;
    reporter.tell({ kind: "listener-removed", name, identity, reason });
  }

  /**
   * Sends heartbeats to all listeners, by one timer. Without them a listener could not tell a dead connection from a
   * quiet one.
   */
  #keepBeating(): void {
    const { clock, heartbeatMs } = this.#options;
    if (this.#cancelHeartbeat !== undefined || this.#closed || heartbeatMs === 0) return;
    this.#cancelHeartbeat = clock.at(
      clock.nowMs() + heartbeatMs,
      () => {
        this.#cancelHeartbeat = undefined;
        for (const entry of this.#registry.list()) {
          if (!entry.beat()) this.#removeUnresponsive(entry);
        }
        if (this.#registry.size > 0) this.#keepBeating();
      },
      "watch",
    );
  }

  /** Frees the name of a listener that does not take its heartbeats: diallers would wait for it in vain. */
  #removeUnresponsive(entry: ListenerEntry): void {
    const { heartbeatMs } = this.#options;
    this.remove(entry, "unresponsive");
    entry.finish(
      new GrpcError(
        Status.UNAVAILABLE,
        `the listener of "${entry.name}" has taken no heartbeat for ${maxUntakenHeartbeats * heartbeatMs} ms`,
      ),
    );
  }
}
