/** SIGHUP at a router: its files are looked at again at once. */
import type { Context } from "../context.js";

/** A thing that is looked at again. */
export interface Reloadable {
  lookNow(): void;
}

/** Takes SIGHUP from its making on, so that one that comes early ends nothing and is not lost. */
export class Reload implements Disposable {
  readonly #things: Reloadable[] = [];
  readonly #forget: () => void;
  /** True where SIGHUP came before the last thing was added. */
  #asked = false;

  constructor({ output, onHangup }: Pick<Context, "output" | "onHangup">) {
    this.#forget = onHangup(() => {
      this.#asked = true;
      output.note("info", { event: "reload" }, "SIGHUP: certificates, keys and policy are looked at again");
      for (const thing of this.#things) thing.lookNow();
    });
  }

  /** Adds a thing, which is looked at now if SIGHUP came before. */
  add(thing: Reloadable | undefined): void {
    if (thing === undefined) return;
    this.#things.push(thing);
    if (this.#asked) thing.lookNow();
  }

  [Symbol.dispose](): void {
    this.#forget();
  }
}
