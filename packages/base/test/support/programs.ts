/**
 * Programs that run one after the other in one process, as Node would run each of them by itself: the next one begins
 * when nothing keeps the process alive any more. Most of what a short program takes is to start Node and to load
 * modules.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The output of a program. An error that nobody has caught, and a wait that never ends, stand in `stderr`. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

// What a program leaves open, and does not keep the process alive, may still call it back when the next one runs.
const runner = `
import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
const programs = new AsyncLocalStorage();
const paths = JSON.parse(process.argv[2]);
let current;
for (const name of ["stdout", "stderr"])
  process[name].write = (text, ...rest) => {
    (programs.getStore() ?? current).output[name] += text;
    rest.at(-1)?.();
    return true;
  };
process.on("uncaughtException", (error) => (current.output.stderr += inspect(error)));
process.on("beforeExit", (code) => {
  if (current !== undefined) {
    if (current.isWaiting) current.output.stderr += "it waits for something that never comes";
    if (code !== 0) current.output.stderr += "exit code " + code;
    process.exitCode = 0;
    process.send(current);
  }
  const path = paths.shift();
  if (path === undefined) return;
  const program = { path, output: { stdout: "", stderr: "" }, isWaiting: true };
  current = program;
  programs.run(program, () => import("file://" + path))
    .catch((error) => (program.output.stderr += inspect(error)))
    .finally(() => (program.isWaiting = false));
});
`;

/** Says whether a program must be a process: it starts others, or subscribes to what all of its process publishes. */
export function needsProcess(program: string): boolean {
  return /from "node:(?:child_process|cluster|diagnostics_channel)"/.test(program);
}

/**
 * Runs the programs in the order given, and returns what each has written.
 * @param folder the folder in which they run, and in which the one that runs them is written for a moment
 * @throws Error where one ends the process, or does not end within five minutes, or the process itself says something
 */
export async function runOneByOne(paths: readonly string[], folder: string): Promise<ReadonlyMap<string, Output>> {
  const outputs = new Map<string, Output>();
  const file = join(folder, `.one-by-one-${process.pid}-${paths.length}.mjs`);
  writeFileSync(file, runner);
  try {
    const child = fork(file, [JSON.stringify(paths)], { cwd: folder, execArgv: [], silent: true, timeout: 300_000 });
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    child.on("message", ({ path, output }: { path: string; output: Output }) => outputs.set(path, output));
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    const next = paths.find((path) => !outputs.has(path));
    if (next !== undefined || said !== "")
      throw new Error(`the process ended with ${code ?? signal} in ${next ?? "no program"}, and said: ${said}`);
  } finally {
    rmSync(file);
  }
  return outputs;
}
