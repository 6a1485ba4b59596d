/**
 * The hooks of one attempt of a call, as the call uses them. Calls without such hooks have none of this. These hooks
 * observe: what one of them throws is reported, and affects neither the call nor the other hooks.
 */
import { callObserver } from "@trunkline/base";
import type { CallerContext } from "./context.js";
import type { AttemptEnd, AttemptHooks, AttemptMessage } from "./interceptor.js";

export class AttemptChain {
  readonly #hooks: readonly AttemptHooks[];
  readonly #context: CallerContext;
  readonly #report: (error: unknown) => void;

  /** @param report gets what hooks throw */
  constructor(hooks: readonly AttemptHooks[], context: CallerContext, report: (error: unknown) => void) {
    this.#hooks = hooks;
    this.#context = context;
    this.#report = report;
  }

  /** Calls `onStream`. */
  stream(waited: boolean): void {
    this.#tell((hooks) => hooks.onStream?.(waited));
  }

  /** Calls `onMessageSent`. */
  messageSent(message: AttemptMessage): void {
    this.#tell((hooks) => hooks.onMessageSent?.(message));
  }

  /** Calls `onMessageReceived`. */
  messageReceived(message: AttemptMessage): void {
    this.#tell((hooks) => hooks.onMessageReceived?.(message));
  }

  /** Calls `onEnd`. */
  end(end: AttemptEnd): void {
    this.#tell((hooks) => hooks.onEnd?.(end));
  }

  #tell(each: (hooks: AttemptHooks) => unknown): void {
    this.#context.run(() => {
      for (const hooks of this.#hooks) {
        callObserver(() => each(hooks), this.#report);
      }
    });
  }
}
