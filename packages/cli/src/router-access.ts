/**
 * The way of `expose` and `connect` to the router: by options and environment, else by the file that a router on this
 * machine leaves. That file is read again each time, since a router that was restarted has another token, and maybe
 * another port.
 */
import { Trunkline, type TrunklineOptions } from "@trunkline/router";
import { CommandError } from "./command-error.js";
import type { Environment } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { localRouter } from "./local-router.js";
import { readSecretFile, readSmallFile } from "./secret-file.js";
import { parseEndpoint, printAddress } from "./target.js";

/** Options of commands that use a router. */
export interface AccessOptions {
  /** The endpoints, of which the first that answers is used. */
  readonly endpoint?: readonly string[] | undefined;
  readonly tokenFile?: string | undefined;
  /** A file with certificates in PEM. It asks for TLS, trusting these. */
  readonly tlsCa?: string | undefined;
  readonly plaintext?: boolean | undefined;
}

type Transport = Pick<TrunklineOptions, "tls" | "plaintext" | "pingIntervalMs" | "resumeTimeoutMs"> & Keepalive;

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
  /** True where streams are to survive the loss of the router. */
  readonly resume: boolean;
  readonly #givenEndpoint: string | undefined;
  /** The endpoints that are used where that one cannot be reached. */
  readonly #furtherEndpoints: readonly string[];
  readonly #givenToken: (() => Promise<string>) | undefined;
  readonly #transport: Transport;
  readonly #closeTimeoutMs: number;
  readonly #env: Environment;
  /** One client for each endpoint so far, since streams through an older one may still live. */
  readonly #clients = new Map<string, Trunkline>();
  /** The last content of the local file; it stays known when the router has ended and removed the file. */
  #known: { readonly endpoint: string; readonly token: string } | undefined;

  private constructor(
    endpoints: readonly string[],
    token: (() => Promise<string>) | undefined,
    transport: Transport,
    closeTimeoutMs: number,
    env: Environment,
  ) {
    this.#env = env;
    this.#closeTimeoutMs = closeTimeoutMs;
    const [endpoint, ...furtherEndpoints] = endpoints;
    this.#givenEndpoint = endpoint;
    this.#furtherEndpoints = furtherEndpoints;
    this.#givenToken = token;
    this.#transport = transport;
    this.resume = transport.resumeTimeoutMs !== undefined;
    this.local = endpoint === undefined || token === undefined;
  }

  /**
   * Reads the options and the environment.
   * @throws CommandError for what is missing, malformed or unreadable, and when no router runs on this machine and none
   * is named
   */
  static async open(
    options: AccessOptions,
    { graceMs, resumeMs, ...keepalive }: ConnectionTimes,
    env: Environment,
  ): Promise<RouterAccess> {
    if (options.tlsCa !== undefined && options.plaintext === true) {
      throw new CommandError("--tls-ca and --plaintext exclude each other", ExitCode.usage);
    }
    const texts = options.endpoint ?? nonEmpty(env["TRUNKLINE_ENDPOINT"])?.split(",") ?? [];
    const endpoints = texts.map((text) => printAddress(parseEndpoint(text.trim())));
    const token = givenToken(options.tokenFile, nonEmpty(env["TRUNKLINE_TOKEN"]));
    await token?.(); // so that an unreadable or malformed token is reported now
    const transport: Transport = {
      ...keepalive,
      ...(resumeMs > 0 && { resumeTimeoutMs: resumeMs }),
      // Without keepalive, no streams are asked for life either.
      ...(keepalive.keepaliveIntervalMs === Number.POSITIVE_INFINITY && { pingIntervalMs: Number.POSITIVE_INFINITY }),
      ...(options.plaintext === true && { plaintext: true }),
      ...(options.tlsCa !== undefined && { tls: { ca: await readCertificates(options.tlsCa) } }),
    };
    const access = new RouterAccess(endpoints, token, transport, graceMs, env);
    if (access.local) await access.#readKnown();
    return access;
  }

  /** Returns the endpoint of the router as far as it is known now. */
  async endpoint(): Promise<string> {
    if (this.#givenEndpoint !== undefined) return this.#givenEndpoint;
    return (await this.#refreshed()).endpoint;
  }

  /** Returns a client of the router that is there now. It is closed with this object, not by its user. */
  async client(): Promise<Trunkline> {
    const endpoint = await this.endpoint();
    let client = this.#clients.get(endpoint);
    if (client === undefined) {
      const endpoints = this.#furtherEndpoints;
      client = new Trunkline({ endpoint, endpoints, token: () => this.#token(), backoff, ...this.#transport });
      this.#clients.set(endpoint, client);
    }
    return client;
  }

  /** Returns the token that is shown to the router now. @throws CommandError */
  token(): Promise<string> {
    return this.#token();
  }

  /** Closes all clients; what still waits to be sent to a slow reader has the time of `--grace`. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closeTimeoutMs = this.#closeTimeoutMs;
    await Promise.all(Array.from(this.#clients.values(), (client) => client.close({ closeTimeoutMs })));
  }

  async #token(): Promise<string> {
    if (this.#givenToken !== undefined) return this.#givenToken();
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

/** Reads certificates in PEM. @throws CommandError */
export async function readCertificates(path: string): Promise<Buffer> {
  const ca = await readSmallFile(path, "the certificates in");
  // Node ignores text that is no certificate, and would then trust no certificate, without an error.
  if (!ca.includes("-----BEGIN CERTIFICATE-----"))
    throw new CommandError(`${path} holds no certificate in PEM`, ExitCode.unreadable);
  return ca;
}

function givenToken(file: string | undefined, value: string | undefined): (() => Promise<string>) | undefined {
  if (file !== undefined) return tokenInFile(file);
  if (value === undefined) return undefined;
  return async () => checkToken(value, "TRUNKLINE_TOKEN", ExitCode.usage);
}

/** Reads the file anew for each use, since it may be renewed; a pipe can be read only once, and its token stays. */
function tokenInFile(file: string): () => Promise<string> {
  let last: string | undefined;
  return async () => {
    try {
      last = checkToken(await readSecretFile(file, "the token file"), `the token file ${file}`, ExitCode.unreadable);
    } catch (error) {
      if (last === undefined) throw error;
    }
    return last;
  };
}

/** Refuses text that cannot be in a header, without showing it. */
function checkToken(token: string, where: string, exitCode: ExitCode): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(
    `${where} holds no token: there are spaces, line breaks or other characters in it that tokens do not have`,
    exitCode,
  );
}

function nonEmpty(text: string | undefined): string | undefined {
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
