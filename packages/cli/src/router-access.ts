/**
 * The way of `expose` and `connect` to the router: by options and environment, else by the file that a router on this
 * machine leaves. That file is read again each time, since a router that was restarted has another token, and maybe
 * another port.
 */
import { isLocalAddress, type ProxyServer, parseProxy, proxyFromEnvironment } from "@trunkline/base";
import type { MetadataInit } from "@trunkline/metadata";
import { type DialOptions, type EndToEndOptions, Trunkline, type TrunklineOptions } from "@trunkline/router";
import { type ClientTlsOptions, clientTls } from "./client-tls.js";
import { CommandError } from "./command-error.js";
import type { Context, Environment } from "./context.js";
import { type EndToEndFiles, readEndToEnd } from "./end-to-end.js";
import { ExitCode } from "./exit-codes.js";
import { localRouter } from "./local-router.js";
import { parseEndpoint, printEndpoint, type SocketAddress } from "./target.js";
import { type TokenPlace, TokenSource } from "./token-source.js";

/** Options of commands that use a router. */
export interface AccessOptions extends EndToEndFiles, ClientTlsOptions {
  /** The endpoints, of which the first that answers is used. */
  readonly endpoint?: readonly string[] | undefined;
  readonly tokenFile?: string | undefined;
  /** The name of a profile, which has the others; see `withProfile`. */
  readonly profile?: string | undefined;
  /** The URL of the proxy to the router, without a password, or `none`. */
  readonly proxy?: string | undefined;
}

type Transport = Pick<TrunklineOptions, "tls" | "proxy" | "plaintext" | "pingIntervalMs" | "resumeTimeoutMs"> &
  Keepalive;

/** The keepalive of the connections to a router. */
type Keepalive = Pick<TrunklineOptions, "keepaliveIntervalMs" | "keepaliveTimeoutMs">;

/** The times of the connections to a router. */
export interface ConnectionTimes extends Keepalive {
  /** The time for what is still to be sent at the end. */
  readonly graceMs: number;
  /** The time for which a stream waits for a lost router; 0 breaks it at once. */
  readonly resumeMs: number;
}

/** The waits between attempts to reach the router again: people are watching, and an attempt costs next to nothing. */
const backoff = { initialMs: 50, multiplier: 2, maxMs: 500 } as const;

/** Clients of the router, wherever it is now, and tokens for it. */
export class RouterAccess implements AsyncDisposable {
  /** True where the file of the local router says where to go or what to show there. */
  readonly local: boolean;
  /** True where a certificate says who the user is, unless there is a token. */
  readonly hasCertificate: boolean;
  /** True where streams are to survive the loss of the router. */
  readonly resume: boolean;
  readonly #givenEndpoint: string | undefined;
  /** The endpoints that are used where that one cannot be reached. */
  readonly #furtherEndpoints: readonly string[];
  readonly #givenToken: TokenSource | undefined;
  readonly #transport: Transport;
  readonly #closeTimeoutMs: number;
  /** True where `--proxy` was given, and not a variable. */
  readonly #isProxyFlag: boolean;
  readonly #env: Environment;
  readonly #endToEnd: EndToEndOptions | undefined;
  /** One client for each endpoint so far, since streams through an older one may still live. */
  readonly #clients = new Map<string, Trunkline>();
  /** The last content of the local file; it stays known when the router has ended and removed the file. */
  #known: { readonly endpoint: string; readonly token: string } | undefined;

  private constructor(
    endpoints: readonly string[],
    token: TokenSource | undefined,
    transport: Transport,
    closeTimeoutMs: number,
    isProxyFlag: boolean,
    env: Environment,
    endToEnd: EndToEndOptions | undefined,
    hasCertificate: boolean,
  ) {
    this.#env = env;
    this.#endToEnd = endToEnd;
    this.#isProxyFlag = isProxyFlag;
    this.#closeTimeoutMs = closeTimeoutMs;
    const [endpoint, ...furtherEndpoints] = endpoints;
    this.#givenEndpoint = endpoint;
    this.#furtherEndpoints = furtherEndpoints;
    this.#givenToken = token;
    this.#transport = transport;
    this.resume = transport.resumeTimeoutMs !== undefined;
    this.hasCertificate = hasCertificate;
    this.local = endpoint === undefined || (token === undefined && !this.hasCertificate);
  }

