/**
 * The channels of one client: one an endpoint, shared by all streams that go there, since a connection costs more than
 * most streams do.
 */
import { type AbortSignalLike, reasonText } from "@trunkline/base";
import { Channel, type ChannelOptions, type ConnectTarget, GrpcError, Status } from "@trunkline/grpc";
import type { CloseOptions } from "@trunkline/streams";
import { webSocketTarget } from "../web-socket/dial.js";

/**
 * The number of endpoints: an exchange sends to a few routers, and one that names ever new ones must not open ever more
 * connections.
 */
const maxEndpoints = 64;

/** A time limit that never comes: 285,000 years. */
const unlimitedMs = Number.MAX_SAFE_INTEGER;

/** The time for connecting to one of several endpoints of an exchange. */
const perEndpointMs = 5_000;

export class Channels {
  /** The endpoints of the exchange, and the number of the one that is in use. */
  readonly #homes: readonly (string | ConnectTarget)[];
  #home = 0;
  readonly #options: ChannelOptions;
  /**
   * The channels by endpoint. The endpoint of the exchange that is in use, which is that of the router where the
   * exchange names no other, is undefined.
   */
  readonly #channels: Map<string | undefined, Channel> = new Map();
  /** Channels that take no more calls, and whose streams still live. */
  readonly #retired: Set<Channel> = new Set();
  /** The callbacks of those who want to leave a channel when it is retired. */
  readonly #onRetired: Map<Channel, Set<() => void>> = new Map();
  #closed = false;

  /** @param homes the endpoints of the exchange, of which the first that answers is used */
  constructor(homes: readonly (string | ConnectTarget)[], options: ChannelOptions) {
    this.#homes = homes;
    this.#options = options;
    // Now, so that a malformed endpoint is reported at once. They connect when they are used.
    for (const home of homes.slice(1)) void this.#channelTo(home).close();
    this.get(undefined);
  }

  /**
   * Returns a channel to the exchange. Where that has several endpoints, each is tried once, from the one in use on,
   * until there is a connection.
   * @param waitForReady also waits for the connection to the one endpoint that there is, for some seconds
   * @throws GrpcError UNAVAILABLE with the reasons, where none can be reached; the reason of the signal
   */
  async exchange(waitForReady: boolean, signal?: AbortSignalLike): Promise<Channel> {
    if (this.#homes.length === 1) {
      const channel = this.get();
      if (waitForReady) await channel.connect({ waitForReady, timeoutMs: perEndpointMs, signal });
      return channel;
    }
    const failures: string[] = [];
    for (const _ of this.#homes) {
      const channel = this.get();
      try {
        await channel.connect({ timeoutMs: perEndpointMs, signal });
        return channel;
      } catch (error) {
        if (signal?.aborted) throw error;
        failures.push(reasonText(error));
        this.#goToNext(channel);
      }
    }
    throw new GrpcError(Status.UNAVAILABLE, `no endpoint of the exchange can be reached: ${failures.join("; ")}`);
  }

  /** Uses the next endpoint of the exchange, unless another request has seen to that. */
  #goToNext(channel: Channel): void {
    if (this.#channels.get(undefined) !== channel) return;
    this.#home = (this.#home + 1) % this.#homes.length;
    this.retire(channel);
  }

  /**
   * Returns the channel to an endpoint.
   * @param given undefined for the endpoint of the exchange
   * @throws GrpcError for too many endpoints or after `close`, TypeError for a malformed endpoint
   */
  get(given?: string): Channel {
    const home = this.#homes[this.#home] as string | ConnectTarget;
    const endpoint = given === home ? undefined : given;
    let channel = this.#channels.get(endpoint);
    if (channel === undefined) {
      if (this.#closed) throw new GrpcError(Status.UNAVAILABLE, "the client is closed");
      if (this.#channels.size >= maxEndpoints) {
        throw new GrpcError(Status.RESOURCE_EXHAUSTED, `the exchange named more than ${maxEndpoints} router endpoints`);
      }
      channel = this.#channelTo(endpoint ?? home);
      this.#channels.set(endpoint, channel);
    }
    return channel;
  }

  /** Makes a channel; a Unix socket or a connection of the user's own has no proxy. */
  #channelTo(endpoint: string | ConnectTarget): Channel {
    const carrier = typeof endpoint === "string" ? webSocketTarget(endpoint, this.#options) : undefined;
    if (carrier !== undefined)
      return new Channel(carrier, { ...this.#options, tls: undefined, plaintext: undefined, proxy: false });
    const isTcp = typeof endpoint === "string" && !/^unix(-abstract)?:/.test(endpoint);
    return new Channel(endpoint, isTcp ? this.#options : { ...this.#options, proxy: false });
  }

  /**
   * Leaves a channel whose connection seems dead: the next call gets a new one. The streams on it go on, for the
   * connection may only be slow; its keepalive decides.
   */
  retire(channel: Channel): void {
    for (const [endpoint, current] of this.#channels) {
      if (current !== channel) continue;
      this.#channels.delete(endpoint);
      this.#retired.add(channel);
      void channel.close({ closeTimeoutMs: unlimitedMs }).then(() => this.#retired.delete(channel));
    }
    for (const callback of [...(this.#onRetired.get(channel) ?? [])]) callback();
  }

  /** Calls `callback` when the channel is retired, until the function that it returns is called. */
  onRetired(channel: Channel, callback: () => void): () => void {
    const callbacks = this.#onRetired.get(channel) ?? new Set();
    this.#onRetired.set(channel, callbacks.add(callback));
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0) this.#onRetired.delete(channel);
    };
  }

  /** Closes all channels; their streams have `closeTimeoutMs` to end. */
  async close(options?: Pick<CloseOptions, "closeTimeoutMs">): Promise<void> {
    this.#closed = true;
    const channels = [...this.#channels.values(), ...this.#retired];
    await Promise.all(channels.map((channel) => channel.close(options)));
  }
}

/**
 * Closes a client once all its streams have ended, for `listen` and `dial`, whose callers hold no client that they
 * could close.
 */
export function closeWhenDone(client: { close(options: CloseOptions): Promise<void> }): void {
  void client.close({ closeTimeoutMs: unlimitedMs });
}
