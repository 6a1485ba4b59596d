/** The sockets that systemd has opened and passed to this process, as sd_listen_fds(3) describes them. */
import { readFileSync, readlinkSync } from "node:fs";
import type net from "node:net";
import type { SocketAddress } from "../address.js";
import { backlog } from "./listen.js";

/** The first descriptor that systemd passes. */
const firstDescriptor = 3;

/** A descriptor and its `FileDescriptorName=`. */
export interface SystemdSocket {
  readonly fd: number;
  readonly name: string;
}

/** The sockets of one environment, each of which is taken once. */
export class SystemdSockets {
  readonly #free: SystemdSocket[] = [];
  readonly #names: readonly string[];
  readonly #missing: string | undefined;

  /** Reads the variables and removes them from `env`, so that children do not take the sockets. */
  constructor(env: Record<string, string | undefined>, pid: number) {
    const { LISTEN_PID: listenPid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env;
    for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name];
    this.#missing = missing(listenPid, count, pid);
    const labels = names?.split(":") ?? [];
    if (this.#missing === undefined) {
      for (let at = 0; at < Number(count); at++) {
        this.#free.push({ fd: firstDescriptor + at, name: labels[at] ?? "unknown" });
      }
    }
    this.#names = [...new Set(this.#free.map(({ name }) => name))];
  }

  /** Takes the sockets with a name, or all that are left. @throws Error that says what is missing */
  take(name: string | undefined): SystemdSocket[] {
    if (this.#missing !== undefined) throw new Error(`no sockets were passed by systemd: ${this.#missing}`);
    if (name !== undefined && !this.#names.includes(name)) {
      throw new Error(`systemd passed no socket named ${JSON.stringify(name)}: it passed ${this.#names.join(", ")}`);
    }
    const taken = this.#free.filter((socket) => name === undefined || socket.name === name);
    if (taken.length === 0) {
      throw new Error(`the sockets of systemd${name === undefined ? "" : ` named ${name}`} are in use already`);
    }
    for (const socket of taken) this.#free.splice(this.#free.indexOf(socket), 1);
    return taken;
  }
}

/** The number of descriptors that LISTEN_FDS may name. */
const mostDescriptors = 1_024;

function missing(listenPid: string | undefined, count: string | undefined, pid: number): string | undefined {
  if (count === undefined) return "LISTEN_FDS is not set";
  if (listenPid === undefined) return "LISTEN_PID is not set";
  if (listenPid !== String(pid)) return `LISTEN_PID is ${JSON.stringify(listenPid)}, and this process is ${pid}`;
  if (!/^[1-9][0-9]{0,3}$/.test(count) || Number(count) > mostDescriptors) {
    return `LISTEN_FDS is ${JSON.stringify(count)}, not a number from 1 to ${mostDescriptors}`;
  }
  return undefined;
}

let ofProcess: SystemdSockets | undefined;

/**
 * Takes the sockets that systemd passed to this process: those with a name, or all that are left.
 * @throws Error that says what is missing
 */
export function takeSystemdSockets(name: string | undefined): SystemdSocket[] {
  ofProcess ??= new SystemdSockets(process.env, process.pid);
  return ofProcess.take(name);
}

/**
 * Parses `systemd:` and `systemd:NAME`.
 * @returns undefined for any other text
 */
export function parseSystemdAddress(text: string): { readonly name: string | undefined } | undefined {
  if (!text.startsWith("systemd:")) return undefined;
  const name = text.slice("systemd:".length);
  return { name: name === "" ? undefined : name };
}

/**
 * Lets `server` listen on a passed socket. The file of a Unix socket stays when the server closes.
 * @returns its address; undefined for a Unix socket whose path the system does not tell
 * @throws Error for a descriptor that is no listening stream socket
 */
export async function listenOnSystemd(server: net.Server, socket: SystemdSocket): Promise<SocketAddress | undefined> {
  const { fd, name } = socket;
  await new Promise<void>((resolve, reject) => {
    const onError = (cause: Error): void =>
      reject(
        new Error(`descriptor ${fd} of systemd, named ${name}, is no listening stream socket: ${cause.message}`, {
          cause,
        }),
      );
    server.once("error", onError);
    server.listen({ fd, backlog }, () => {
      server.off("error", onError);
      resolve();
    });
  });
  const bound = server.address();
  if (bound !== null && typeof bound !== "string") return { host: bound.address, port: bound.port };
  return unixAddressOf(fd);
}

/** Node does not tell the path of a Unix socket that it has not bound; Linux lists it with the socket's inode. */
function unixAddressOf(fd: number): SocketAddress | undefined {
  try {
    const inode = /^socket:\[([0-9]+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
    for (const line of readFileSync("/proc/self/net/unix", "utf8").split("\n")) {
      const match = /^(?:\S+ +){6}([0-9]+) (.+)$/.exec(line);
      if (match?.[1] === inode && match?.[2] !== undefined) return { path: match[2].replace(/^@/, "\0") };
    }
  } catch {
    // Without /proc the address is not known; the socket works.
  }
  return undefined;
}
