/** Dialling for a connection that waits at the local port: a restart of the router or of the exposer is waited out. */
import { GrpcError, Status } from "@trunkline/grpc";
import type { RouterStream } from "@trunkline/router";
import { pause } from "./context.js";
import { routerFailure } from "./grpc-failure.js";
import type { RouterAccess } from "./router-access.js";

/** A client at the local port takes this for a slow connection; longer, and it is better told. The longest wait of `expose` is 1 s. */
const patienceMs = 3_000;
const retryMs = 200;

/** Who exposes the name joins at once or, as one whose machine sleeps, not in any time that a client would wait. */
const joinMs = 10_000;

/** @throws CommandError when it still fails after three seconds, or at once for what waiting does not mend */
export async function dialPatiently(name: string, access: RouterAccess, signal: AbortSignal): Promise<RouterStream> {
  const giveUpAtMs = performance.now() + patienceMs;
  for (;;) {
    const client = await access.client();
    try {
      return await client.dial(name, { signal, waitMs: joinMs });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!mayMend(error, access) || performance.now() + retryMs > giveUpAtMs)
        throw routerFailure(error, { endpoint: client.endpoint, name });
    }
    await pause(retryMs, signal);
    signal.throwIfAborted();
  }
}

function mayMend(error: unknown, access: RouterAccess): boolean {
  if (!(error instanceof GrpcError)) return false;
  if (error.status === Status.UNAVAILABLE || error.status === Status.NOT_FOUND) return true;
  // A restarted router listens a moment before its new token is in its file.
  return error.status === Status.UNAUTHENTICATED && access.local;
}
