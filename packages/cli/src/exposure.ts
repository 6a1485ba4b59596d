/** Keeping a name exposed: through the loss of the router, its restart, and its move to another port of this machine. */
import type { ListenerState, RouterStream } from "@trunkline/router";
import type { CommandError } from "./command-error.js";
import { pause } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { routerFailure } from "./grpc-failure.js";
import type { RouterAccess } from "./router-access.js";

export interface ExposureOptions {
  readonly signal: AbortSignal;
  onStream(stream: RouterStream): void;
  /** The name is exposed at this endpoint, for the first time or again. */
  onExposed(endpoint: string): void;
  /** The router is gone; it is tried again until it is back. Told once for each loss. */
  onLost(reason: CommandError): void;
  /** Somebody connected, and the stream for that could not be opened. */
  onMissed(error: Error): void;
}

/** Between attempts to begin anew, and looks at where the router is; while a listener lives it reconnects by itself. */
const retryMs = 500;

/** A restarted router listens a moment before its new token is in its file: so often a refusal is not believed. */
const maxRefusals = 6;

/**
 * Exposes the name until the signal aborts.
 * @throws CommandError when that fails at first, or for good later: no right any more, the name taken by another; the signal's reason
 * if it was never exposed
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
  /** Since the name was exposed last. */
  #refusals = 0;

  constructor(name: string, access: RouterAccess, options: ExposureOptions) {
    this.#name = name;
    this.#access = access;
    this.#options = options;
  }

  /** Listens at the router as long as it stays where it is. @throws CommandError when it makes no sense to go on */
  async session(): Promise<void> {
    const { signal } = this.#options;
    const client = await this.#access.client();
    const { endpoint } = client;
    const over = new AbortController();
    const moved = new AbortController();
    try {
      await using listener = await client.listen(this.#name, {
        signal: AbortSignal.any([signal, moved.signal]),
        onState: (state) => this.#onState(state, endpoint, () => void this.#awaitMove(endpoint, moved, over.signal)),
      });
      for await (const stream of listener) this.#options.onStream(stream);
    } catch (error) {
      if (signal.aborted || moved.signal.aborted) return;
      this.#retryOrThrow(error, endpoint);
      await pause(retryMs, signal);
    } finally {
      over.abort();
    }
  }

  #onState(state: ListenerState, endpoint: string, onLost: () => void): void {
    if (state.kind === "listening") {
      if (this.everExposed && !this.#lost) return;
      this.everExposed = true;
      this.#lost = false;
      this.#refusals = 0;
      this.#options.onExposed(endpoint);
    } else if (state.kind === "reconnecting") {
      if (this.#lose(routerFailure(state.cause, { endpoint, name: this.#name }))) onLost();
    } else if (state.kind === "missed") {
      this.#options.onMissed(state.cause);
    }
  }

  /** Looks from time to time whether this machine's router is elsewhere now; until it is, the name is back, or the session is over. */
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

  #retryOrThrow(error: unknown, endpoint: string): void {
    const failure = routerFailure(error, { endpoint, name: this.#name });
    const unbelieved = failure.exitCode === ExitCode.denied && this.#access.local && ++this.#refusals <= maxRefusals;
    if (!this.everExposed || !(unbelieved || failure.exitCode === ExitCode.routerUnavailable)) throw failure;
    this.#lose(failure);
  }

  /** True if that was not known. */
  #lose(reason: CommandError): boolean {
    if (this.#lost) return false;
    this.#lost = true;
    this.#options.onLost(reason);
    return true;
  }
}
