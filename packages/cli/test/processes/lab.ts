/** The real command in real processes, in a folder of its own, so that it meets neither a router nor tokens of this machine. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

export interface JsonEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

interface Waiter {
  readonly kind: string;
  readonly matches: (event: JsonEvent) => boolean;
  resolve(event: JsonEvent): void;
  reject(error: Error): void;
}

/** One run of the command. Its events can be waited for, and its end. */
export class Run {
  readonly child: ChildProcessWithoutNullStreams;
  /** Its exit code; of one that a signal killed, the signal. */
  readonly exit: Promise<number | NodeJS.Signals>;
  stdout = "";
  stderr = "";
  readonly #events: JsonEvent[] = [];
  readonly #waiters = new Set<Waiter>();
  #unfinishedLine = "";
  #ended = false;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [main, ...args], { env });
    this.child.stdin.end();
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => this.#onStdout(text));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.exit = once(this.child, "close").then(([code, signal]) => {
      this.#ended = true;
      for (const waiter of this.#waiters) waiter.reject(this.#missing(waiter.kind));
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  get errorLines(): string[] {
    return this.stderr.split("\n").slice(0, -1);
  }

  /** The next event of the kind that was not given before, also one that came already. Rejects when the process ends without it. */
  event(kind: string, matches: (event: JsonEvent) => boolean = () => true): Promise<JsonEvent> {
    const index = this.#events.findIndex((event) => event.event === kind && matches(event));
    if (index !== -1) return Promise.resolve(this.#events.splice(index, 1)[0] as JsonEvent);
    if (this.#ended) return Promise.reject(this.#missing(kind));
    return new Promise((resolve, reject) => {
      this.#waiters.add({ kind, matches, resolve, reject });
    });
  }

  /** The address that it says it listens on. */
  async address(): Promise<string> {
    return (await this.event("listening"))["address"] as string;
  }

  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    this.child.kill(signal);
    return this.exit;
  }

  #missing(kind: string): Error {
    return new Error(`the command ended without the event ${kind}\n${this.stdout}\n${this.stderr}`);
  }

  #onStdout(text: string): void {
    this.stdout += text;
    const lines = (this.#unfinishedLine + text).split("\n");
    this.#unfinishedLine = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("{")) continue;
      const event = JSON.parse(line) as JsonEvent;
      const waiter = [...this.#waiters].find((each) => each.kind === event.event && each.matches(event));
      if (waiter === undefined) this.#events.push(event);
      else {
        this.#waiters.delete(waiter);
        waiter.resolve(event);
      }
    }
  }
}

/** Where commands run; disposing kills whatever still does. */
export class Lab implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "trunkline-test-"));
  readonly #runs = new Set<Run>();
  readonly #killAll = (): void => {
    for (const { child } of this.#runs) child.kill("SIGKILL");
  };

  constructor() {
    process.on("exit", this.#killAll);
  }

  /** Runs the command with these arguments, and `--json` where `jsonOf` has it. */
  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
    const { PATH } = process.env;
    const run = new Run(args, { PATH, XDG_RUNTIME_DIR: this.folder, HOME: this.folder, TMPDIR: this.folder, ...env });
    this.#runs.add(run);
    return run;
  }

  /** Runs the command with `--json`. */
  start(...args: readonly string[]): Run {
    return this.run([...args, "--json"]);
  }

  /** A router on a free port, ready. */
  async router(...args: readonly string[]): Promise<{ router: Run; endpoint: string }> {
    const router = this.start("router", "--listen", "127.0.0.1:0", "--grace", "0", ...args);
    return { router, endpoint: await router.address() };
  }

  /** The target exposed, ready. */
  async expose(name: string, target: string, ...args: readonly string[]): Promise<Run> {
    const expose = this.start("expose", name, target, "--grace", "0", ...args);
    await expose.event("exposed");
    return expose;
  }

  /** A local port connected to the name, ready. */
  async connect(name: string, ...args: readonly string[]): Promise<{ connect: Run; port: number }> {
    const connect = this.start("connect", name, "--listen", "0", "--grace", "0", ...args);
    return { connect, port: (await connect.event("listening"))["port"] as number };
  }

  /** Writes a file into the lab's folder; gives its path. */
  file(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#killAll();
    await Promise.all(Array.from(this.#runs, (run) => run.exit));
    process.off("exit", this.#killAll);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
