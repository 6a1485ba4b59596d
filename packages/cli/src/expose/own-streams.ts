/**
 * Streams that an exposer answers by itself, such as those of pings: marked by a key in their metadata, they never
 * reach the target.
 */
import type { RouterStream } from "@trunkline/router";
import { type ObjectStream, streamMetadata } from "@trunkline/streams";

export interface OwnStreamsOptions {
  /** The key of metadata that marks the streams. */
  readonly key: string;
  /** The name of the streams in errors: `"streams of pings"`. */
  readonly what: string;
  /** The streams that are answered at once; one more is refused. */
  readonly most: number;
  /** Answers a stream, up to its end. Where it rejects, the stream is aborted. */
  answer(stream: ObjectStream<Uint8Array>): Promise<void>;
}

/** The streams of one kind that are open. */
export class OwnStreams {
  readonly #options: OwnStreamsOptions;
  #open = 0;

  constructor(options: OwnStreamsOptions) {
    this.#options = options;
  }

  /** Answers a stream of the router until it ends. Returns false where it is not marked. */
  take(stream: RouterStream): boolean {
    if (stream.extra(streamMetadata)?.get(this.#options.key) === undefined) return false;
    this.begin(stream);
    return true;
  }

  /** Answers a stream until it ends. */
  begin(stream: ObjectStream<Uint8Array>): void {
    const { what, most, answer } = this.#options;
    if (this.#open >= most) {
      stream.abort(new Error(`${most} ${what} are open, and no more are taken`));
      return;
    }
    this.#open += 1;
    answer(stream).then(
      () => this.#over(stream, undefined),
      (error: unknown) => this.#over(stream, error),
    );
  }

  #over(stream: ObjectStream<Uint8Array>, error: unknown): void {
    this.#open -= 1;
    if (error === undefined) stream.close().catch(() => {});
    else stream.abort(error);
  }
}
