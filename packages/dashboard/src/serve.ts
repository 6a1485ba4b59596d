/** The dashboard's server: the page, its event stream, and its actions, on a port of its own. */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { hostname } from "node:os";
import type { SecureContextOptions } from "node:tls";
import {
  type Clock,
  callObserver,
  checkOptionNames,
  isLoopback,
  optionNames,
  printHostPort,
  reasonText,
  type TcpAddress,
  wholeNumber,
} from "@trunkline/base";
import { closeServer, listenOnAll, systemClock } from "@trunkline/base/node";
import { Access, cookieLifetimeMs, cookieOf, type DashboardRights, linkLifetimeMs } from "./access.js";
import { ActionError, act, isAction } from "./actions.js";
import { type Assets, readAssets } from "./assets.js";
import { Feed } from "./feed.js";
import { historyColumns } from "./history.js";
import { originOf, originProblem } from "./origin.js";
import { PageStream } from "./page-stream.js";
import type { DashboardSource, RouterSetting } from "./source.js";

/** An action that a page has asked for, for logs. */
export interface DashboardAction {
  /** `"kill"`, `"evict"` or `"drain"`. */
  readonly action: string;
  /** The address of the page's browser. */
  readonly peer: string;
  /** The reason why it was not done; undefined where it was. */
  readonly problem: string | undefined;
}

/** Options of a dashboard. */
export interface DashboardOptions {
  /** The address; a host beyond loopback needs `tls`. */
  readonly address: TcpAddress;
  /** The certificate and its key. Default: none, which is for loopback only. */
  readonly tls?: SecureContextOptions | undefined;
  /**
   * The key that cookies are signed with, at least 32 bytes. Cookies of a router that is restarted with the same key
   * stay good. Default: a new one.
   */
  readonly cookieKey?: Uint8Array | undefined;
  /** The most pages that are open at once; a further one is told so. Default 16. */
  readonly maxPages?: number | undefined;
  /** The settings of the router that the page shows; no secret. Default: none. */
  readonly settings?: readonly RouterSetting[] | undefined;
  /** Called with an error of the dashboard itself. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Called with each action that a page has asked for. */
  readonly onAction?: ((action: DashboardAction) => void) | undefined;
  /** The clock for all waits. Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Returns the milliseconds since 1970. Default: `Date.now`. */
  readonly unixNowMs?: (() => number) | undefined;
  /** The files of the page. Default: those that are built into the package. */
  readonly assets?: Assets | undefined;
}

const dashboardOptionNames = optionNames<DashboardOptions>({
  address: true,
  tls: true,
  cookieKey: true,
  maxPages: true,
  settings: true,
  onError: true,
  onAction: true,
  clock: true,
  unixNowMs: true,
  assets: true,
});

/** The connections beside those of open pages: a browser has six for each. */
const connectionsPerPage = 8;
/** The time for a request. */
const requestTimeoutMs = 10_000;
const minCookieKeyBytes = 32;

/** A running dashboard. */
export interface Dashboard extends AsyncDisposable {
  /** The address that it listens on. */
  readonly address: string;
  /** The time for which a link is good, in milliseconds. */
  readonly linkLifetimeMs: number;
  /** Returns a new link to the page, which is good once. Default: with the right to act. */
  newLink(rights?: DashboardRights): string;
  /** Gives new connections another certificate; one without TLS takes no notice. */
  updateTls(tls: SecureContextOptions): void;
}

/**
 * Serves the dashboard of a router until it is disposed.
 * @throws TypeError for an address beyond loopback without TLS, and for a short `cookieKey`; ListenError where it
 * cannot listen; Error where the page is not built
 */
