/** The whole stack in memory: what a test of a service needs instead of a port. */
import type { Duplex } from "node:stream";
import {
  type AnyService,
  Channel,
  type ChannelOptions,
  type Implementation,
  Server,
  type ServerOptions,
} from "../index.js";
import { duplexPair } from "./duplex-pair.js";

/** A service and what implements it. */
export type ServiceEntry<Service extends AnyService = AnyService> = readonly [
  service: Service,
  implementation: Implementation<Service>,
];

export interface ChannelForOptions {
  readonly channel?: Omit<ChannelOptions, "tls" | "plaintext"> | undefined;
  readonly server?: ServerOptions | undefined;
  /** Wraps the client's end of each connection, for example in a `FaultyLink`. */
  readonly link?: ((clientSide: Duplex) => Duplex) | undefined;
}

/** A channel to a server of its own; `await using` closes both. */
export interface ChannelForServices extends AsyncDisposable {
  readonly channel: Channel;
  readonly server: Server;
  /** Closes the channel, then the server. */
  close(): Promise<void>;
}

/**
 * Serves the services and gives a channel to them, over connections in memory: HTTP/2, HPACK, flow control and all limits are as over a socket. A
 * connection that is lost is made again, as it would be.
 */
export function channelFor<const Services extends readonly AnyService[]>(
  services: { readonly [Index in keyof Services]: ServiceEntry<Services[Index]> },
  options: ChannelForOptions = {},
): ChannelForServices {
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
