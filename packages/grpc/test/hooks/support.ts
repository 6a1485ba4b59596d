import {
  type Client,
  type ClientInterceptor,
  createClient,
  type Implementation,
  type Interceptor,
  type ServerInterceptor,
} from "../../src/index.js";
import { type ChannelForOptions, type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo, type EchoReply, type EchoRequest } from "../gen/echo_pb.js";
import { echo } from "../support.js";

let served: ChannelForServices | undefined;

/** Serves as `channelFor` does, until the end of the test. */
export const serve: typeof channelFor = (services, options) => {
  served = channelFor(services, options);
  return served;
};

/** Fails, as a hook may. */
export function fail(): never {
  throw new Error("no");
}

export function clientOf(implementation: Implementation<typeof Echo>, options: ChannelForOptions): Client<typeof Echo> {
  served = channelFor([[Echo, implementation]], options);
  return createClient(Echo, served.channel);
}

export const withClient = (
  interceptors: ClientInterceptor[],
  implementation: Implementation<typeof Echo> = echo,
): Client<typeof Echo> => clientOf(implementation, { channel: { interceptors } });

export const withServer = (
  interceptors: ServerInterceptor[],
  implementation: Implementation<typeof Echo> = echo,
): Client<typeof Echo> =>
  clientOf(implementation, { server: { interceptors, onError: (error) => reported.push(error) } });

/** The errors that the server has reported in this test. */
export const reported: Error[] = [];

/**
 * Ends what a test has begun. Each file of tests registers it itself, since this module is loaded once for all files.
 */
export async function cleanup(): Promise<void> {
  await served?.close();
  served = undefined;
  reported.length = 0;
}

/** Notes every hook by name. */
export function recorder(log: string[], name = ""): Interceptor {
  const note = (what: string): void => void log.push(name === "" ? what : `${name}: ${what}`);
  return (call) => {
    note(`${call.role} ${call.path.split("/").at(-1)}`);
    return {
      onRequest: () => void note("request"),
      onConnection: () => note("connection"),
      run(handler) {
        note("run");
        handler();
      },
      onRequestMessage: (message) => void note(`> ${(message as EchoRequest).text}`),
      onInitialMetadata: () => note("initial"),
      onResponseMessage: (message) => void note(`< ${(message as EchoReply).text}`),
      onStatus: ({ status }) => note(`status ${status}`),
      onEnd: ({ status }) => note(`end ${status}`),
    };
  };
}
