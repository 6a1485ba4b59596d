/** Keeping a name exposed: through the loss of the router, its restart, and its move to another port of this machine. */
import type { RouterStream } from "@trunkline/router";
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
}

/** Between attempts to begin anew; while a listener lives it has its own. */
const retryMs = 500;

/** A restarted router listens a moment before its new token is in its file: so often a refusal is not believed. */
const maxRefusals = 6;

/**
 * Exposes the name until the signal aborts.
 * @throws CommandError when that fails at first, or for good later: no right any more, the name taken by another; the signal's reason
 * if it was never exposed
 */
export async function keepExposed(name: string, access: RouterAccess, options: ExposureOptions): Promise<void> {
  const { signal } = options;
  let everExposed = false;
  let lost = false;
  let refusals = 0;
  const lose = (error: unknown, endpoint: string): void => {
    if (!lost) options.onLost(routerFailure(error, { endpoint, name }));
    lost = true;
  };
  while (!signal.aborted) {
    const client = await access.client();
    const { endpoint } = client;
    const moved = new AbortController();
    const exposed = (): void => {
      if (everExposed && !lost) return;
      everExposed = true;
      lost = false;
      refusals = 0;
      options.onExposed(endpoint);
    };
    try {
      await using listener = await client.listen(name, {
        signal: AbortSignal.any([signal, moved.signal]),
        onState(state) {
          if (!everExposed) return; // the first time it is `listen` that tells
          if (state.kind === "listening") exposed();
          if (state.kind !== "reconnecting") return;
          lose(state.cause, endpoint);
          access.endpoint().then(
            (now) => now !== endpoint && moved.abort(new Error(`the router is at ${now} now`)),
            () => {},
          );
        },
      });
      exposed();
      for await (const stream of listener) options.onStream(stream);
    } catch (error) {
      if (signal.aborted) break;
      if (!moved.signal.aborted) {
        const failure = routerFailure(error, { endpoint, name });
        const unbelieved = failure.exitCode === ExitCode.denied && access.local && ++refusals <= maxRefusals;
        if (!everExposed || !(unbelieved || failure.exitCode === ExitCode.routerUnavailable)) throw failure;
        lose(error, endpoint);
        await pause(retryMs, signal);
      }
    }
  }
  if (!everExposed) throw signal.reason;
}
