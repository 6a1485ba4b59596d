/**
 * `trunkline doctor [NAME]`: goes the way to a name hop by hop, and names the first one that fails, with what to do
 * about it.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type tls from "node:tls";
import { type ProxyServer, printProxy, resolvesNames } from "@trunkline/base";
import { dialSocket, dialTls, monotonicMs } from "@trunkline/base/node";
import { GrpcError, Status } from "@trunkline/grpc";
import { endToEndPeer, type ListedName, type RouterStream, type Trunkline } from "@trunkline/router";
import { clientTls } from "../client-tls.js";
import { CommandError, reasonOf } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { formatDuration, printable } from "../format.js";
import { isEndToEndFailure, isUnhealthy, routerFailure } from "../grpc-failure.js";
import { answersPings, pingMetadata } from "../pings.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { isLocalAddress, isWebSocket, parseEndpoint, printAddress, type SocketAddress } from "../target.js";
import { tokenContent, tokenExpiryMs } from "../token-content.js";
import { isUdp } from "../udp/agreement.js";
import { roundTrip } from "./ping.js";

/** The parts of the way, in order. */
export type Hop =
  | "settings"
  | "DNS"
  | "proxy"
  | "TCP"
  | "TLS"
  | "token"
  | "exchange"
  | "rights"
  | "name"
  | "end to end"
  | "listener"
  | "target";

/** The time for each hop. */
const hopTimeoutMs = 10_000;
/**
 * The time in which an exposer says that its target cannot be reached; a target that can be reached may say nothing.
 */
const targetQuietMs = 1_000;
/** A token that expires within this time is worth a word. */
const soonMs = 86_400_000;

const endToEndAdvice =
  "both sides need --identity, and the pin of the other one (--peer-key here, --allow-key there) or the CA that has " +
  "signed it; trunkline cert inspect FILE shows a pin";
const targetAdvice = "start the service, or correct the target of trunkline expose";
const rightsAdvice = "ask who runs the router for the right, which its policy gives";

/** Goes the whole way. @throws CommandError of the hop that fails */
export async function doctor(name: string | undefined, options: AccessOptions, context: Context): Promise<void> {
  if (name !== undefined) checkExposedName(name);
  const examination = new Examination(context);
  await using access = await examination.access(options);
  const { endpoint, failure } = await examination.routers(access, options);
  const client = await access.client();
  const names = await examination.exchange(access, client, endpoint, options);
  if (name !== undefined) await examination.name(name, names, client, access);
  if (failure !== undefined) throw failure;
  if (name === undefined) return;
  context.output.note("debug", { event: "healthy", name, router: endpoint }, "every hop works");
}

