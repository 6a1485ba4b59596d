/** The whole stack in memory, for tests of a service that need no port. */

import type { Duplex } from "node:stream";
import { checkOptionNames, optionNames } from "@trunkline/base";
import {
  type AnyService,
  Channel,
  type ChannelOptions,
  type Implementation,
  Server,
  type ServerOptions,
} from "../index.js";
import { duplexPair } from "./duplex-pair.js";

/** A service and its implementation. */
export type ServiceEntry<Service extends AnyService = AnyService> = readonly [
  service: Service,
  implementation: Implementation<Service>,
];

/** Options of `channelFor`. */
export interface ChannelForOptions {
  /** Options of the channel. */
  readonly channel?: Omit<ChannelOptions, "tls" | "plaintext"> | undefined;
  /** Options of the server. */
  readonly server?: ServerOptions | undefined;
  /** Wraps the client's end of each connection, for example in a `FaultyLink`. Default: the end as it is. */
  readonly link?: ((clientSide: Duplex) => Duplex) | undefined;
}

/** A channel with a server of its own. `await using` closes both. */
export interface ChannelForServices extends AsyncDisposable {
  readonly channel: Channel;
  readonly server: Server;
  /** Closes the channel, then the server. */
  close(): Promise<void>;
}

const channelForOptionNames = optionNames<ChannelForOptions>({ channel: true, server: true, link: true });

/**
 * Serves the services and returns a channel to them, over connections in memory. HTTP/2, HPACK, flow control and all
 * limits are the same as over a socket, and a lost connection is made again.
 */
export function channelFor<const Services extends readonly AnyService[]>(
  services: { readonly [Index in keyof Services]: ServiceEntry<Services[Index]> },
  options: ChannelForOptions = {},
): ChannelForServices {
  checkOptionNames("channelFor", options, channelForOptionNames);
  const server = new Server(options.server);
  for (const [service, implementation] of services) server.add(service, implementation);
  const { link = (clientSide) => clientSide } = options;
  const connect = (): Duplex => {
    const [clientSide, serverSide] = duplexPair();
    void server.serve(serverSide);
    return link(clientSide);
  };
  const channel = new Channel({ connect, authority: "memory" }, options.channel);
  const close = async (): Promise<void> => {
    await channel.close();
    await server.close();
  };
  return { channel, server, close, [Symbol.asyncDispose]: close };
}
