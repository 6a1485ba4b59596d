/** One channel an endpoint, shared by all streams that go there: a connection of its own for each would cost more than most streams do. */
import { Channel, type ChannelOptions, GrpcError, Status } from "@trunkline/grpc";
import type { CloseOptions } from "@trunkline/streams";

/** An exchange sends to a few routers; one that names ever new ones must not open ever more connections. */
const maxEndpoints = 64;

export class Channels {
  /** The endpoint of the exchange, and of the router where it names no other. */
  readonly home: string;
  readonly #options: ChannelOptions;
  readonly #channels: Map<string, Channel> = new Map();
  readonly #retired: Set<Promise<void>> = new Set();
  #closed = false;

  constructor(home: string, options: ChannelOptions) {
    this.home = home;
    this.#options = options;
    this.get(home); // now, so that an endpoint that is none is told at once
  }

  /** @throws GrpcError for too many endpoints or after `close`, TypeError for an endpoint that is none */
  get(endpoint: string = this.home): Channel {
    let channel = this.#channels.get(endpoint);
    if (channel === undefined) {
      if (this.#closed) throw new GrpcError(Status.UNAVAILABLE, "the client is closed");
      if (this.#channels.size >= maxEndpoints) {
        throw new GrpcError(Status.RESOURCE_EXHAUSTED, `the exchange named more than ${maxEndpoints} router endpoints`);
      }
      channel = new Channel(endpoint, this.#options);
      this.#channels.set(endpoint, channel);
    }
    return channel;
  }

  /** The connection of `channel` is dead without knowing: the next call gets another one. Calls that still live have a time to end. */
  retire(channel: Channel): void {
    for (const [endpoint, current] of this.#channels) {
      if (current !== channel) continue;
      this.#channels.delete(endpoint);
      const closed = channel.close();
      this.#retired.add(closed);
      void closed.then(() => this.#retired.delete(closed));
    }
  }

  async close(options?: Pick<CloseOptions, "closeTimeoutMs">): Promise<void> {
    this.#closed = true;
    const channels = [...this.#channels.values()];
    await Promise.all([...channels.map((channel) => channel.close(options)), ...this.#retired]);
  }
}
