/**
 * One run of the command: arguments in, exit code out. The only place that turns what was thrown into a line and a
 * code.
 */
import { basename, relative } from "node:path";
import type { Clock } from "@trunkline/base";
import { systemClock } from "@trunkline/base/node";
import { CommanderError } from "commander";
import { CommandError, reasonOf } from "./command-error.js";
import { commandNames, createProgram, parseCommandLine, type Request } from "./command-line.js";
import type { Context, Environment } from "./context.js";
import { ExitCode } from "./exit-codes.js";
import { Interrupted, interruptible, type SignalSource } from "./interruption.js";
import { type LogLevel, Output } from "./output.js";
import type { AccessOptions } from "./router-access.js";
import { versions } from "./version.js";

/** The part of `process` that the command needs. */
export interface CommandProcess extends SignalSource {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  cwd(): string;
}

/**
 * Runs the command that the arguments of the process name, and returns its exit code. Never rejects.
 * @param clock the clock by which files that may change are looked at again
 */
export async function run(process: CommandProcess, clock: Clock = systemClock): Promise<number> {
  const [, script = "trunkline", ...args] = process.argv;
  let help = "";
  try {
    const request = parseCommandLine(args, (text) => {
      help += text;
    });
    if (request !== undefined) return await carryOut(request, programName(script, process.cwd()), process, clock);
    const output = new Output({ json: false }, process.stdout, process.stderr);
    output.text(help);
    return await finished(ExitCode.ok, output);
  } catch (error) {
    // The arguments were not understood, so that `--json` can only be guessed.
    const output = new Output({ json: args.includes("--json") }, process.stdout, process.stderr);
    output.failure(`${complaint(error)}; see ${helpCommand(args)}`, ExitCode.usage);
    await output.flush();
    return ExitCode.usage;
  }
}

async function carryOut(request: Request, program: string, process: CommandProcess, clock: Clock): Promise<number> {
  const { json = false, logLevel } = request.options;
  const canDraw = process.env["TERM"] !== "dumb";
  const options = { json, logLevel: logLevel as LogLevel | undefined, canDraw };
  const output = new Output(options, process.stdout, process.stderr);
  const isInteractive = process.stdout.isTTY === true || process.stderr.isTTY === true;
  const { signal, stop, onHangup } = interruptible(process, output.outputLost, undefined, isInteractive);
  let exitCode: number = ExitCode.ok;
  try {
    await dispatch(request, { output, env: process.env, signal, program, clock, onHangup });
  } catch (error) {
    exitCode = report(error, output);
  }
  stop();
  return finished(exitCode, output);
}

/**
 * Resolves to the exit code when the whole output is written, which is that of a lost stdout where nothing else failed.
 */
async function finished(exitCode: number, output: Output): Promise<number> {
  await output.flush();
  const { outputLost } = output;
  if (exitCode !== ExitCode.ok || !outputLost.aborted) return exitCode;
  // A command that ends because its reader has gone was not asked to end: a supervisor has to see that. A person who
  // has closed the reader need not read about it.
  if (outputLost.reason instanceof Interrupted) return outputLost.reason.exitCode;
  const code = report(outputLost.reason, output);
  await output.flush();
  return code;
}

/** The commands that use a router, and take a profile. `up` reads that by itself, since it watches the file. */
const routerCommands: ReadonlySet<string> = new Set(
  "expose connect send recv ls top kill evict drain ping doctor bench call".split(" "),
);

/** Returns the request with the options of its profile. */
async function prepared(request: Request, env: Environment): Promise<Request> {
  const { command, options } = request;
  // `call` of an address and `bench --serve` use no router.
  const usesRouter = routerCommands.has(command) && !(command === "call" && options.via === undefined);
  const isServing = command === "bench" && options.serve !== undefined;
  if (!usesRouter || isServing) return request;
  const { withProfile } = await import("./profile/profile-options.js");
  const dials = command !== "expose" && command !== "recv";
  return { ...request, options: await withProfile(options as AccessOptions, env, dials) } as Request;
}

