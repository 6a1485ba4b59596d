/** The reporting of a router: its counts, and its events as they are told to its user. */
import { callObserver } from "@trunkline/base";
import type { GrpcError, ServerCall } from "@trunkline/grpc";
import { type MutableStats, newStats, type RouterEvent } from "./events.js";
import { RefusalReports, type RefusalReportsOptions } from "./refusal-reports.js";

/** The reporting that the services of a router share. */
export class Reporter {
  readonly stats: MutableStats = newStats();
  readonly #onEvent: ((event: RouterEvent) => unknown) | undefined;
  readonly #refusals: RefusalReports;

  constructor(onEvent: ((event: RouterEvent) => unknown) | undefined, options: RefusalReportsOptions) {
    this.#onEvent = onEvent;
    this.#refusals = new RefusalReports(options, (event) => this.tell(event));
  }

  /** Counts a call that ends before it has begun, and reports it unless many like it were reported lately. */
  refused(call: ServerCall<{}, {}>, { status, message }: GrpcError): void {
    this.stats.refusals += 1;
    this.#refusals.add({ kind: "refused", method: call.path, peer: call.peer.address, status, message });
  }

  /** Reports an event. An `onEvent` that throws must not end a stream, so its error is dropped. */
  tell(event: RouterEvent): void {
    // Where the log itself has failed, there is no place left to report that.
    callObserver(() => this.#onEvent?.(event));
  }

  /** Reports the refusals that were only counted so far, and waits for no more. */
  close(): void {
    this.#refusals.close();
  }
}