export async function serveDashboard(source: DashboardSource, options: DashboardOptions): Promise<Dashboard> {
  checkOptionNames("serveDashboard", options, dashboardOptionNames);
  const {
    address,
    tls,
    settings = [],
    onError = console.error,
    onAction,
    clock = systemClock,
    unixNowMs = Date.now,
  } = options;
  const maxPages = wholeNumber("maxPages", options.maxPages ?? 16, 1, 1_000);
  const cookieKey = options.cookieKey ?? randomBytes(minCookieKeyBytes);
  if (cookieKey.length < minCookieKeyBytes)
    throw new TypeError(`cookieKey has ${cookieKey.length} bytes, less than ${minCookieKeyBytes}`);
  if (tls === undefined && !isLoopback(address.host)) {
    const where = printHostPort(address.host, address.port);
    throw new TypeError(`a dashboard on ${where}, which other machines can reach, needs TLS`);
  }
  const assets = options.assets ?? (await readAssets());
  const requests = new Requests(source, {
    assets,
    maxPages,
    settings,
    cookieKey,
    clock,
    unixNowMs,
    onAction,
    onError,
  });
  const limits = { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs };
  const create = (): Server => {
    const server: Server = tls === undefined ? createServer(limits) : createTlsServer({ ...limits, ...tls });
    server.maxConnections = maxPages * connectionsPerPage;
    return server.on("request", (request, response) => void requests.answer(request, response));
  };
  const { servers, bound } = await listenOnAll(create, address).catch((error: unknown) => {
    requests.close();
    throw error;
  });
  for (const server of servers) server.on("error", () => {}).unref();
  const { host, port } = bound as TcpAddress;
  const origin = originOf(tls === undefined ? host : reachableHost(address.host), port, tls !== undefined);
  return {
    address: printHostPort(host, port),
    linkLifetimeMs,
    newLink: (rights = "act") => `${origin}/open?token=${requests.access.newToken(rights)}`,
    updateTls(renewed) {
      for (const server of servers) if ("setSecureContext" in server) (server as TlsServer).setSecureContext(renewed);
    },
    async [Symbol.asyncDispose]() {
      const closed = servers.map(closeServer);
      requests.close();
      for (const server of servers) server.closeAllConnections();
      await Promise.all(closed);
    },
  };
}

/** Returns the name of this machine in place of an address that stands for all of its addresses. */
function reachableHost(host: string): string {
  return host === "0.0.0.0" || host === "::" ? hostname() : host;
}

interface RequestOptions {
  readonly assets: Assets;
  readonly maxPages: number;
  readonly settings: readonly RouterSetting[];
  readonly cookieKey: Uint8Array;
  readonly clock: Clock;
  readonly unixNowMs: () => number;
  readonly onAction: DashboardOptions["onAction"];
  readonly onError: (error: unknown) => void;
}

/** Scripts and styles from this server only, nothing inline, and no frame around the page. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const securityHeaders = {
  "content-security-policy": contentSecurityPolicy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

/** The requests of all pages. */
class Requests {
  readonly access: Access;
  readonly #source: DashboardSource;
  readonly #options: RequestOptions;
  readonly #feed: Feed;
  readonly #pages: Set<PageStream> = new Set();

  constructor(source: DashboardSource, options: RequestOptions) {
    this.#source = source;
    this.#options = options;
    this.access = new Access(options.cookieKey, options.unixNowMs);
    this.#feed = new Feed(source, options.onError);
  }

