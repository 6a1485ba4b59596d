import { EventEmitter } from "node:events";
import { VirtualClock } from "@trunkline/base/testing";
import type { EndingSignal, SignalSource } from "../../src/interruption.js";
import { lookAgainMs } from "../../src/operation/file-watch.js";
import { type CommandProcess, run } from "../../src/run.js";
import type { JsonEvent } from "./event-log.js";
import { FakeTerminal } from "./fake-terminal.js";
import { Run } from "./run.js";

class FakeSignals extends EventEmitter implements SignalSource {
  exit(): void {}
}

/** The command on its sources, in this process. */
export class InProcessRun extends Run {
  readonly exit: Promise<number>;
  readonly #signals = new FakeSignals();
  readonly #clock = new VirtualClock();

  /** With `columns`, stdout is a terminal of that width. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, columns?: number) {
    super();
    const fake: CommandProcess = Object.assign(this.#signals, {
      argv: ["node", "/somewhere/trunkline", ...args],
      env,
      stdout: Object.assign(
        new FakeTerminal(columns !== undefined, (text) => this.wroteStdout(text)).asTerminal(),
        columns !== undefined && { columns },
      ),
      stderr: new FakeTerminal(false, (text) => {
        this.stderr += text;
      }).asTerminal(),
      cwd: () => "/",
    });
    this.exit = run(fake, this.#clock).finally(() => this.over());
  }

  /** Lets the command look at its files again and again until the event comes, and returns it. */
  eventOfLook(kind: string): Promise<JsonEvent> {
    return this.#lookUntil(this.event(kind));
  }

  /** Lets the command look at its files, and try again, until it ends, and returns its exit code. */
  exitOfLook(): Promise<number> {
    return this.#lookUntil(this.exit);
  }

  async #lookUntil<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const awaited = promise.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      this.#clock.advance(lookAgainMs);
      await new Promise(setImmediate);
    }
    return awaited;
  }

  /** There is no process to kill: SIGKILL is SIGTERM, which has to be enough. */
  kill(signal: NodeJS.Signals): void {
    const ending: EndingSignal = signal === "SIGKILL" ? "SIGTERM" : (signal as EndingSignal);
    this.#signals.emit(ending, ending);
  }
}
