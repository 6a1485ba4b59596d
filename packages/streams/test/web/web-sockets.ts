import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket as StandardWebSocket } from "undici";
import { WebSocketServer, WebSocket as WsSocket } from "ws";
import type { WebSocketLike } from "../../src/web/index.js";

/** A client of either kind and the socket that the server got for it. */
export async function webSocketPair(
  kind: "standard" | "ws",
): Promise<{ client: WebSocketLike; server: WsSocket; release(): Promise<void> }> {
  const listener = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  await once(listener, "listening");
  const url = `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const client: WebSocketLike =
    kind === "ws" ? new WsSocket(url, { perMessageDeflate: false }) : new StandardWebSocket(url);
  const [server] = (await once(listener, "connection")) as [WsSocket];
  if (client.readyState === 0) await new Promise<void>((resolve) => client.addEventListener("open", () => resolve()));
  return {
    client,
    server,
    async release() {
      for (const socket of listener.clients) socket.terminate();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