/** Runs one command. Each is loaded when it is used, so that `--help` is there at once. */
async function dispatch(given: Request, context: Context): Promise<void> {
  const request = await prepared(given, context.env);
  switch (request.command) {
    case "up": {
      const { up } = await import("./commands/up.js");
      return up(request.options, context);
    }
    case "router": {
      const { router } = await import("./commands/router.js");
      return router(request.options, context);
    }
    case "expose": {
      const { expose } = await import("./commands/expose.js");
      return expose(request.words, request.options, context);
    }
    case "connect": {
      const { connect } = await import("./commands/connect.js");
      return connect(request.words, request.options, context);
    }
    case "send": {
      const { send } = await import("./commands/send.js");
      return send(request.words, request.options, context);
    }
    case "recv": {
      const { recv } = await import("./commands/recv.js");
      return recv(request.name, request.options, context);
    }
    case "ls": {
      const { ls } = await import("./commands/ls.js");
      return ls(request.options, context);
    }
    case "top": {
      const { top } = await import("./commands/top.js");
      return top(request.options, context);
    }
    case "kill": {
      const { kill } = await import("./commands/kill.js");
      return kill(request.ids, request.options, context);
    }
    case "evict": {
      const { evict } = await import("./commands/evict.js");
      return evict(request.name, request.options, context);
    }
    case "drain": {
      const { drain } = await import("./commands/drain.js");
      return drain(request.options, context);
    }
    case "ping": {
      const { ping } = await import("./commands/ping.js");
      return ping(request.name, request.options, context);
    }
    case "doctor": {
      const { doctor } = await import("./commands/doctor.js");
      return doctor(request.name, request.options, context);
    }
    case "bench": {
      const { bench } = await import("./commands/bench.js");
      return bench(request.name, request.options, context);
    }
    case "call": {
      const { call } = await import("./commands/call.js");
      return call(request.words, request.options, context);
    }
    case "demo": {
      const { demo } = await import("./commands/demo.js");
      return demo(request.options, context);
    }
    case "token mint": {
      const { mintToken } = await import("./commands/token-mint.js");
      return mintToken(request.identity, request.options, context);
    }
    case "token inspect": {
      const { inspectToken } = await import("./commands/token-inspect.js");
      return inspectToken(request.file, context);
    }
    case "check": {
      const { check } = await import("./commands/check.js");
      return check(request.file, request.options, context);
    }
    case "cert ca": {
      const { certAuthority } = await import("./commands/cert.js");
      return certAuthority(request.name, request.options, context);
    }
    case "cert server": {
      const { certServer } = await import("./commands/cert.js");
      return certServer(request.names, request.options, context);
    }
    case "cert peer": {
      const { certPeer } = await import("./commands/cert.js");
      return certPeer(request.name, request.options, context);
    }
    case "cert inspect": {
      const { inspectCertificates } = await import("./commands/cert-inspect.js");
      return inspectCertificates(request.file, context);
    }
    case "key": {
      const { key } = await import("./commands/key.js");
      return key(request.options, context);
    }
    case "version":
      return context.output.result({ event: "version", ...versions() }, Object.values(versions()).join(", "));
    case "completion": {
      const { completion } = await import("./commands/completion.js");
      return completion(request.shell, createProgram(), context);
    }
  }
}

/** Writes why the command failed, and returns its exit code. */
function report(error: unknown, output: Output): number {
  if (error instanceof Interrupted) {
    // It was ended before its work was done. ssh ends its ProxyCommand by SIGHUP each time, and shows what that writes;
    // a terminal that has gone shows nothing.
    output.note(error.by === "SIGHUP" ? "debug" : "info", { event: "interrupted", by: error.by }, error.message);
    return error.exitCode;
  }
  if (error instanceof CommandError) {
    output.debug(error, "why the command ends");
    output.failure(error.message, error.exitCode);
    return error.exitCode;
  }
  output.debug(error, "why the command ends");
  output.failure(`unexpected: ${reasonOf(error)} (--log-level debug shows more)`, ExitCode.internal);
  return ExitCode.internal;
}

/** Returns the message of commander on one line, without its own "error:". */
function complaint(error: unknown): string {
  if (!(error instanceof CommanderError)) return reasonOf(error);
  return error.message
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/\.$/, "");
}

function helpCommand([first = "", second = ""]: readonly string[]): string {
  const name = [`${first} ${second}`, first].find((each) => commandNames.includes(each));
  return name === undefined ? "trunkline --help" : `trunkline ${name} --help`;
}

/** Returns the words by which a user calls this program here. */
function programName(script: string, folder: string): string {
  if (basename(script) === "trunkline") return script.includes("node_modules") ? "npx trunkline" : "trunkline";
  const near = relative(folder, script);
  const path = near.startsWith("..") ? script : near;
  return `node ${/\s/.test(path) ? JSON.stringify(path) : path}`;
}
