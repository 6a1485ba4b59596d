/** One forward of a profile: turned on and off, opened again after a failure, and told of with its state. */
import type { ListedName } from "@trunkline/router";
import { reasonOf } from "../command-error.js";
import { pause } from "../context.js";
import { type Forward, printForward } from "../forward/forward-grammar.js";
import type { ForwardParts, OpenForward } from "../forward/local-forward.js";
import { openForward } from "../forward/open-forward.js";
import { takesReverse } from "../forward/reverse-wire.js";
import { printTarget } from "../target.js";
import { isUdp, protocolProblem } from "../udp/agreement.js";

/** The states of a forward. */
export type ForwardState =
  | "off"
  /** The forward is being opened. */
  | "starting"
  /** Connections go through. */
  | "ready"
  /** The forward is open, and its name, its exposer or the router is not there. */
  | "waiting"
  /** The forward cannot be opened; this is tried again from time to time. */
  | "failed";

/** The state of one forward, for people and programs. */
export interface ForwardStatus {
  readonly forward: string;
  readonly name: string;
  readonly state: ForwardState;
  /** The bound address; of a reverse forward, that at the exposer. */
  readonly address?: string;
  /** The reason for which it is not ready. */
  readonly error?: string;
}

/** The time between two attempts to open a forward. */
const retryMs = 1_000;

export class ManagedForward {
  /** The forward as the file has it, by which it is known when the file changes. */
  readonly text: string;
  readonly #forward: Forward;
  readonly #parts: ForwardParts;
  readonly #onChanged: (status: ForwardStatus) => void;
  #status: ForwardStatus;
  #open: OpenForward | undefined;
  /** The last answer of the router. */
  #known: { readonly names: readonly ListedName[]; readonly failure: string | undefined } | undefined;
  /** Turns it off; undefined while it is off. */
  #off: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(forward: Forward, parts: ForwardParts, onChanged: (status: ForwardStatus) => void) {
    this.#forward = forward;
    this.#parts = parts;
    this.#onChanged = onChanged;
    this.text = printForward(forward);
    this.#status = { forward: this.text, name: forward.name, state: "off" };
  }

  get status(): ForwardStatus {
    return this.#status;
  }

  get isOn(): boolean {
    return this.#off !== undefined;
  }

  /** Turns it on. Idempotent. */
  start(): void {
    if (this.#off !== undefined) return;
    const off = new AbortController();
    this.#off = off;
    this.#tell("starting");
    this.#running = this.#running.then(() => this.#run(off.signal));
  }

  /** Turns it off: it takes no more connections, and those that are open go on. Resolves when its address is free. */
  async stop(): Promise<void> {
    this.#off?.abort(new Error("the forward was turned off"));
    this.#off = undefined;
    await this.#running;
    if (!this.isOn) this.#tell("off");
  }

  /** Takes what the router says of its names, or why it says nothing. */
  onNames(names: readonly ListedName[] | undefined, failure: string | undefined): void {
    this.#known = { names: names ?? [], failure };
    this.#judge();
  }

  /** Tells whether connections go through, once that is known. */
  #judge(): void {
    if (this.#open === undefined || this.#known === undefined || !this.isOn) return;
    const problem = this.#known.failure ?? this.#open.problem ?? this.#problemOf(this.#known.names);
    this.#tell(problem === undefined ? "ready" : "waiting", problem);
  }

  #problemOf(names: readonly ListedName[]): string | undefined {
    const { name } = this.#forward;
    const listed = names.find((each) => each.name === name);
    if (listed === undefined) return `${JSON.stringify(name)} is not exposed`;
    if ("listen" in this.#forward) return protocolProblem(name, isUdp(listed.metadata), "udp" in this.#forward.listen);
    return takesReverse(listed.metadata) ? undefined : `${JSON.stringify(name)} takes no reverse forwards`;
  }

  /** Keeps it open until the signal aborts. Never rejects. */
  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#open === undefined) {
      try {
        const ended = AbortSignal.any([signal, this.#parts.signal]);
        this.#open = await openForward(this.#forward, { ...this.#parts, signal: ended });
        this.#judge();
      } catch (error) {
        if (signal.aborted) return;
        this.#tell("failed", reasonOf(error));
        await pause(retryMs, signal);
      }
    }
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    await this.#open?.close();
    this.#open = undefined;
  }

  #tell(state: ForwardState, error?: string): void {
    if (this.#status.state === state && this.#status.error === error) return;
    const bound = this.#open === undefined || state === "off" ? {} : { address: printTarget(this.#open.address) };
    const { name } = this.#forward;
    this.#status = { forward: this.text, name, state, ...bound, ...(error !== undefined && { error }) };
    this.#onChanged(this.#status);
  }
}
