/** `trunkline up`: all forwards of a profile, each shown with its state, until interrupted. */
import process from "node:process";
import type { ListedName } from "@trunkline/router";
import { CommandError, reasonOf } from "../command-error.js";
import { Connections, type Report } from "../connections.js";
import {
  type ConnectionLimitOption,
  type Context,
  connectionLimitOf,
  type GraceOption,
  graceMsOf,
  interrupted,
  type KeepaliveOptions,
  keepaliveOf,
  type ResumeOption,
  resumeMsOf,
  type UdpIdleOption,
  udpIdleMsOf,
} from "../context.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import type { ForwardParts } from "../forward/local-forward.js";
import { routerFailure } from "../grpc-failure.js";
import { loadFiles, watchFiles } from "../operation/file-watch.js";
import { type KeyAction, keyAction, tableLines } from "../profile/forward-table.js";
import { type ForwardStatus, ManagedForward } from "../profile/managed-forward.js";
import { accessOf, chooseProfile, forwardsOf, type Profile, profilesFile, profilesPath } from "../profile/profiles.js";
import { type ConnectionTimes, RouterAccess } from "../router-access.js";
import { Terminal } from "../terminal.js";
import { DatagramMemory } from "../udp/flow-stream.js";
import { endCarrying } from "./ending.js";

/** Options of `trunkline up`. */
export interface UpOptions extends GraceOption, ResumeOption, KeepaliveOptions, UdpIdleOption, ConnectionLimitOption {
  /** The name of the profile. */
  readonly profile?: string | undefined;
  /** The time for which a connection waits for its name. */
  readonly wait: string;
}

const maxWaitMs = 86_400_000;

/** The time between two looks at the names of the router. */
const lookAgainMs = 2_000;

/** Runs until interrupted. @throws CommandError */
export async function up(options: UpOptions, context: Context): Promise<void> {
  const { env, output, clock, signal } = context;
  const graceMs = graceMsOf(options);
  const limit = connectionLimitOf(options);
  const settings = {
    times: { ...keepaliveOf(options), graceMs, resumeMs: resumeMsOf(options) },
    waitMs: parseDuration(options.wait, "--wait", maxWaitMs),
    udpIdleMs: udpIdleMsOf(options),
  };
  const path = profilesPath(env);
  const files = await loadFiles(profilesFile(path));
  const name = chooseProfile(files.value, options.profile, path);
  const isInteractive = output.interactive && process.stdin.isTTY === true;
  // The table shows the states; lines of a log would only cut it into pieces.
  const report: Report = (...note) => isInteractive || output.note(...note);
  const connections = new Connections(report, limit);
  await using board = new Board(name, path, { ...settings, connections, isInteractive, context });
  await board.apply(files.value.profiles[name] as Profile);
  if (board.isEmpty) throw new CommandError(`the profile ${JSON.stringify(name)} has no forwards`, ExitCode.unreadable);
  using _ = await watchFiles(files, {
    clock,
    onChanged(profiles) {
      const changed = profiles.profiles[name];
      if (changed !== undefined) board.reload(changed);
      else board.keep(new Error(`there is no profile ${JSON.stringify(name)} any more`));
    },
    onUnusable: (error) => board.keep(error),
  });
  await Promise.race([interrupted(signal), board.ended]);
  await board.stop();
  await endCarrying(connections, graceMs, context);
}

interface BoardOptions {
  readonly times: ConnectionTimes;
  readonly waitMs: number;
  readonly udpIdleMs: number;
  readonly connections: Connections;
  readonly isInteractive: boolean;
  readonly context: Context;
}

/** The forwards of one profile, and their states on the terminal or as lines. */
class Board implements AsyncDisposable {
  /** Resolves when the user ends it with a key. */
  readonly ended: Promise<void>;
  readonly #name: string;
  readonly #path: string;
  readonly #options: BoardOptions;
  readonly #memory = new DatagramMemory();
  readonly #terminal: Terminal | undefined;
  /** The ways to the routers: one that was replaced still carries connections. */
  readonly #accesses: RouterAccess[] = [];
  /** The access of the profile as text, by which a change is noticed. */
  #accessText: string | undefined;
  #endpoint = "";
  #forwards: ManagedForward[] = [];
  #selected = 0;
  #trouble: string | undefined;
  #end: () => void = () => {};
  #applying: Promise<void> = Promise.resolve();
  #cancelLook: (() => void) | undefined;
  #stopped = false;
  /** The number of looks so far. */
  #looks = 0;

