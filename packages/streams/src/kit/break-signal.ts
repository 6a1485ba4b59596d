/** How a carrier tells that it broke, to whoever is busy with something else at that moment. */
import type { AbortSignalLike } from "@trunkline/base";

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

  /** The first call counts. */
  fire(reason: Error): void {
    if (this.#broken !== undefined) return;
    this.#broken = { reason };
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }
}

/** Fires with the first of two signals; either may be missing. */
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
  readonly #wrapped: Map<() => void, () => void> = new Map();

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
    if (this.#wrapped.has(listener)) return;
    const once = (): void => {
      this.removeEventListener(type, listener);
      listener();
    };
    this.#wrapped.set(listener, once);
    this.#one.addEventListener(type, once);
    this.#other.addEventListener(type, once);
  }

  removeEventListener(type: "abort", listener: () => void): void {
    const once = this.#wrapped.get(listener);
    if (once === undefined) return;
    this.#wrapped.delete(listener);
    this.#one.removeEventListener(type, once);
    this.#other.removeEventListener(type, once);
  }
}
