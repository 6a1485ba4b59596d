/**
 * All of trunkline in one process: a router, one side that exposes a port, one that connects a port to it. The two sides share
 * nothing but the router: each has a connection of its own to it, over the loopback interface, as if it were far away.
 */
import { newRouterKey, Router, Trunkline } from "@trunkline/router";
import { Connections, type Report } from "../connections.js";
import { listenOn, peerOf, reachTarget } from "../sockets.js";
import { printAddress, type SocketAddress } from "../target.js";

export interface Tunnel extends AsyncDisposable {
  /** Of the router. */
  readonly endpoint: string;
  /** Where connections to the target go in. */
  readonly address: string;
}

export interface TunnelOptions {
  /** What the target is exposed as. */
  readonly name: string;
  readonly target: SocketAddress;
  /** Told of the connections at the local port. */
  readonly report: Report;
}

/** What has just been moved closes its connection in a moment; a browser would keep its own open for minutes. */
const lastWordsMs = 250;

const loopback = { host: "127.0.0.1", port: 0 } as const;

/** The token is worth nothing without the router, which lives as long as the demo. */
const tokenLifetimeMs = 3_650 * 86_400_000;

/** Everything on free ports of loopback, with a key made on the spot. Disposing ends what is still under way. */
export async function openTunnel({ name, target, report }: TunnelOptions): Promise<Tunnel> {
  const steps: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
  };
  try {
    const router = new Router({ keys: [{ secret: newRouterKey() }] });
    steps.push(() => router.close({ closeTimeoutMs: 0 }));
    const endpoint = await router.listen(printAddress(loopback));
    const newClient = async (identity: string): Promise<Trunkline> => {
      const client = new Trunkline({
        endpoint,
        token: await router.mintToken({ identity, lifetimeMs: tokenLifetimeMs }),
      });
      steps.push(() => client.close());
      return client;
    };

    const incoming = await (await newClient("demo-expose")).listen(name);
    const exposed = new Connections(() => {}, name);
    steps.push(() => exposed.end(0));
    void eachOf(incoming, (stream) => exposed.carry(stream, "the router", (signal) => reachTarget(target, signal)));

    const dialler = await newClient("demo-connect");
    const local = await listenOn(loopback, () => {});
    const connected = new Connections(report, name);
    steps.push(async () => {
      await local.close();
      await connected.end(lastWordsMs);
    });
    void eachOf(local, (socket) => connected.carry(socket, peerOf(socket), (signal) => dialler.dial(name, { signal })));
    return { endpoint, address: printAddress(local.address), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An end of the streams, also a bad one, shows at the other side, where somebody waits for bytes. */
async function eachOf<T>(streams: AsyncIterable<T>, take: (stream: T) => void): Promise<void> {
  try {
    for await (const stream of streams) take(stream);
  } catch {}
}
