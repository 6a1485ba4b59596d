/** The WebSockets that a router accepts. Authentication comes later, in gRPC, as on every connection. */
import { createServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock } from "@trunkline/base";
import { WebSocketServer } from "ws";
import { maxWebSocketMessageBytes, webSocketCarrier, webSocketHandshakeMs, webSocketProtocol } from "./carrier.js";

/** The limit for the head of a request. */
const maxHeadBytes = 16_384;

export class WebSocketAcceptor {
  readonly #http: HttpServer;
  readonly #sockets: WebSocketServer;
  readonly #clock: Clock;
  /** The connections whose handshake is under way, with what cancels the ends of their time. */
  readonly #opening: Map<Duplex, () => void> = new Map();

  /** @param serve takes the bytes of a WebSocket */
  constructor(serve: (carrier: Duplex) => void, clock: Clock) {
    this.#clock = clock;
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: maxWebSocketMessageBytes,
      handleProtocols: () => webSocketProtocol,
    });
    this.#http = createServer({ maxHeaderSize: maxHeadBytes }, (_, response) => {
      const headers = { connection: "close", upgrade: "websocket", "content-type": "text/plain" };
      response.writeHead(426, headers).end("gRPC over HTTP/2 is spoken here, also within a WebSocket\n");
    });
    this.#http.on("upgrade", (request, socket, head) => {
      const refusal = refusalOf(request);
      if (refusal !== undefined) {
        socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (opened) => {
        this.#forget(socket);
        serve(webSocketCarrier(opened));
      });
    });
  }

  /** Takes a connection that begins as HTTP/1.1. */
  accept(socket: Duplex): void {
    socket.on("error", () => {}).once("close", () => this.#forget(socket));
    const atMs = this.#clock.nowMs() + webSocketHandshakeMs;
    const disarm = this.#clock.at(atMs, () => void socket.destroy(), "watch");
    this.#opening.set(socket, disarm);
    this.#http.emit("connection", socket);
  }

  /** Ends the handshakes that go on. WebSockets that are open end with the server that has them. */
  close(): void {
    for (const socket of this.#opening.keys()) socket.destroy();
  }

  #forget(socket: Duplex): void {
    this.#opening.get(socket)?.();
    this.#opening.delete(socket);
  }
}

/** Returns the status by which a request is refused; undefined for a good one. */
function refusalOf({ headers }: IncomingMessage): string | undefined {
  // A browser says for which page it asks, and a page must not use the certificate of its reader.
  if (headers.origin !== undefined) return "403 Forbidden";
  const protocols = headers["sec-websocket-protocol"]?.split(",").map((each) => each.trim()) ?? [];
  return protocols.includes(webSocketProtocol) ? undefined : "400 Bad Request";
}
