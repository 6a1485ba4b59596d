/**
 * Dials for a connection that waits at the local port, and waits out a restart of the router or of the exposer.
 */
import { monotonicMs } from "@trunkline/base/node";
import { GrpcError, Status } from "@trunkline/grpc";
import type { MetadataInit } from "@trunkline/metadata";
import type { DialOptions, ListedName, ResumptionEvent, RouterStream } from "@trunkline/router";
import { pause } from "./context.js";
import { isEndToEndFailure, routerFailure, unknownName } from "./grpc-failure.js";
import type { RouterAccess } from "./router-access.js";

/** The wait between two attempts. */
const retryMs = 200;

/** The time for an exposer to join. A healthy one joins at once; one whose machine sleeps may not for hours. */
const joinMs = 10_000;

/**
 * The time after which the name is dialled a second time beside the first. An exposer that was killed a moment ago is
 * still registered at the router: an offer to it is lost, and the second one goes to its successor.
 */
const secondDialMs = 3_000;

/** Looks for a name at the router. @throws CommandError where it is not exposed, or the router cannot be asked */
export async function findName(name: string, access: RouterAccess, signal: AbortSignal): Promise<ListedName> {
  const client = await access.client();
  const { endpoint } = client;
  try {
    const listed = (await client.list({ signal })).find((each) => each.name === name);
    if (listed !== undefined) return listed;
  } catch (error) {
    throw signal.aborted ? signal.reason : routerFailure(error, { endpoint, name });
  }
  throw unknownName(name, endpoint);
}

/** Dials a name, and waits until its exposer has joined. @throws CommandError */
export async function dialJoined(
  name: string,
  access: RouterAccess,
  options: DialOptions & { readonly signal: AbortSignal },
): Promise<RouterStream> {
  const { signal } = options;
  const client = await access.client();
  try {
    const stream = await client.dial(name, options);
    await stream.joined({ signal });
    return stream;
  } catch (error) {
    throw signal.aborted ? signal.reason : routerFailure(error, { endpoint: client.endpoint, name });
  }
}

/** Dials once: resolves when the other side has joined. */
type Dial = (signal: AbortSignal, waitMs: number) => Promise<RouterStream>;

export interface DiallingOptions {
  /** The time for a name or a router to come back. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly onResumption?: (event: ResumptionEvent) => void;
  /** The metadata of the stream for the exposer. */
  readonly metadata?: MetadataInit;
  /** False for a stream that breaks with its way: datagrams that are late are worth nothing. */
  readonly resume?: boolean;
}

/**
 * Dials the name and waits until the other side has joined: before that no byte of the client is sent, so that another
 * attempt can be made. A client at the local port takes the wait for a slow connection.
 * @throws CommandError when it still fails after that time, or at once for a failure that waiting does not mend
 */
export async function dialPatiently(
  name: string,
  access: RouterAccess,
  { waitMs, signal, onResumption, metadata, resume = true }: DiallingOptions,
): Promise<RouterStream> {
  const giveUpAtMs = monotonicMs() + waitMs;
  for (;;) {
    const client = await access.client();
    const dial: Dial = async (attempt, joinWithinMs) => {
      const stream = await client.dial(name, {
        signal: attempt,
        waitMs: joinWithinMs,
        resume: resume && access.resume,
        onResumption,
        ...access.toPeer(metadata),
      });
      try {
        await stream.joined({ signal: attempt });
        return stream;
      } catch (error) {
        stream.abort(error);
        throw error;
      }
    };
    try {
      return await dialTwice(dial, signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (!mayPass(error, access) || monotonicMs() + retryMs > giveUpAtMs)
        throw routerFailure(error, { endpoint: client.endpoint, name });
    }
    await pause(retryMs, signal);
    signal.throwIfAborted();
  }
}

/**
 * Dials, and once more beside it if that takes long. The first stream that is joined wins.
 * @throws the error of the first attempt; NOT_FOUND of the second one, since without a listener the first offer is lost
 */
async function dialTwice(dial: Dial, signal: AbortSignal): Promise<RouterStream> {
  const decided = new AbortController();
  const attempt = AbortSignal.any([signal, decided.signal]);
  let isFirstOver = false;
  const over = (): void => {
    isFirstOver = true;
  };
  const first = dial(attempt, joinMs);
  const second = Promise.race([first.then(over, over), pause(secondDialMs, attempt)]).then(() =>
    isFirstOver || attempt.aborted ? first : dial(attempt, joinMs - secondDialMs),
  );
  let winner: RouterStream | undefined;
  try {
    winner = await new Promise<RouterStream>((resolve, reject) => {
      first.then(resolve, (error: unknown) => second.then(resolve, () => reject(error)));
      second.then(resolve, (error: unknown) => hasStatus(error, Status.NOT_FOUND) && reject(error));
    });
    return winner;
  } finally {
    decided.abort(new Error("another attempt has decided"));
    // Both may have been joined in the same turn.
    for (const other of [first, second]) other.then((stream) => stream !== winner && stream.abort()).catch(() => {});
  }
}

/** The statuses of a router or an exposer that may come back, or that has more to do than it takes at once. */
const passing: readonly Status[] = [
  Status.UNAVAILABLE,
  Status.NOT_FOUND,
  Status.DEADLINE_EXCEEDED,
  Status.RESOURCE_EXHAUSTED,
];

/** Returns true for a failure that another attempt may not meet. */
function mayPass(error: unknown, access: RouterAccess): boolean {
  if (isEndToEndFailure(error)) return hasStatus(error, Status.DEADLINE_EXCEEDED);
  if (hasStatus(error, ...passing)) return true;
  // A restarted router listens a moment before its new token is in its file.
  return hasStatus(error, Status.UNAUTHENTICATED) && access.local;
}

function hasStatus(error: unknown, ...statuses: readonly Status[]): boolean {
  return error instanceof GrpcError && statuses.includes(error.status);
}
