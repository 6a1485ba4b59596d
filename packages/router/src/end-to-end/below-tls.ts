/** The stream below TLS, as TLS sees it. */
import type { SendOptions } from "@trunkline/streams";
import { WrappedStream } from "@trunkline/streams/kit";

/**
 * A stream that carries TLS. An abort during the handshake does not reach it: the other side is to be told the reason,
 * which is known only later.
 */
export class BelowTls extends WrappedStream<Uint8Array> {
  #released = false;
  #sending = 0;

  /** True while the other side, or the router, has not taken what was sent last. */
  get isHeldUp(): boolean {
    return this.#sending > 0;
  }

  /** Lets aborts through from now on. */
  release(): void {
    this.#released = true;
  }

  override send(chunk: Uint8Array, options?: SendOptions): Promise<void> {
    const sent = super.send(chunk, options);
    const settled = (): void => {
      this.#sending -= 1;
    };
    this.#sending += 1;
    sent.then(settled, settled);
    return sent;
  }

  override abort(reason?: unknown): void {
    if (this.#released) super.abort(reason);
  }
}