  /**
   * Reads the options and the environment; `context` gets the warnings about the token.
   * @throws CommandError for what is missing, malformed or unreadable, and when no router runs on this machine and none
   * is named
   */
  static async open(
    options: AccessOptions,
    { graceMs, resumeMs, ...keepalive }: ConnectionTimes,
    context: Pick<Context, "env" | "output" | "clock">,
  ): Promise<RouterAccess> {
    const { env } = context;
    const tls = await clientTls(options, context);
    const texts = options.endpoint ?? nonEmpty(env["TRUNKLINE_ENDPOINT"])?.split(",") ?? [];
    const endpoints = texts.map((text) => printEndpoint(text.trim()));
    if (options.proxy !== undefined && options.proxy !== "none") {
      const isSocket = (endpoint: string): boolean => "path" in parseEndpoint(endpoint);
      if (endpoints.length > 0 && endpoints.every(isSocket))
        throw new CommandError(`--proxy does nothing on the way to ${endpoints.join(", ")}`, ExitCode.usage);
    }
    const place = tokenPlace(options.tokenFile, nonEmpty(env["TRUNKLINE_TOKEN"]));
    const token = place && new TokenSource(place, context);
    await token?.token(); // so that an unreadable or malformed token is reported now
    const transport: Transport = {
      ...keepalive,
      ...(resumeMs > 0 && { resumeTimeoutMs: resumeMs }),
      // Without keepalive, no streams are asked for life either.
      ...(keepalive.keepaliveIntervalMs === Number.POSITIVE_INFINITY && { pingIntervalMs: Number.POSITIVE_INFINITY }),
      ...(options.plaintext === true && { plaintext: true }),
      ...(tls !== undefined && { tls }),
      proxy: givenProxy(options, env),
    };
    const isProxyFlag = options.proxy !== undefined;
    const endToEnd = await readEndToEnd(options);
    const hasCertificate = options.tlsCert !== undefined;
    const access = new RouterAccess(endpoints, token, transport, graceMs, isProxyFlag, env, endToEnd, hasCertificate);
    for (const endpoint of endpoints) access.proxy(parseEndpoint(endpoint)); // so that a malformed one is reported now
    if (access.local) await access.#readKnown();
    return access;
  }

  /** True where connections have TLS through the router to the other side. */
  get isEndToEnd(): boolean {
    return this.#endToEnd !== undefined;
  }

  /**
   * Returns the options by which `dial` carries metadata to the other side: within end-to-end TLS where there is such.
   */
  toPeer(metadata: MetadataInit | undefined): Pick<DialOptions, "metadata" | "endToEnd"> {
    return this.#endToEnd === undefined ? { metadata } : { endToEnd: { ...this.#endToEnd, metadata } };
  }

  /** Returns the same for `listen`, whose metadata diallers look for in the list of names, too. */
  toPeers(metadata: MetadataInit): Pick<DialOptions, "metadata" | "endToEnd"> {
    return { metadata, ...this.toPeer(metadata) };
  }

  /** True where the token is read anew for each use, so that one that was refused may be another one by now. */
  get isTokenRenewable(): boolean {
    return this.#givenToken?.isRenewable === true;
  }

