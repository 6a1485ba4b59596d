/**
 * A lab in which commands run, with a folder of its own, so that they find neither a router nor tokens of this machine.
 * They run as processes, as they are published, or in this process, on the sources, which is a hundred times as fast.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InProcessRun } from "./in-process-run.js";
import { ProcessRun } from "./process-run.js";
import type { Run } from "./run.js";

type Env = Readonly<Record<string, string>>;

const labs = new Set<AsyncDisposable>();

/** Ends what tests that ran out of time have left running: for `afterAll`. */
export async function disposeLabs(): Promise<void> {
  await Promise.all(Array.from(labs, (lab) => lab[Symbol.asyncDispose]()));
}

abstract class Lab<R extends Run> implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "trunkline-test-"));
  readonly #runs = new Set<R>();

  constructor() {
    labs.add(this);
  }

  protected abstract begin(args: readonly string[], env: Env, input?: string): R;

  /** Runs the command with these arguments; only a process has an input. */
  run(args: readonly string[], env: Env = {}, input?: string): R {
    const own = { XDG_RUNTIME_DIR: this.folder, HOME: this.folder, TMPDIR: this.folder };
    const run = this.begin(args, { ...own, ...env }, input);
    this.#runs.add(run);
    return run;
  }

  /** Runs the command with `--json`. */
  start(...args: readonly string[]): R {
    return this.run([...args, "--json"]);
  }

  /** A router on a free port, ready. */
  async router(...args: readonly string[]): Promise<{ router: R; endpoint: string }> {
    const router = this.start("router", "--listen", "127.0.0.1:0", "--grace", "0", ...args);
    return { router, endpoint: (await router.event("listening"))["address"] as string };
  }

  /** The target exposed, ready. */
  async expose(name: string, target: string, ...args: readonly string[]): Promise<R> {
    const expose = this.start("expose", name, target, "--grace", "0", ...args);
    await expose.event("exposed");
    return expose;
  }

  /** A local port connected to the name, ready. */
  async connect(name: string, ...args: readonly string[]): Promise<{ connect: R; port: number }> {
    const connect = this.start("connect", name, "--listen", "0", "--grace", "0", ...args);
    return { connect, port: (await connect.event("listening"))["port"] as number };
  }

  /** Writes a file into the lab's folder; gives its path. */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  /** Ends whatever still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    labs.delete(this);
    for (const run of this.#runs) run.kill("SIGKILL");
    await Promise.all(Array.from(this.#runs, (run) => run.exit));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A lab whose commands are processes. */
export class ProcessLab extends Lab<ProcessRun> {
  protected begin(args: readonly string[], env: Env, input?: string): ProcessRun {
    return new ProcessRun(args, env, input);
  }
}

/** A lab in which the commands of one or more names are processes, which a test kills, and the others are not. */
export class MixedLab extends Lab<Run> {
  readonly #processes: readonly string[];

  constructor(...processes: readonly string[]) {
    super();
    this.#processes = processes;
  }

  protected begin(args: readonly string[], env: Env, input?: string): Run {
    return this.#processes.includes(args[0] ?? "") ? new ProcessRun(args, env, input) : new InProcessRun(args, env);
  }
}

/** A lab whose commands run in this process. */
export class InProcessLab extends Lab<InProcessRun> {
  #columns: number | undefined;

  /** Runs the command with a terminal of so many columns as its stdout. */
  onTerminal(args: readonly string[], columns: number, env: Env = {}): InProcessRun {
    this.#columns = columns;
    try {
      return this.run(args, env);
    } finally {
      this.#columns = undefined;
    }
  }

  protected begin(args: readonly string[], env: Env): InProcessRun {
    return new InProcessRun(args, env, this.#columns);
  }
}