  constructor(name: string, path: string, options: BoardOptions) {
    this.#name = name;
    this.#path = path;
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    if (options.isInteractive)
      this.#terminal = new Terminal(
        { input: process.stdin, output: options.context.output.terminal },
        (_, key) => {
          const action = keyAction(key);
          if (action !== undefined) this.#act(action);
        },
        () => this.#draw(),
      );
  }

  get isEmpty(): boolean {
    return this.#forwards.length === 0;
  }

  /** Takes a changed profile, after one that is being taken. A profile that cannot be used changes nothing. */
  reload(profile: Profile): void {
    const { output } = this.#options.context;
    this.#applying = this.#applying.then(async () => {
      if (this.#stopped) return;
      try {
        await this.apply(profile);
        this.#trouble = undefined;
        if (this.#terminal !== undefined) return this.#draw();
        const text = `${this.#path} has changed: ${this.#forwards.length} forwards`;
        output.note("info", { event: "profile-changed", profile: this.#name, forwards: this.#forwards.length }, text);
      } catch (error) {
        this.keep(error);
      }
    });
  }

  /** Keeps the forwards, since the file of profiles cannot be used, and says why. A log would cut the table. */
  keep(error: unknown): void {
    const reason = reasonOf(error);
    const text = `${reason}; the forwards stay as they are`;
    if (this.#terminal === undefined) {
      const event = { event: "profiles-unusable", file: this.#path, error: reason };
      this.#options.context.output.note("warn", event, text);
      return;
    }
    this.#trouble = text;
    this.#draw();
  }

  /** Takes a profile: begins forwards that are new, and ends those that are gone. @throws CommandError */
  async apply(profile: Profile): Promise<void> {
    const { times, context } = this.#options;
    const options = accessOf(profile, this.#path, context.env);
    const text = JSON.stringify(options);
    const isNewAccess = text !== this.#accessText;
    if (isNewAccess) {
      this.#accesses.push(await RouterAccess.open(options, times, context));
      this.#accessText = text;
    }
    const access = this.#accesses.at(-1) as RouterAccess;
    this.#endpoint = await access.endpoint();
    const kept = new Map(isNewAccess ? [] : this.#forwards.map((each) => [each.text, each]));
    const forwards = forwardsOf(profile).map(
      (forward) => new ManagedForward(forward, this.#partsFor(access), this.#tell),
    );
    const next = forwards.map((each) => kept.get(each.text) ?? each);
    const before = this.#forwards;
    this.#forwards = next;
    this.#selected = Math.min(this.#selected, Math.max(0, next.length - 1));
    // An address is free only when its forward has ended.
    await Promise.all(before.filter((each) => !next.includes(each)).map((each) => each.stop()));
    for (const each of next) if (forwards.includes(each)) each.start();
    this.#draw();
    this.#cancelLook?.();
    void this.#look();
  }

  /** Ends all forwards; connections go on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelLook?.();
    this.#terminal?.[Symbol.dispose]();
    await this.#applying;
    await Promise.all(this.#forwards.map((each) => each.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Promise.all(this.#accesses.map((access) => access[Symbol.asyncDispose]()));
  }

  #partsFor(access: RouterAccess): ForwardParts {
    const { connections, context, waitMs, udpIdleMs } = this.#options;
    const { output, signal } = context;
    return { access, connections, output, signal, waitMs, udpIdleMs, memory: this.#memory };
  }

  readonly #tell = (status: ForwardStatus): void => {
    const { isInteractive, context } = this.#options;
    if (isInteractive) {
      this.#draw();
      return;
    }
    const { forward, state, address, error } = status;
    const where = address === undefined || forward.includes(address) ? "" : ` at ${address}`;
    const why = error === undefined ? "" : `: ${error}`;
    context.output.result({ event: "forward", profile: this.#name, ...status }, `${forward} is ${state}${where}${why}`);
  };

  #lookLater(): void {
    const { clock } = this.#options.context;
    this.#cancelLook = clock.at(clock.nowMs() + lookAgainMs, () => void this.#look(), "watch");
  }

  /** Looks whether the names are there, and makes the next appointment. Never rejects. */
  async #look(): Promise<void> {
    const access = this.#accesses.at(-1) as RouterAccess;
    this.#looks += 1;
    const look = this.#looks;
    let names: readonly ListedName[] | undefined;
    let failure: string | undefined;
    try {
      const client = await access.client();
      this.#endpoint = client.endpoint;
      names = await client.list({ signal: this.#options.context.signal });
    } catch (error) {
      failure = routerFailure(error, { endpoint: this.#endpoint }).message;
    }
    if (this.#stopped || look !== this.#looks) return; // a later look has begun
    for (const each of this.#forwards) each.onNames(names, failure);
    this.#draw();
    this.#lookLater();
  }

  #act(action: KeyAction): void {
    const chosen = this.#forwards[this.#selected];
    const last = Math.max(0, this.#forwards.length - 1);
    switch (action) {
      case "up":
        this.#selected = Math.max(0, this.#selected - 1);
        break;
      case "down":
        this.#selected = Math.min(last, this.#selected + 1);
        break;
      case "toggle":
        if (chosen?.isOn) void chosen.stop();
        else chosen?.start();
        break;
      case "all":
        for (const each of this.#forwards) each.start();
        break;
      case "none":
        for (const each of this.#forwards) void each.stop();
        break;
      case "end":
        this.#end();
        break;
      case "interrupt":
        process.kill(process.pid, "SIGINT");
    }
    this.#draw();
  }

  #draw(): void {
    if (this.#terminal === undefined) return;
    const forwards = this.#forwards.map(({ status }) => status);
    const { size: open } = this.#options.connections;
    const table = {
      trouble: this.#trouble,
      profile: this.#name,
      endpoint: this.#endpoint,
      forwards,
      open,
      selected: this.#selected,
    };
    this.#terminal.draw(tableLines(table, this.#terminal.size));
  }
}
