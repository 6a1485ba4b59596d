/** Dialling for a connection that waits at the local port: a restart of the router or of the exposer is waited out. */
import { monotonicMs } from "@trunkline/base/node";
import { GrpcError, Status } from "@trunkline/grpc";
import type { RouterStream } from "@trunkline/router";
import { pause } from "./context.js";
import { routerFailure } from "./grpc-failure.js";
import type { RouterAccess } from "./router-access.js";

/**
 * The time for a name and a router to come back. A client at the local port takes it for a slow connection, and after more it is better told.
 * The longest wait of `expose` between two attempts is 1 s.
 */
const patienceMs = 3_000;
const retryMs = 200;

/** The time for an exposer to join. A healthy one joins at once; one whose machine sleeps does not in any time that a client would wait. */
const joinMs = 10_000;

/**
 * The time after which the name is dialled a second time beside the first. An exposer that was killed a moment ago is still registered at the
 * router: an offer to it is lost, and the second one goes to its successor.
 */
const secondDialMs = 3_000;

/**
 * Dials the name and waits until the other side has joined: before that no byte of the client is sent, so that another attempt can be made.
 * @throws CommandError when it still fails after that time, or at once for a failure that waiting does not mend
 */
export async function dialPatiently(name: string, access: RouterAccess, signal: AbortSignal): Promise<RouterStream> {
  const giveUpAtMs = monotonicMs() + patienceMs;
  for (;;) {
    const client = await access.client();
    try {
      return await dialTwice(signal, async (attempt, waitMs) => {
        const stream = await client.dial(name, { signal: attempt, waitMs });
        try {
          await stream.joined({ signal: attempt });
          return stream;
        } catch (error) {
          stream.abort(error);
          throw error;
        }
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!mayMend(error, access) || monotonicMs() + retryMs > giveUpAtMs)
        throw routerFailure(error, { endpoint: client.endpoint, name });
    }
    await pause(retryMs, signal);
    signal.throwIfAborted();
  }
}

type Dial = (attempt: AbortSignal, waitMs: number) => Promise<RouterStream>;

/** Dials, and once more beside it if that takes long. The first stream that is joined wins. @throws the error of the first attempt */
async function dialTwice(signal: AbortSignal, dial: Dial): Promise<RouterStream> {
  const decided = new AbortController();
  const attempt = AbortSignal.any([signal, decided.signal]);
  const first = dial(attempt, joinMs);
  let isFirstOver = false;
  const over = (): void => {
    isFirstOver = true;
  };
  const second = Promise.race([first.then(over, over), pause(secondDialMs, attempt)]).then(() =>
    isFirstOver || attempt.aborted ? first : dial(attempt, joinMs - secondDialMs),
  );
  let winner: RouterStream | undefined;
  try {
    winner = await Promise.any([first, second]);
    return winner;
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    decided.abort(new Error("another attempt was joined"));
    // Both may have been joined in the same turn.
    for (const other of [first, second]) other.then((stream) => stream !== winner && stream.abort()).catch(() => {});
  }
}

function mayMend(error: unknown, access: RouterAccess): boolean {
  if (!(error instanceof GrpcError)) return false;
  if (error.status === Status.UNAVAILABLE || error.status === Status.NOT_FOUND) return true;
  // A restarted router listens a moment before its new token is in its file.
  return error.status === Status.UNAUTHENTICATED && access.local;
}