  /** Returns the endpoint of the router as far as it is known now. */
  async endpoint(): Promise<string> {
    if (this.#givenEndpoint !== undefined) return this.#givenEndpoint;
    return (await this.#refreshed()).endpoint;
  }

  /** Returns all endpoints that are used, in their order. */
  async endpoints(): Promise<readonly string[]> {
    return [await this.endpoint(), ...this.#furtherEndpoints];
  }

  /** Returns the proxy to a router; undefined where there is none. @throws CommandError for a malformed one */
  proxy(address: SocketAddress): ProxyServer | undefined {
    const given = this.#proxyOf(address);
    if (given === false || "path" in address) return undefined;
    return given === undefined ? usable(() => proxyFromEnvironment(address, this.#env)) : parseProxy(given);
  }

  /** Returns the option `proxy` for a router. A variable does not lead to a router of this machine by a proxy. */
  #proxyOf(address: SocketAddress): string | false | undefined {
    const { proxy } = this.#transport;
    return this.#isProxyFlag || proxy === false || !isLocalAddress(address) ? proxy : undefined;
  }

  /** Returns a client of the router that is there now. It is closed with this object, not by its user. */
  async client(): Promise<Trunkline> {
    const endpoint = await this.endpoint();
    let client = this.#clients.get(endpoint);
    if (client === undefined) {
      const endpoints = this.#furtherEndpoints;
      const proxy = this.#proxyOf(parseEndpoint(endpoint));
      const options = { endpoint, endpoints, ...this.#tokenOption(), backoff, ...this.#transport, proxy };
      client = usable(() => new Trunkline(options));
      this.#clients.set(endpoint, client);
    }
    return client;
  }

  /** Returns the token that is shown to the router now; undefined for a certificate. @throws CommandError */
  async token(): Promise<string | undefined> {
    return this.#showsCertificate ? undefined : this.#token();
  }

  get #showsCertificate(): boolean {
    return this.hasCertificate && this.#givenToken === undefined && !this.local;
  }

  #tokenOption(): Pick<TrunklineOptions, "token"> {
    return this.#showsCertificate ? {} : { token: () => this.#token() };
  }

  /** Closes all clients; what still waits to be sent to a slow reader has the time of `--grace`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#givenToken?.[Symbol.dispose]();
    const closeTimeoutMs = this.#closeTimeoutMs;
    await Promise.all(Array.from(this.#clients.values(), (client) => client.close({ closeTimeoutMs })));
  }

  async #token(): Promise<string> {
    if (this.#givenToken !== undefined) return this.#givenToken.token();
    const { endpoint, token } = await this.#refreshed();
    if (this.#givenEndpoint !== undefined && this.#givenEndpoint !== endpoint) throw noTokenFor(this.#givenEndpoint);
    return token;
  }

  /** Reads the file again; without one, or while its router is dead, its last content counts. */
  async #refreshed(): Promise<{ readonly endpoint: string; readonly token: string }> {
    const found = await localRouter(this.#env).catch(() => undefined);
    if (found?.alive) this.#known = found;
    if (this.#known === undefined) throw noRouterHere();
    return this.#known;
  }

  async #readKnown(): Promise<void> {
    const found = await localRouter(this.#env);
    // A token is shown only to the router that has made it.
    if (this.#givenEndpoint !== undefined && found?.endpoint !== this.#givenEndpoint)
      throw noTokenFor(this.#givenEndpoint);
    if (found === undefined) throw noRouterHere();
    if (!found.alive) {
      const message = `the router of this machine (process ${found.pid}) has ended; start one with: trunkline router`;
      throw new CommandError(message, ExitCode.routerUnavailable);
    }
    this.#known = found;
  }
}

/**
 * Returns the proxy that the option or `TRUNKLINE_PROXY` names; false for `none`.
 * @throws CommandError for a malformed one, and for a password in the option
 */
export function givenProxy({ proxy }: AccessOptions, env: Environment): string | false | undefined {
  const text = proxy ?? nonEmpty(env["TRUNKLINE_PROXY"]);
  if (text === undefined || text === "none") return text && false;
  if (proxy === undefined) usable(() => parseProxy(text, "TRUNKLINE_PROXY"));
  else checkProxy(proxy, "--proxy");
  return text;
}

/** Checks a proxy that others can see. `source` begins the message. @throws CommandError */
export function checkProxy(text: string, source: string): void {
  if (text === "none") return;
  const { credentials } = usable(() => parseProxy(text, source));
  if (credentials === undefined || credentials.password === "") return;
  const seen = source === "--proxy" ? "in the list of processes" : "in the file";
  const message = `a password in ${source} would be seen ${seen}: give the URL by TRUNKLINE_PROXY`;
  throw new CommandError(message, ExitCode.usage);
}

/** Calls `find`. @throws CommandError for what is malformed or contradicts itself */
function usable<Found>(find: () => Found): Found {
  try {
    return find();
  } catch (error) {
    throw new CommandError((error as Error).message, ExitCode.usage, { cause: error });
  }
}

function tokenPlace(file: string | undefined, value: string | undefined): TokenPlace | undefined {
  if (file !== undefined) return { file };
  return value === undefined ? undefined : { variable: "TRUNKLINE_TOKEN", value };
}

/** Returns the text of a variable without white space at its edges; undefined where nothing is left of it. */
export function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text.trim();
}

function noRouterHere(): CommandError {
  return new CommandError(
    "no router runs on this machine; start one with: trunkline router (or name one by --endpoint)",
    ExitCode.routerUnavailable,
  );
}

function noTokenFor(endpoint: string): CommandError {
  return new CommandError(`there is no token for ${endpoint}; give --token-file or TRUNKLINE_TOKEN`, ExitCode.usage);
}
