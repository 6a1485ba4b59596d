/** The checks by which an exposer finds out whether its target is well (`--health`). Each asks once. */
import { spawn } from "node:child_process";
import { request } from "node:http";
import { printHostPort, type SocketAddress } from "@trunkline/base";
import { dialSocket } from "@trunkline/base/node";
import { Channel, createClient, GrpcError } from "@trunkline/grpc";
import { HealthCheckResponse_ServingStatus, HealthService } from "@trunkline/grpc/health";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { environmentOfPrograms } from "../program.js";
import { endGently } from "../sockets.js";
import type { Target } from "../target.js";

/** A check, as `--health` names it. */
export type HealthCheck =
  | { readonly kind: "tcp" }
  | { readonly kind: "http"; readonly path: string }
  | { readonly kind: "grpc"; readonly service: string }
  | { readonly kind: "exec"; readonly command: string };

/** Reads `tcp`, `http:/path`, `grpc[:service]` or `exec:command`. @throws CommandError */
export function parseHealthCheck(text: string): HealthCheck {
  const [, kind = "", , rest] = /^(tcp|http|grpc|exec)(:([\s\S]*))?$/.exec(text) ?? [];
  if (kind === "tcp" && rest === undefined) return { kind };
  if (kind === "http" && rest !== undefined && /^\/[\x21-\x7e]*$/.test(rest)) return { kind, path: rest };
  if (kind === "grpc" && rest !== "") return { kind, service: rest ?? "" };
  if (kind === "exec" && rest !== undefined && rest.trim() !== "") return { kind, command: rest };
  const known = "tcp, http:/path, grpc, grpc:service or exec:command";
  throw new CommandError(`--health ${JSON.stringify(text)} is no check; use ${known}`, ExitCode.usage);
}

/** Returns the address that a check asks. @throws CommandError for a target that only a program can check */
export function checkedAddress(check: HealthCheck, target: Target): SocketAddress | undefined {
  if (check.kind === "exec") return undefined;
  if ("path" in target || "host" in target) return target;
  const message = `--health ${check.kind} asks a port or a Unix socket; for another target use --health exec:COMMAND`;
  throw new CommandError(message, ExitCode.usage);
}

/** Asks once; resolves where the target is well. @throws Error that says why it is not, or the signal's reason */
export async function runHealthCheck(check: HealthCheck, target: Target, signal: AbortSignal): Promise<void> {
  const address = checkedAddress(check, target);
  if (check.kind === "exec") return runProgram(check.command, signal);
  if (address === undefined) return;
  if (check.kind === "http") return askHttp(address, check.path, signal);
  if (check.kind === "grpc") return askGrpc(address, check.service, signal);
  endGently(await dialSocket(address, { signal }));
}

function askHttp(address: SocketAddress, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const where = "path" in address ? { socketPath: address.path } : { host: address.host, port: address.port };
    const host = "path" in address ? "localhost" : printHostPort(address.host, address.port);
    const headers = { host, "user-agent": "trunkline-health", connection: "close" };
    const asked = request({ ...where, path, headers, signal, agent: false }, (response) => {
      const { statusCode = 0 } = response;
      response.destroy(); // its body may be endless
      if (statusCode >= 200 && statusCode < 400) resolve();
      else reject(new Error(`HTTP status ${statusCode}`));
    });
    asked.on("error", (error) => reject(signal.aborted ? signal.reason : error));
    asked.end();
  });
}

async function askGrpc(address: SocketAddress, service: string, signal: AbortSignal): Promise<void> {
  const endpoint = "path" in address ? `unix:${address.path}` : printHostPort(address.host, address.port);
  const channel = new Channel(endpoint, { plaintext: true });
  try {
    const { status } = await createClient(HealthService, channel).check({ service }, { signal });
    const { SERVING } = HealthCheckResponse_ServingStatus;
    if (status !== SERVING) throw new Error(`its gRPC health is ${status === 2 ? "NOT_SERVING" : `status ${status}`}`);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof GrpcError ? new Error(`${error.code}: ${reasonOf(error)}`, { cause: error }) : error;
  } finally {
    await channel.close({ closeTimeoutMs: 0 });
  }
}

/** Runs a program by the shell, in a group of its own that ends with the check. */
function runProgram(command: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, { shell: true, stdio: "ignore", detached: true, env: environmentOfPrograms() });
    const end = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended in the same moment.
      }
    };
    const over = (error?: unknown): void => {
      signal.removeEventListener("abort", end);
      if (error === undefined) resolve();
      else reject(signal.aborted ? signal.reason : error);
    };
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    child.once("error", over);
    child.once("exit", (code, killedBy) => {
      const how = code === null ? `was killed by ${killedBy}` : `ended with ${code}`;
      over(code === 0 ? undefined : new Error(`the check ${how}`));
    });
  });
}
