/** A program as the target of a connection. */
import { spawn } from "node:child_process";
import process from "node:process";
import type { ObjectStream } from "@trunkline/streams";
import { streamFromChildProcess } from "@trunkline/streams/node";

/** The secrets of this command, which are no business of the program. */
const secrets: ReadonlySet<string> = new Set(["TRUNKLINE_TOKEN", "ROUTER_KEY"]);

/**
 * Starts a program by the shell. Its standard input and output are the stream; what it writes to standard error goes to
 * that of this command. If it exits with another code than 0, or is killed, the stream breaks after its output.
 */
export function startProgram(command: string): ObjectStream<Uint8Array> {
  const child = spawn(command, { shell: true, stdio: ["pipe", "pipe", "inherit"], env: environmentOfPrograms() });
  return streamFromChildProcess(child);
}

/** Returns the environment of this command without its secrets. */
export function environmentOfPrograms(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !secrets.has(name)));
}