class Examination {
  readonly #context: Context;
  /** The proxy to the router that can be reached. */
  #proxy: ProxyServer | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  access(options: AccessOptions): Promise<RouterAccess> {
    const context = this.#context;
    return this.#hop("settings", "name the router by --endpoint, and its token by --token-file", async () => {
      const access = await RouterAccess.open(options, { graceMs: 0, resumeMs: 0 }, context);
      return [access, `the router is ${await access.endpoint()}${access.local ? ", by this machine's file" : ""}`];
    });
  }

  /**
   * Reaches the port of each router. Returns the first that can be reached, and what is wrong with another.
   * @throws CommandError of the first router where none can be reached
   */
  async routers(
    access: RouterAccess,
    options: AccessOptions,
  ): Promise<{ readonly endpoint: string; readonly failure: unknown }> {
    let reached: string | undefined;
    let failure: unknown;
    for (const endpoint of await access.endpoints()) {
      const address = parseEndpoint(endpoint);
      try {
        await this.#router(endpoint, access.proxy(address), options);
        if (reached === undefined) this.#proxy = access.proxy(address);
        reached ??= endpoint;
      } catch (error) {
        this.#context.signal.throwIfAborted();
        failure ??= error;
      }
    }
    if (reached === undefined) throw failure;
    return { endpoint: reached, failure };
  }

  async #router(endpoint: string, proxy: ProxyServer | undefined, options: AccessOptions): Promise<void> {
    const address = parseEndpoint(endpoint);
    const isResolvedHere = proxy === undefined || !resolvesNames(proxy);
    if ("host" in address && isIP(address.host) === 0 && isResolvedHere) await this.#dns(address.host);
    const { signal } = this.#context;
    const advice =
      proxy === undefined
        ? "is the router running there, and does a firewall let you through?"
        : "is the proxy right (--proxy, TRUNKLINE_PROXY, https_proxy and the like)? --proxy none goes without";
    await this.#hop(proxy === undefined ? "TCP" : "proxy", advice, async () => {
      const startMs = monotonicMs();
      const socket = await dialSocket(address, { proxy, signal, connectTimeoutMs: hopTimeoutMs });
      socket.destroy();
      const after = `after ${formatDuration(monotonicMs() - startMs)}`;
      const detail =
        proxy === undefined
          ? `${printAddress(address)} accepts connections, ${after}`
          : `${printProxy(proxy)} connects to ${printAddress(address)}, ${after}`;
      return [undefined, detail];
    });
    if (speaksTls(endpoint, options)) await this.#tls(endpoint, proxy, options);
  }

  #dns(host: string): Promise<void> {
    return this.#hop("DNS", "is the name right, and does this machine have a name server?", async () => {
      const found = await lookup(host, { all: true });
      return [undefined, `${host} is ${found.map(({ address }) => address).join(", ")}`];
    });
  }

  #tls(endpoint: string, proxy: ProxyServer | undefined, options: AccessOptions): Promise<void> {
    const { signal } = this.#context;
    const advice = "--tls-ca FILE trusts a certificate of your own; --plaintext is for a router without TLS";
    return this.#hop("TLS", advice, async () => {
      const secure: tls.ConnectionOptions = {
        ALPNProtocols: [isWebSocket(endpoint) ? "http/1.1" : "h2"],
        ...(await (
          await clientTls(options, this.#context)
        )?.()),
      };
      const socket = await dialTls(parseEndpoint(endpoint), secure, { proxy, signal, connectTimeoutMs: hopTimeoutMs });
      const { subject, valid_to: until } = socket.getPeerCertificate();
      socket.destroy();
      const days = Math.floor((Date.parse(until) - Date.now()) / 86_400_000);
      return [
        undefined,
        `the certificate of ${printable(String(subject.CN ?? "the router"))} is good for ${days} days`,
      ];
    });
  }

  /** Looks at the token, and returns the names at the exchange, whose answer tells which of the two fails. */
  async exchange(
    access: RouterAccess,
    client: Trunkline,
    endpointInUse: string,
    options: AccessOptions,
  ): Promise<readonly ListedName[]> {
    const { signal } = this.#context;
    const { endpoint } = client;
    const answer = await this.#hop(
      "token",
      "make a new one where the router's key is: trunkline token mint IDENTITY",
      async () => {
        const token = await access.token();
        if (token !== undefined && tokenContent(token) === undefined)
          throw new CommandError("what was given is no token: a token is a signed JWT", ExitCode.denied);
        const listed = await outcome(client.list({ signal }));
        const detail = token === undefined ? "there is none; a certificate is shown" : tokenDetail(token);
        if (statusOf(listed.error) === Status.UNAUTHENTICATED) throw routerFailure(listed.error, { endpoint });
        return [listed, detail];
      },
    );
    if (statusOf(answer.error) === Status.PERMISSION_DENIED)
      await this.#hop("rights", rightsAdvice, () => Promise.reject(routerFailure(answer.error, { endpoint })));
    if (answer.value === undefined && !speaksTls(endpointInUse, options))
      await this.#unexpectedTls(parseEndpoint(endpointInUse));
    return this.#hop("exchange", "is trunkline router what runs there, and not another program?", async () => {
      const names = answer.value;
      if (names === undefined) throw routerFailure(answer.error, { endpoint });
      return [names, `it answers, and has ${names.length} ${names.length === 1 ? "name" : "names"}`];
    });
  }

  /** Looks whether a router that gives no answer without TLS gives one with it. @throws CommandError where it does */
  async #unexpectedTls(address: SocketAddress): Promise<void> {
    const { signal } = this.#context;
    const secure: tls.ConnectionOptions = { ALPNProtocols: ["h2"], rejectUnauthorized: false };
    try {
      const limits = { proxy: this.#proxy, signal, connectTimeoutMs: hopTimeoutMs };
      (await dialTls(address, secure, limits)).destroy();
    } catch {
      return;
    }
    const message = "the router speaks TLS, and this command speaks to it without";
    await this.#hop("TLS", "give its certificate, or the CA that has signed it, by --tls-ca FILE", () =>
      Promise.reject(new CommandError(message, ExitCode.routerUnavailable)),
    );
  }

  /** Looks for the right to the name, the name, the answer of its exposer, and the answer of its target. */
  async name(name: string, names: readonly ListedName[], client: Trunkline, access: RouterAccess): Promise<void> {
    const { signal } = this.#context;
    const { endpoint } = client;
    const dialled = await this.#hop("rights", rightsAdvice, async () => {
      const attempt = await outcome(
        client.dial(name, { ...access.toPeer(pingMetadata), waitMs: hopTimeoutMs, signal }),
      );
      if (statusOf(attempt.error) === Status.PERMISSION_DENIED) throw routerFailure(attempt.error, { endpoint, name });
      return [attempt, `the router lets you dial ${JSON.stringify(name)}`];
    });
    try {
      const listed = await this.#hop("name", `begin with: trunkline expose ${name} TARGET`, async () => {
        const found = names.find((each) => each.name === name);
        if (found === undefined)
          throw new CommandError(`${JSON.stringify(name)} is not exposed at ${endpoint}`, ExitCode.unknownName);
        return [found, `it is exposed for ${formatDuration(Math.max(0, Date.now() - found.since.getTime()))}`];
      });
      if (access.isEndToEnd && (dialled.value !== undefined || isEndToEndFailure(dialled.error)))
        await this.#endToEnd(dialled);
      await this.#hop("listener", "look at the machine of the listener: is it awake and connected?", async () => {
        const patience = AbortSignal.any([signal, AbortSignal.timeout(hopTimeoutMs)]);
        if (!answersPings(listed))
          return [undefined, `${await this.#firstAnswer(name, client, access)}; it is no trunkline expose`];
        const answer = inTime(name, client, patience, async () => {
          const stream = dialled.value;
          if (stream === undefined) throw dialled.error;
          await joined(stream, patience);
          return roundTrip(stream, 1, patience);
        });
        return [undefined, `it answers after ${(await answer).toFixed(2)} ms`];
      });
      if (!answersPings(listed) || isUdp(listed.metadata)) return; // A target of UDP says nothing unasked.
    } finally {
      dialled.value?.abort();
    }
    await this.#hop("target", targetAdvice, async () => [undefined, await this.#firstAnswer(name, client, access)]);
  }

  /** Tells who the other side of end-to-end TLS is, or why there is none. */
  #endToEnd({ value, error }: { readonly value?: RouterStream; readonly error?: unknown }): Promise<void> {
    return this.#hop("end to end", endToEndAdvice, async () => {
      if (value === undefined) throw new CommandError(reasonOf(error), ExitCode.denied, { cause: error });
      return [undefined, `both sides trust each other; the key of the other one is ${value.extra(endToEndPeer)?.pin}`];
    });
  }

  /** Opens one connection, as `connect` would, and returns what comes back first. @throws CommandError if it breaks */
  async #firstAnswer(name: string, client: Trunkline, access: RouterAccess): Promise<string> {
    const { signal } = this.#context;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(hopTimeoutMs)]);
    const stream = await inTime(name, client, patience, async () => {
      const dialled = await client.dial(name, { ...access.toPeer(undefined), signal: patience, waitMs: hopTimeoutMs });
      await joined(dialled, patience);
      return dialled;
    });
    try {
      const answer = await stream.receive({ signal: AbortSignal.timeout(targetQuietMs) });
      return answer === undefined ? "it has ended the connection at once" : "it speaks first, and did";
    } catch (error) {
      if ((error as { readonly name?: unknown }).name === "TimeoutError")
        return "it accepts connections, and waits for the client to speak";
      throw new CommandError(reasonOf(error), ExitCode.targetUnavailable, { cause: error });
    } finally {
      // An end, as a client that has changed its mind sends it: an abort would be a broken connection in two logs.
      await stream.close({ closeTimeoutMs: targetQuietMs }).catch(() => {});
    }
  }

  /** Does the work of one hop and reports it. @throws CommandError that names the hop */
  async #hop<T>(tried: Hop, triedAdvice: string, work: () => Promise<readonly [T, string]>): Promise<T> {
    const { output, signal } = this.#context;
    try {
      const [value, detail] = await work();
      output.result({ event: "hop", hop: tried, ok: true, detail }, `${tried.padEnd(10)}  ok: ${detail}`);
      return value;
    } catch (error) {
      signal.throwIfAborted();
      const reason = error instanceof CommandError ? error.problem : reasonOf(error);
      // An exposer that wants end-to-end TLS says so only on a stream that was meant for something else.
      const isSealed = error instanceof CommandError && isEndToEndFailure(error.cause);
      const isTarget = error instanceof CommandError && isUnhealthy(error.cause);
      const [hop, advice] = isSealed
        ? (["end to end", endToEndAdvice] as const)
        : isTarget
          ? (["target", targetAdvice] as const)
          : ([tried, (error instanceof CommandError && error.advice) || triedAdvice] as const);
      output.result({ event: "hop", hop, ok: false, detail: reason, advice }, `${hop.padEnd(10)}  FAILS: ${reason}`);
      const own = error instanceof CommandError ? error.exitCode : ExitCode.routerUnavailable;
      const exitCode = isSealed ? ExitCode.denied : own;
      throw new CommandError(`${hop} fails: ${reason}; ${advice}`, exitCode, { cause: error });
    }
  }
}

