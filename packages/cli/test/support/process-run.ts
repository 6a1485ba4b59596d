import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { publishedCommand } from "../../../base/test/support/published.js";
import { Run } from "./run.js";

let main: string | undefined;

/** Makes the program that processes run: for `beforeAll`. */
export async function publishCommand(): Promise<void> {
  main = await publishedCommand();
}

/** The command as it is published, in a process of its own. */
export class ProcessRun extends Run {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exit: Promise<number | NodeJS.Signals>;

  /** `input` is all that the command reads from its standard input. */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, input: string | Uint8Array = "") {
    super();
    if (main === undefined) throw new Error("publishCommand() must have made the command before it is run");
    const { PATH } = process.env;
    this.child = spawn(process.execPath, [main, ...args], { env: { PATH, ...env } });
    this.child.stdin.on("error", () => {}).end(input);
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => this.wroteStdout(text));
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.exit = once(this.child, "close").then(([code, signal]) => {
      this.over();
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
