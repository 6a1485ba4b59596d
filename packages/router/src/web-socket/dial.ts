/** The connections of a client to a router within WebSockets: `wss://host/path` and `ws://host/path`. */
import type { Duplex } from "node:stream";
import { type Clock, isLoopback, parseProxy, printProxy, type TcpAddress } from "@trunkline/base";
import { dialSocket, dialTls, environmentProxy, systemClock, TransportError } from "@trunkline/base/node";
import type { ChannelOptions, ConnectTarget } from "@trunkline/grpc";
import { WebSocket } from "ws";
import { maxWebSocketMessageBytes, webSocketCarrier, webSocketHandshakeMs, webSocketProtocol } from "./carrier.js";

/** Options of the connections, as of a channel. */
export interface WebSocketDialOptions {
  readonly tls?: ChannelOptions["tls"];
  readonly plaintext?: boolean | undefined;
  readonly proxy?: string | false | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Returns the target of a channel for the URL of a WebSocket; undefined for any other endpoint.
 * @throws TypeError for a URL that cannot be dialled, and for `ws` beyond loopback without `plaintext: true`
 */
export function webSocketTarget(endpoint: string, options: WebSocketDialOptions): ConnectTarget | undefined {
  if (!/^wss?:\/\//.test(endpoint)) return undefined;
  if (!URL.canParse(endpoint)) throw new TypeError(`endpoint ${JSON.stringify(endpoint)} is not a URL`);
  const url = new URL(endpoint);
  if (url.username !== "" || url.password !== "" || url.hash !== "")
    throw new TypeError("the URL of a WebSocket has no user and no fragment: a token says who the client is");
  const isSecure = url.protocol === "wss:";
  const address = { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || (isSecure ? 443 : 80)) };
  if (!isSecure && options.plaintext !== true && !isLoopback(address.host))
    throw new TypeError(`${url.host} is not on this machine: use wss://, or plaintext: true`);
  if (!isSecure && options.tls !== undefined) throw new TypeError("tls is for wss://, and not for ws://");
  if (isSecure && options.plaintext === true) throw new TypeError("plaintext: true is for ws://, and not for wss://");
  if (typeof options.proxy === "string") parseProxy(options.proxy);
  const connect = ({ signal }: { readonly signal: AbortSignal }): Promise<Duplex> =>
    open(url, address, isSecure, options, signal);
  return { authority: url.host, connect };
}

async function open(
  url: URL,
  address: TcpAddress,
  isSecure: boolean,
  { tls, proxy: given, clock = systemClock }: WebSocketDialOptions,
  signal: AbortSignal,
): Promise<Duplex> {
  const proxy = typeof given === "string" ? parseProxy(given) : given === false ? undefined : environmentProxy(address);
  const limits = { signal, proxy, clock, connectTimeoutMs: webSocketHandshakeMs };
  const connection = isSecure
    ? await dialTls(
        address,
        { ...(typeof tls === "function" ? await tls() : tls), ALPNProtocols: ["http/1.1"] },
        limits,
      )
    : await dialSocket(address, limits);
  const socket = new WebSocket(url, webSocketProtocol, {
    createConnection: () => connection,
    maxPayload: maxWebSocketMessageBytes,
    perMessageDeflate: false,
  });
  return await new Promise((resolve, reject) => {
    const stop = (): void => socket.terminate();
    const fail = (cause: Error): void => {
      disarm();
      signal.removeEventListener("abort", stop);
      connection.destroy();
      reject(new Error(`cannot open the WebSocket ${url.href}: ${cause.message}`, { cause }));
    };
    const late = (): void => {
      const way = proxy === undefined ? "" : ` through the proxy ${printProxy(proxy)}`;
      fail(
        new TransportError("HANDSHAKE_TIMEOUT", `no answer to its handshake${way} within ${webSocketHandshakeMs} ms`),
      );
    };
    const disarm = clock.at(clock.nowMs() + webSocketHandshakeMs, late, "watch");
    signal.addEventListener("abort", stop, { once: true });
    socket.once("open", () => {
      disarm();
      signal.removeEventListener("abort", stop);
      socket.off("error", fail);
      resolve(webSocketCarrier(socket));
    });
    socket.once("error", fail).on("error", () => {});
  });
}