/** Returns what a promise resolves to, or the error with which it rejects. */
function outcome<T>(promise: Promise<T>): Promise<{ readonly value?: T; readonly error?: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** Returns true where connections to the address are made with TLS. */
function speaksTls(endpoint: string, { tlsCa, tlsCert, plaintext }: AccessOptions): boolean {
  if (isWebSocket(endpoint)) return endpoint.startsWith("wss:");
  const address = parseEndpoint(endpoint);
  return tlsCa !== undefined || tlsCert !== undefined || (plaintext !== true && !isLocalAddress(address));
}

/** Does what needs the listener, which a listener that sleeps holds up. @throws CommandError */
async function inTime<T>(name: string, client: Trunkline, patience: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!patience.aborted && statusOf(error) !== Status.DEADLINE_EXCEEDED)
      throw routerFailure(error, { endpoint: client.endpoint, name });
    const message = `it took no stream within ${formatDuration(hopTimeoutMs)}`;
    throw new CommandError(message, ExitCode.targetUnavailable, { cause: error });
  }
}

/** Waits for the listener to join. @throws CommandError where it refuses the stream, and what a wait in vain throws */
function joined(stream: RouterStream, patience: AbortSignal): Promise<void> {
  return stream.joined({ signal: patience }).catch((error: unknown) => {
    if (patience.aborted || statusOf(error) === Status.DEADLINE_EXCEEDED) throw error;
    throw new CommandError(reasonOf(error), ExitCode.targetUnavailable, { cause: error });
  });
}

function statusOf(error: unknown): Status | undefined {
  return error instanceof GrpcError ? error.status : undefined;
}

/** Returns what can be read in a token that the router has not refused: its clock is the one that counts. */
function tokenDetail(token: string): string {
  const expiryMs = tokenExpiryMs(token);
  if (expiryMs === undefined) return "there is one; when it expires cannot be read";
  const leftMs = expiryMs - Date.now();
  if (leftMs <= 0)
    return `by the clock of this machine it expired ${formatDuration(-leftMs)} ago: is that clock right?`;
  return `it is good for ${formatDuration(leftMs)}${leftMs < soonMs ? ": renew it soon" : ""}`;
}
