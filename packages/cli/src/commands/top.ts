/** `trunkline top`: the streams of a router as they change, in the terminal. */
import process from "node:process";
import { pause } from "@trunkline/base";
import { adminFailure } from "../admin/admin-failure.js";
import { CommandError } from "../command-error.js";
import type { Context, Environment } from "../context.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { printable } from "../format.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { type Key, Terminal } from "../terminal.js";
import { TopModel } from "../top/model.js";
import { newScreen, pressed, type Screen, shownStreams, type TopOrder } from "../top/screen.js";
import { pageRows, plainLines, topLines } from "../top/table.js";

/** Options of `trunkline top`. */
export interface TopOptions extends AccessOptions {
  readonly interval: string;
  readonly sort: TopOrder;
  readonly filter?: string;
  readonly once?: boolean;
}

const leastIntervalMs = 100;
const maxIntervalMs = 60_000;
/** The number of streams that are asked for: the most that a router tells. */
const maxStreams = 20_000;
/** The time after which a router that was lost is tried again. */
const retryMs = 1_000;

/** Shows the streams until a key or a signal ends it; once where nobody looks on. @throws CommandError */
export async function top(
  options: TopOptions,
  context: Context,
  input: NodeJS.ReadStream = process.stdin,
): Promise<void> {
  const { output } = context;
  const intervalMs = parseDuration(options.interval, "--interval", maxIntervalMs);
  if (intervalMs < leastIntervalMs) {
    const message = `--interval ${JSON.stringify(options.interval)} is shorter than ${leastIntervalMs} ms`;
    throw new CommandError(message, ExitCode.usage);
  }
  await using access = await RouterAccess.open(options, { graceMs: 0, resumeMs: 0 }, context);
  const isBoard = output.interactive && input.isTTY === true && options.once !== true;
  if (isBoard) await new Board(access, intervalMs, newScreen(options.sort, options.filter ?? ""), context).run(input);
  else await print(access, intervalMs, options, context);
}

/** Prints each message with `--json`, and one look otherwise. */
async function print(access: RouterAccess, intervalMs: number, options: TopOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const { filter = "", once = !output.json } = options;
  const { admin, endpoint } = await access.client();
  try {
    if (output.json && !once) {
      for await (const update of admin.watch({ intervalMs, maxStreams, filter, signal }))
        output.result({ event: "top", ...update }, "");
      return;
    }
    const update = await admin.snapshot({ maxStreams, filter, signal });
    const model = new TopModel();
    model.apply(update);
    const lines = plainLines(model, newScreen(options.sort, ""), endpoint);
    output.result({ event: "top", ...update }, lines.join("\n"));
  } catch (error) {
    throw signal.aborted ? signal.reason : adminFailure(error, { endpoint });
  }
}

/** The table on the terminal. */
class Board {
  readonly #access: RouterAccess;
  readonly #intervalMs: number;
  readonly #context: Context;
  readonly #isColoured: boolean;
  readonly #ended: AbortController = new AbortController();
  readonly #signal: AbortSignal;
  #model: TopModel = new TopModel();
  #screen: Screen;
  #terminal: Terminal | undefined;
  #endpoint = "";
  #trouble: string | undefined;

  constructor(access: RouterAccess, intervalMs: number, screen: Screen, context: Context) {
    this.#access = access;
    this.#intervalMs = intervalMs;
    this.#screen = screen;
    this.#context = context;
    this.#isColoured = hasColours(context.env);
    this.#signal = AbortSignal.any([context.signal, this.#ended.signal]);
  }

  /** Runs until it is ended. The terminal is as before then, whatever happens. @throws CommandError */
  async run(input: NodeJS.ReadStream): Promise<void> {
    try {
      while (!this.#signal.aborted) {
        try {
          await this.#watch(input);
        } catch (error) {
          const failure = adminFailure(error, { endpoint: this.#endpoint });
          // A router that was never there, or refuses, is no router that was lost.
          if (this.#terminal === undefined || failure.exitCode !== ExitCode.routerUnavailable) throw failure;
          this.#trouble = `${failure.message}; trying again`;
          this.#draw();
        }
        await pause(this.#context.clock, retryMs, "work", this.#signal);
      }
      if (this.#terminal === undefined && this.#context.signal.aborted) throw this.#context.signal.reason;
    } finally {
      this.#terminal?.[Symbol.dispose]();
    }
  }

  async #watch(input: NodeJS.ReadStream): Promise<void> {
    const { admin, endpoint } = await this.#access.client();
    this.#endpoint = endpoint;
    for await (const update of admin.watch({ intervalMs: this.#intervalMs, maxStreams, signal: this.#signal })) {
      this.#trouble = undefined;
      this.#model.apply(update);
      // Only now: a failure before the first message is a line on a terminal that was never touched.
      this.#terminal ??= new Terminal(
        { input, output: this.#context.output.terminal },
        (text, key) => this.#onKey(text, key),
        () => this.#draw(),
      );
      this.#draw();
    }
  }

  #onKey(text: string | undefined, key: Key): void {
    const shown = shownStreams(this.#model.streams, this.#screen);
    const page = pageRows(this.#terminal?.size.rows ?? 0);
    const { screen, effect } = pressed(this.#screen, shown, text, key, page);
    this.#screen = screen;
    if (effect?.kind === "end") this.#ended.abort(new Error("the user has ended it"));
    else if (effect?.kind === "kill") void this.#kill(effect.id);
    this.#draw();
  }

  /** Ends a stream, and shows what came of it. Never rejects. */
  async #kill(id: string): Promise<void> {
    const say = (message: string): void => {
      this.#screen = { ...this.#screen, message };
      this.#draw();
    };
    try {
      const { admin } = await this.#access.client();
      await admin.killStream(id, "", { signal: this.#signal });
      say(`ended the stream ${printable(id)}`);
    } catch (error) {
      say(adminFailure(error, { endpoint: this.#endpoint }).message);
    }
  }

  #draw(): void {
    if (this.#terminal === undefined || this.#signal.aborted) return;
    const look = { endpoint: this.#endpoint, isColoured: this.#isColoured, trouble: this.#trouble };
    this.#terminal.draw(topLines(this.#model, this.#screen, look, this.#terminal.size));
  }
}

/** Returns false where the user wants no colours (https://no-color.org), or the terminal has none. */
function hasColours({ NO_COLOR, TERM }: Environment): boolean {
  return (NO_COLOR ?? "") === "" && TERM !== "dumb";
}