  /** Ends all pages. */
  close(): void {
    for (const page of this.#pages) page[Symbol.dispose]();
    this.#feed[Symbol.dispose]();
  }

  /** Answers a request. Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    try {
      const problem = originProblem(request);
      if (problem !== undefined) throw new ActionError(403, problem);
      const path = (request.url ?? "").replace(/[?#].*$/s, "");
      const action = path.startsWith("/api/") ? path.slice("/api/".length) : undefined;
      if (action !== undefined && isAction(action)) await this.#act(action, request, response);
      else if (path === "/api/leave") this.#leave(request, response);
      else this.#read(path, request, response);
    } catch (error) {
      const status = error instanceof ActionError ? error.status : 500;
      if (response.headersSent) response.destroy();
      else sendJson(response, status, { error: reasonText(error) });
    }
  }

  #read(path: string, request: IncomingMessage, response: ServerResponse): void {
    only(request, response, "GET", "HEAD");
    if (path === "/open") this.#open(request, response);
    else if (path === "/api/events") this.#stream(request, response);
    else this.#asset(path, request, response);
  }

  /** Turns the token of a link into a cookie, and leads to the page without the token in its address. */
  #open(request: IncomingMessage, response: ServerResponse): void {
    only(request, response, "GET");
    const token = new URL(request.url ?? "", "http://localhost").searchParams.get("token") ?? "";
    const cookie = this.access.redeem(token);
    const attributes = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${cookieLifetimeMs / 1_000}`;
    const secure = "encrypted" in request.socket ? "; Secure" : "";
    if (cookie !== undefined)
      response.setHeader("set-cookie", `${cookieName(request)}=${cookie}; ${attributes}${secure}`);
    response.writeHead(303, { location: cookie === undefined ? "/#/link-not-good" : "/", "cache-control": "no-store" });
    response.end();
  }

  #stream(request: IncomingMessage, response: ServerResponse): void {
    only(request, response, "GET");
    const rights = this.#rightsOf(request);
    const { maxPages, settings, clock, unixNowMs } = this.#options;
    if (this.#pages.size >= maxPages)
      throw new ActionError(503, `${maxPages} pages are open already, which is the most at once (maxPages)`);
    const hello = { rights, nowUnixMs: unixNowMs(), historyColumns, settings };
    const page = new PageStream(response, this.#feed, hello, clock);
    this.#pages.add(page);
    response.on("close", () => this.#pages.delete(page));
  }

  async #act(action: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    only(request, response, "POST");
    const rights = this.#rightsOf(request);
    const peer = printHostPort(request.socket.remoteAddress ?? "", request.socket.remotePort ?? 0);
    const { onAction } = this.#options;
    const tell = (problem: string | undefined): void => callObserver(() => onAction?.({ action, peer, problem }));
    try {
      if (rights !== "act") throw new ActionError(403, "this link may see, and not act");
      const answer = await act(action, this.#source, request, `the dashboard at ${peer}`);
      tell(undefined);
      sendJson(response, 200, answer);
    } catch (error) {
      tell(reasonText(error));
      throw error;
    }
  }

  /** Makes the browser forget its cookie. */
  #leave(request: IncomingMessage, response: ServerResponse): void {
    only(request, response, "POST");
    response.setHeader("set-cookie", `${cookieName(request)}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
    sendJson(response, 200, {});
  }

  #asset(path: string, request: IncomingMessage, response: ServerResponse): void {
    const asset = this.#options.assets.get(path);
    if (asset === undefined) throw new ActionError(404, "there is no such page");
    const isGzipped = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
    const bytes = isGzipped ? asset.gzipped : asset.bytes;
    response.writeHead(200, {
      "content-type": asset.type,
      "content-length": bytes.length,
      vary: "accept-encoding",
      "cache-control": asset.isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
      ...(isGzipped && { "content-encoding": "gzip" }),
    });
    response.end(request.method === "HEAD" ? undefined : bytes);
  }

  #rightsOf(request: IncomingMessage): DashboardRights {
    const rights = this.access.rightsOf(cookieOf(request.headers.cookie, cookieName(request)));
    if (rights === undefined) throw new ActionError(401, "a link is needed, which the router prints");
    return rights;
  }
}

/** Cookies belong to a host with all its ports, so that the name has the port. */
function cookieName({ socket }: IncomingMessage): string {
  return `trunkline-dashboard-${socket.localPort}`;
}

function only(request: IncomingMessage, response: ServerResponse, ...methods: readonly string[]): void {
  if (methods.includes(request.method ?? "")) return;
  response.setHeader("allow", methods.join(", "));
  throw new ActionError(405, `only ${methods.join(" and ")} is answered here`);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" });
  response.end(JSON.stringify(value));
}
