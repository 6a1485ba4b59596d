/** Servers on Unix sockets, and channels to them through a resolver that a test leads, in virtual time. */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@trunkline/streams/testing";
import {
  Channel,
  type ChannelOptions,
  createClient,
  type Implementation,
  type Resolver,
  Server,
} from "../../../src/index.js";
import { Echo } from "../../gen/echo_pb.js";
import { settle } from "../../support.js";

let sockets = 0;

/** Returns the address of a Unix socket that nobody has used; later ones come later in the order of texts. */
export const freshSocket = (): string =>
  `unix:${join(tmpdir(), `trunkline-fleet-${process.pid}-${String(sockets++).padStart(4, "0")}`)}`;

export class Fleet {
  readonly clock: VirtualClock = new VirtualClock();
  readonly servers: Server[] = [];
  readonly channels: Channel[] = [];
  addresses: string[] = [];
  lookups = 0;
  /** Answers the channels' questions. */
  resolver: Resolver = () => this.addresses;

  /** Starts servers that answer `say` with their number, unless a test gives another handler. */
  async serve(
    count: number,
    say: (index: number) => Implementation<typeof Echo>["say"] = (index) => () => ({ text: String(index) }),
    add: (server: Server, index: number) => void = () => {},
  ): Promise<string[]> {
    for (let index = 0; index < count; index++) {
      const server = new Server({ onError: () => {} }).add(Echo, { say: say(index) });
      add(server, index);
      this.servers.push(server);
      this.addresses.push(await server.listen(freshSocket()));
    }
    return this.addresses;
  }

  channel(options: ChannelOptions = {}): Channel {
    const test: Resolver = (...given) => {
      this.lookups += 1;
      return this.resolver(...given);
    };
    const channel = new Channel("test:///fleet", {
      clock: this.clock,
      plaintext: true,
      backoff: { jitter: 0 },
      resolvers: { test },
      ...options,
    });
    this.channels.push(channel);
    return channel;
  }

  /** Calls so many times, one after the other; returns the answers, an "x" for a failure. */
  async say(channel: Channel, count: number): Promise<string> {
    const client = createClient(Echo, channel);
    let texts = "";
    for (let call = 0; call < count; call++)
      texts += await client.say({}).then(
        ({ text }) => text,
        () => "x",
      );
    return texts;
  }

  /** Calls until every one of these answers has come: the channel has a connection to each server. */
  async untilAllAnswer(channel: Channel, answers: string): Promise<void> {
    const seen = new Set<string>();
    for (let call = 0; call < 10_000; call++) {
      seen.add(await this.say(channel, 1));
      if ([...answers].every((each) => seen.has(each))) return;
      await settle(1);
    }
    throw new Error(`of ${answers} only ${[...seen].join("")} have answered`);
  }

  async close(): Promise<void> {
    for (const each of [...this.channels, ...this.servers]) await each.close({ closeTimeoutMs: 0 });
  }
}
