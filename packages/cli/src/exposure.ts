/** Keeps a name exposed: through the loss of the router, its restart, and its move to another port of this machine. */
import type { Clock } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { MetadataInit } from "@trunkline/metadata";
import type { Listener, ListenerState, ResumptionEvent, RouterStream } from "@trunkline/router";
import type { CommandError } from "./command-error.js";
import { maxConnections } from "./connections.js";
import { pause } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { routerFailure } from "./grpc-failure.js";
import type { RouterAccess } from "./router-access.js";

/** Callbacks of `keepExposed`. */
export interface ExposureOptions {
  readonly signal: AbortSignal;
  /** The clock of the waits between attempts. */
  readonly clock: Clock;
  /** The metadata of the name. */
  readonly metadata: MetadataInit;
  /** Returns why the target is not well, as it is known when the name is exposed; undefined where it is. */
  readonly problem?: () => string | undefined;
  /** Called with each listener under the name, so that it can be told of changes of that. */
  onListener?(listener: Listener): void;
  onStream(stream: RouterStream): void;
  onResumption(event: ResumptionEvent): void;
  /** Called when the name is exposed at this endpoint, for the first time or again. */
  onExposed(endpoint: string): void;
  /** Called once for each loss of the router, which is tried again until it is back. */
  onLost(reason: CommandError): void;
  /**
   * Called when the stream of a connection could not be opened. `isLimit`: because a limit was met, here or at the
   * router.
   */
  onMissed(error: Error, isLimit: boolean): void;
}

/**
 * The wait between attempts to begin anew, and between looks for a router that has moved. A listener reconnects by
 * itself.
 */
const retryMs = 500;

/** The wait while the token in a file is refused: it has expired, and its file gets another one sooner or later. */
const renewalMs = 5_000;

/**
 * The number of refusals that are not believed: a restarted router listens a moment before its new token is in its
 * file.
 */
const maxRefusals = 6;

/**
 * Exposes the name until the signal aborts.
 * @throws CommandError when that fails at first, or for good later: the right is lost, or another identity has the
 * name; the signal's reason if the name was never exposed
 */
export async function keepExposed(name: string, access: RouterAccess, options: ExposureOptions): Promise<void> {
  const exposure = new Exposure(name, access, options);
  while (!options.signal.aborted) await exposure.session();
  if (!exposure.everExposed) throw options.signal.reason;
}

class Exposure {
  everExposed = false;
  readonly #name: string;
  readonly #access: RouterAccess;
  readonly #options: ExposureOptions;
  #lost = false;
  /** True once it was told that the token is refused. */
  #refusedToken = false;
  /** The number of refusals since the name was exposed last. */
  #refusals = 0;

  constructor(name: string, access: RouterAccess, options: ExposureOptions) {
    this.#name = name;
    this.#access = access;
    this.#options = options;
  }

  /**
   * Listens at the router as long as it stays where it is. @throws CommandError for a failure that further attempts
   * would only meet again
   */
  async session(): Promise<void> {
    const { signal } = this.#options;
    const client = await this.#access.client();
    const { endpoint } = client;
    const over = new AbortController();
    const moved = new AbortController();
    try {
      await using listener = await client.listen(this.#name, {
        signal: AbortSignal.any([signal, moved.signal]),
        resume: this.#access.resume,
        onResumption: this.#options.onResumption,
        ...this.#access.toPeers(this.#options.metadata),
        problem: this.#options.problem?.(),
        // As many may wait as may be open: a burst of connections is carried, not refused.
        maxWaitingStreams: maxConnections,
        onState: (state) => this.#onState(state, endpoint, () => void this.#awaitMove(endpoint, moved, over.signal)),
      });
      this.#options.onListener?.(listener);
      for await (const stream of listener) this.#options.onStream(stream);
    } catch (error) {
      if (signal.aborted || moved.signal.aborted) return;
      await pause(this.#retryOrThrow(error, endpoint), signal, this.#options.clock);
    } finally {
      over.abort();
    }
  }

  #onState(state: ListenerState, endpoint: string, onLost: () => void): void {
    if (state.kind === "listening") {
      if (this.everExposed && !this.#lost) return;
      this.everExposed = true;
      this.#lost = false;
      this.#refusedToken = false;
      this.#refusals = 0;
      this.#options.onExposed(endpoint);
    } else if (state.kind === "reconnecting") {
      if (this.#lose(routerFailure(state.cause, { endpoint, name: this.#name }))) onLost();
    } else if (state.kind === "missed") {
      const { cause } = state;
      this.#options.onMissed(cause, cause instanceof GrpcError && cause.status === Status.RESOURCE_EXHAUSTED);
    }
  }

  /**
   * Looks from time to time whether this machine's router has moved, until it has, the name is back, or the session is
   * over.
   */
  async #awaitMove(endpoint: string, moved: AbortController, over: AbortSignal): Promise<void> {
    if (!this.#access.local) return;
    while (this.#lost && !over.aborted) {
      const now = await this.#access.endpoint().catch(() => endpoint);
      if (now !== endpoint) {
        moved.abort(new Error(`the router is at ${now} now`));
        return;
      }
      await pause(retryMs, over);
    }
  }

  /** Returns the wait before the next attempt. @throws CommandError where that would fail as this one did */
  #retryOrThrow(error: unknown, endpoint: string): number {
    const failure = routerFailure(error, { endpoint, name: this.#name });
    if (!this.everExposed) throw failure;
    const unbelieved = failure.exitCode === ExitCode.denied && this.#access.local && ++this.#refusals <= maxRefusals;
    const mayBeRenewed = isTokenRefused(error) && this.#access.isTokenRenewable;
    if (!unbelieved && !mayBeRenewed && failure.exitCode !== ExitCode.routerUnavailable) throw failure;
    // The loss of the router was told; that it is back, and refuses the token, is another matter.
    if (mayBeRenewed && !this.#refusedToken) this.#lost = false;
    this.#refusedToken = mayBeRenewed;
    this.#lose(failure);
    return mayBeRenewed ? renewalMs : retryMs;
  }

  /** Reports the loss of the router. Returns false if it was reported before. */
  #lose(reason: CommandError): boolean {
    if (this.#lost) return false;
    this.#lost = true;
    this.#options.onLost(reason);
    return true;
  }
}

function isTokenRefused(error: unknown): boolean {
  return error instanceof GrpcError && error.status === Status.UNAUTHENTICATED;
}
