/**
 * All of trunkline in one process: a router, one side that exposes a port, one that connects a port to it. The two
 * sides share nothing but the router: each has a connection of its own to it, over the loopback interface, as if it
 * were far away.
 */
import { newRouterKey, Router, Trunkline } from "@trunkline/router";
import { Connections, type Report } from "../connections.js";
import { listenOn, peerOf, reachTarget } from "../sockets.js";
import { printAddress, type SocketAddress } from "../target.js";

/** A running tunnel. */
export interface Tunnel extends AsyncDisposable {
  /** The endpoint of the router. */
  readonly endpoint: string;
  readonly router: Router;
  /** The address at which connections to the target come in. */
  readonly address: string;
}

/** Options of `openTunnel`. */
export interface TunnelOptions {
  /** The name under which the target is exposed. */
  readonly name: string;
  readonly target: SocketAddress;
  /** Reports the connections at the local port. */
  readonly report: Report;
}

/**
 * The time for open connections at the end: a finished download closes its own at once, a browser would keep one for
 * minutes.
 */
const graceMs = 250;

const loopback = { host: "127.0.0.1", port: 0 } as const;

/** The lifetime of tokens: one is worth nothing without the router, which lives as long as the demo. */
const tokenLifetimeMs = 3_650 * 86_400_000;

/** Opens a tunnel on free ports of loopback, with a new key. Disposing it ends all connections. */
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
    const exposed = new Connections(() => {});
    steps.push(() => exposed.end(0));
    void eachOf(incoming, (stream) =>
      exposed.carry(stream, { name, peer: "the router" }, (signal) => reachTarget(target, signal)),
    );

    const dialler = await newClient("demo-connect");
    const local = await listenOn(loopback, () => {});
    const connected = new Connections(report);
    steps.push(async () => {
      await local.close();
      await connected.end(graceMs);
    });
    void eachOf(local, (socket) =>
      connected.carry(socket, { name, peer: peerOf(socket) }, (signal) => dialler.dial(name, { signal })),
    );
    return { endpoint, router, address: printAddress(local.address), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Takes each stream. An error of the source shows at the other side, which waits for bytes, and is not reported here.
 */
async function eachOf<T>(streams: AsyncIterable<T>, take: (stream: T) => void): Promise<void> {
  try {
    for await (const stream of streams) take(stream);
  } catch {}
}
