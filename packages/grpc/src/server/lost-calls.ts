/**
 * Tells calls that their connection is lost, some in each turn of the event loop. One connection may have 16,384 calls,
 * whose signals and handlers are a second of work together; the calls of other connections have their turn meanwhile.
 */
import { Fifo } from "@trunkline/base";
import { setImmediate } from "#platform";
import type { GrpcError } from "../wire/errors.js";

/** The calls that are told in one turn, of all connections of the process: some milliseconds of work. */
const callsPerTurn = 64;

/** A call whose stream has ended with its connection. */
export interface LostCall {
  onLost(error: GrpcError): void;
}

interface Loss {
  readonly call: LostCall;
  readonly error: GrpcError;
}

const waiting: Fifo<Loss> = new Fifo();
let left = callsPerTurn;
let appointed = false;

/** Tells a call that its connection is lost: at once, unless many were told in this turn. */
export function tellLost(call: LostCall, error: GrpcError): void {
  const isFirst = left > 0 && waiting.size === 0;
  if (!isFirst) waiting.push({ call, error });
  if (!appointed) {
    appointed = true;
    setImmediate(nextTurn);
  }
  if (!isFirst) return;
  left -= 1;
  call.onLost(error);
}

function nextTurn(): void {
  left = callsPerTurn;
  appointed = waiting.size > 0;
  if (appointed) setImmediate(nextTurn);
  for (; left > 0 && waiting.size > 0; left--) {
    const { call, error } = waiting.shift() as Loss;
    try {
      call.onLost(error);
    } catch {
      // A hook's own failure, which must not keep the other calls from being told: the connection is over already.
    }
  }
}
