/**
 * The port for those who watch over a router: `/metrics` for Prometheus, `/livez` and `/readyz` for orchestrators. It
 * answers GET and HEAD without a token, and so listens on loopback unless it is told otherwise.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { closeServer, listenOnAll } from "@trunkline/base/node";
import type { RouterStats } from "@trunkline/router";
import { cannotListen } from "../sockets.js";
import { printAddress, type SocketAddress } from "../target.js";
import { metricsPage, routerMetrics } from "./metrics.js";

/** The part of a router that the status is read from. */
export interface StatusSource {
  readonly stats: RouterStats;
}

/** The connections at once; more wait in the system's queue. Those who watch are few. */
const maxConnections = 64;
/** The time for a request, and the idle time of a connection. */
const requestTimeoutMs = 10_000;

export class StatusServer implements AsyncDisposable {
  /** The address that it listens on. */
  readonly address: string;
  readonly #servers: readonly Server[];
  readonly #metrics = routerMetrics();
  readonly #source: StatusSource;
  #ready = true;

  private constructor(servers: readonly Server[], address: string, source: StatusSource) {
    this.#servers = servers;
    this.address = address;
    this.#source = source;
    for (const server of servers) server.on("request", (request, response) => this.#answer(request, response));
  }

  /** Begins to listen. @throws CommandError that names the address */
  static async listen(address: SocketAddress, source: StatusSource): Promise<StatusServer> {
    const { servers, bound } = await listenOnAll(newServer, address).catch((error: unknown) => {
      throw cannotListen(address, error);
    });
    return new StatusServer(servers, printAddress(bound), source);
  }

  /** Says from now on that the router takes no new streams. */
  drain(): void {
    this.#ready = false;
  }

  #answer({ method, url = "" }: IncomingMessage, response: ServerResponse): void {
    if (method !== "GET" && method !== "HEAD") {
      send(response.setHeader("allow", "GET, HEAD"), 405, "only GET and HEAD are answered\n");
      return;
    }
    switch (url.replace(/\?.*$/s, "")) {
      case "/metrics":
        response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
        send(response, 200, metricsPage(this.#metrics.metrics, this.#source.stats));
        break;
      case "/livez":
        send(response, 200, "alive\n");
        break;
      case "/readyz":
        send(response, this.#ready ? 200 : 503, this.#ready ? "ready\n" : "draining\n");
        break;
      default:
        send(response, 404, "there are /metrics, /livez and /readyz\n");
    }
  }

  /** Stops at once. Never rejects. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#metrics.close();
    const closed = this.#servers.map(closeServer);
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(closed);
  }
}

function newServer(): Server {
  const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs });
  server.maxConnections = maxConnections;
  server.keepAliveTimeout = requestTimeoutMs;
  return server.on("error", () => {});
}

function send(response: ServerResponse, status: number, text: string): void {
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "text/plain; charset=utf-8");
  response.writeHead(status, { "cache-control": "no-store", "x-content-type-options": "nosniff" });
  response.end(text);
}
