/**
 * The milestones that steps of a call wait for: a stream, headers, the end. Each is made only when a step has to wait.
 */

import { type Deferred, deferred } from "@trunkline/base";
import { Metadata } from "@trunkline/metadata";

export class Milestones {
  #started: Deferred<void> | undefined = undefined;
  #headers: Deferred<Metadata> | undefined = undefined;
  #end: Deferred<void> | undefined = undefined;

  /** True once a step has asked for the end. */
  get waits(): boolean {
    return this.#end !== undefined;
  }

  started(): Promise<void> {
    this.#started ??= deferred(true);
    return this.#started.promise;
  }

  headers(): Promise<Metadata> {
    this.#headers ??= deferred(true);
    return this.#headers.promise;
  }

  end(): Promise<void> {
    this.#end ??= deferred(true);
    return this.#end.promise;
  }

  onStarted(): void {
    this.#started?.resolve();
  }

  onHeaders(metadata: Metadata): void {
    this.#headers?.resolve(metadata);
  }

  /** Settles all milestones that have not come and will not come any more. */
  onEnd(error: Error | undefined): void {
    if (error === undefined) {
      this.#started?.resolve();
      this.#headers?.resolve(Metadata.empty);
      this.#end?.resolve();
    } else {
      this.#started?.reject(error);
      this.#headers?.reject(error);
      this.#end?.reject(error);
    }
  }
}
