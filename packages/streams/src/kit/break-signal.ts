/** The signal by which a carrier reports a break while no call waits on the stream. */
import { type AbortSignalLike, onAbort } from "@trunkline/base";

/** A signal that a carrier fires once, when the stream breaks. */
export class BreakSignal implements AbortSignalLike {
  readonly #listeners: Set<() => void> = new Set();
  #broken: { readonly reason: Error } | undefined;

  get aborted(): boolean {
    return this.#broken !== undefined;
  }

  get reason(): Error | undefined {
    return this.#broken?.reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Fires the signal. Only the first call has an effect. */
  fire(reason: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = { reason };
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

/** Returns a signal that fires with the first of two signals; either may be absent. */
export function eitherSignal(
  one: AbortSignalLike | undefined,
  other: AbortSignalLike | undefined,
): AbortSignalLike | undefined {
  if (one === undefined || other === undefined || one === other) return one ?? other;
  return new EitherSignal(one, other);
}

class EitherSignal implements AbortSignalLike {
  readonly #one: AbortSignalLike;
  readonly #other: AbortSignalLike;
  /** The functions that take each listener off both signals. */
  readonly #removals: Map<() => void, () => void> = new Map();

  constructor(one: AbortSignalLike, other: AbortSignalLike) {
    this.#one = one;
    this.#other = other;
  }

  get aborted(): boolean {
    return this.#one.aborted || this.#other.aborted;
  }

  get reason(): unknown {
    return this.#one.aborted ? this.#one.reason : this.#other.reason;
  }

  addEventListener(type: "abort", listener: () => void): void {
    if (this.#removals.has(listener)) return;
    const once = (): void => {
      this.removeEventListener(type, listener);
      listener();
    };
    const removals = [onAbort(this.#one, once), onAbort(this.#other, once)];
    this.#removals.set(listener, () => {
      for (const remove of removals) remove();
    });
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    this.#removals.get(listener)?.();
    this.#removals.delete(listener);
  }
}
