/** One run of the command: arguments in, exit code out. The only place that turns what was thrown into a line and a code. */
import { constants } from "node:os";
import { basename, relative } from "node:path";
import { CommanderError } from "commander";
import { CommandError, reasonOf } from "./command-error.js";
import { parseCommandLine, type Request } from "./command-line.js";
import { connect } from "./commands/connect.js";
import { demo } from "./commands/demo.js";
import { expose } from "./commands/expose.js";
import { router } from "./commands/router.js";
import { token } from "./commands/token.js";
import type { Context } from "./context.js";
import { ExitCode, signalExitBase } from "./exit-codes.js";
import { Interrupted, interruptible } from "./interruption.js";
import { type LogLevel, Output } from "./output.js";

/** Runs what the arguments of this process ask for, and gives its exit code. Never rejects. */
export async function run(process: NodeJS.Process): Promise<number> {
  const [, script = "trunkline", ...args] = process.argv;
  let help = "";
  try {
    const request = parseCommandLine(args, (text) => {
      help += text;
    });
    if (request !== undefined) return await carryOut(request, programName(script), process);
    const output = new Output({ json: false }, process.stdout, process.stderr);
    output.text(help);
    await output.flush();
    return ExitCode.ok;
  } catch (error) {
    // The arguments were not understood: whether a program reads the answer can only be guessed.
    const output = new Output({ json: args.includes("--json") }, process.stdout, process.stderr);
    output.failure(`${complaint(error)}; see ${helpCommand(args)}`, ExitCode.usage);
    await output.flush();
    return ExitCode.usage;
  }
}

async function carryOut(request: Request, program: string, process: NodeJS.Process): Promise<number> {
  const { json = false, logLevel } = request.options;
  const output = new Output({ json, logLevel: logLevel as LogLevel | undefined }, process.stdout, process.stderr);
  const { signal, stop } = interruptible(process, output.readerGone);
  try {
    await dispatch(request, { output, env: process.env, signal, program });
    return ExitCode.ok;
  } catch (error) {
    return report(error, output);
  } finally {
    stop();
    await output.flush();
  }
}

function dispatch(request: Request, context: Context): Promise<void> {
  switch (request.command) {
    case "router":
      return router(request.options, context);
    case "expose":
      return expose(request.name, request.target, request.options, context);
    case "connect":
      return connect(request.name, request.options, context);
    case "demo":
      return demo(request.options, context);
    case "token":
      return token(request.identity, request.options, context);
  }
}

/** Says why the command failed, and gives the exit code for it. */
function report(error: unknown, output: Output): number {
  if (error instanceof Interrupted) {
    // It was ended before it had done what it was to do.
    output.note("info", { event: "interrupted", by: error.by }, error.message);
    return signalExitBase + (error.by === "EPIPE" ? constants.signals.SIGPIPE : constants.signals[error.by]);
  }
  if (error instanceof CommandError) {
    output.debug({ err: error }, "why the command ends");
    output.failure(error.message, error.exitCode);
    return error.exitCode;
  }
  output.debug({ err: error }, "why the command ends");
  output.failure(`unexpected: ${reasonOf(error)} (--log-level debug shows more)`, ExitCode.internal);
  return ExitCode.internal;
}

/** What commander has to say, on one line and without its own "error:". */
function complaint(error: unknown): string {
  if (!(error instanceof CommanderError)) return reasonOf(error);
  return error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "");
}

function helpCommand([name]: readonly string[]): string {
  return ["router", "expose", "connect", "demo", "token"].includes(name ?? "") ? `trunkline ${name} --help` : "trunkline --help";
}

/** As a user would type it here. */
function programName(script: string): string {
  if (basename(script) === "trunkline") return script.includes("node_modules") ? "npx trunkline" : "trunkline";
  const near = relative(process.cwd(), script);
  const path = near.startsWith("..") ? script : near;
  return `node ${/\s/.test(path) ? JSON.stringify(path) : path}`;
}
