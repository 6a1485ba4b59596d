/** `trunkline top` against a router, on a terminal that is none. */
import { PassThrough } from "node:stream";
import { systemClock } from "@trunkline/base/node";
import { describe, expect, test } from "vitest";
import { top } from "../../src/commands/top.js";
import { Output } from "../../src/output.js";
import { FakeTerminal } from "../support/fake-terminal.js";
import { InProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";

/** `top` on a terminal. */
class Board {
  readonly input = Object.assign(new PassThrough(), {
    isTTY: true,
    raw: [] as boolean[],
    setRawMode: (on: boolean) => this.input.raw.push(on),
  });
  readonly screen = Object.assign(new FakeTerminal(true), { columns: 120, rows: 12 });
  readonly stop = new AbortController();
  readonly over: Promise<unknown>;

  constructor(lab: InProcessLab, options: object = {}, more: Readonly<Record<string, string>> = {}) {
    const output = new Output({ json: false }, this.screen.asTerminal(), new FakeTerminal().asTerminal());
    const env = { XDG_RUNTIME_DIR: lab.folder, HOME: lab.folder, ...more };
    const { signal } = this.stop;
    const context = { output, env, signal, program: "trunkline", clock: systemClock, onHangup: () => () => {} };
    const given = { interval: "100ms", sort: "name" as const, ...options };
    this.over = top(given, context, this.input as unknown as NodeJS.ReadStream).then(
      () => "ended",
      (error: unknown) => error,
    );
  }

  /** Waits until the screen shows the text. */
  async shows(text: string | RegExp): Promise<void> {
    const last = (): string => this.screen.written.slice(this.screen.written.lastIndexOf("\u001b[H"));
    while (!(typeof text === "string" ? last().includes(text) : text.test(last()))) await new Promise(setImmediate);
  }

  press(keys: string): void {
    this.input.write(keys);
  }
}

async function labWithStream() {
  const lab = new InProcessLab();
  const service = await startService((socket) => socket.pipe(socket));
  const { router } = await lab.router();
  await lab.expose("echo", service.target);
  const { port } = await lab.connect("echo");
  const client = new Client(port);
  client.socket.write("four");
  await client.receive(4);
  const close = async (): Promise<void> => {
    await lab[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  };
  return { lab, router, client, [Symbol.asyncDispose]: close };
}

describe("top", () => {
  test("shows the streams live, filters, kills after a yes, and leaves the terminal as it was", async () => {
    await using run = await labWithStream();
    const board = new Board(run.lab, {}, { NO_COLOR: "1" });
    await board.shows(/> \w{7}… {2}echo +local +local +live/);
    expect(board.input.raw).toEqual([true]);
    board.press("/nothing\r");
    await board.shows('0 by name, filter "nothing"');
    board.press("/");
    for (let count = 0; count < 7; count += 1) board.press("\u007f");
    board.press("echo\r");
    await board.shows('1 by name, filter "echo"');
    board.press("x");
    await board.shows("(echo) for good? y/n");
    board.press("y");
    await run.client.over;
    await board.shows("serving  0 streams");
    await board.shows("ended the stream ");
    for (const code of [1, 7, 32]) expect(board.screen.written).not.toContain(`\u001b[${code}m`);
    board.press("q");
    expect(await board.over).toBe("ended");
    expect(board.screen.written.startsWith(enter)).toBe(true);
    expect(board.screen.written.endsWith(leave)).toBe(true);
    expect(board.input.raw).toEqual([true, false]);
  });

  test("follows the size of the terminal", async () => {
    await using run = await labWithStream();
    const board = new Board(run.lab);
    await board.shows("DIALLER");
    Object.assign(board.screen, { columns: 40 });
    board.screen.emit("resize");
    await board.shows(/^(?!.*DIALLER AT)(?!.*LISTENER).*NAME +STATE/s);
    board.stop.abort(new Error("enough"));
    expect(await board.over).toBe("ended");
    expect(board.screen.written.endsWith(leave)).toBe(true);
  });

  test("says that the router is lost, and goes on when it is back", async () => {
    await using run = await labWithStream();
    const board = new Board(run.lab);
    await board.shows("serving  1 streams");
    expect(await run.router.end("SIGTERM")).toBe(0);
    await board.shows("trying again");
    await run.lab.router();
    await board.shows("serving  ");
    await board.shows(/\d by name/);
    board.press("\u0003");
    expect(await board.over).toBe("ended");
    expect(board.screen.written.endsWith(leave)).toBe(true);
  });

  test("without the right ends with a line, on a terminal that it has not touched", async () => {
    await using lab = new InProcessLab();
    await lab.router("--policy", lab.file("policy.yaml", "rules: []"));
    const board = new Board(lab);
    expect(await board.over).toMatchObject({ exitCode: 77 });
    expect(board.screen.written).toBe("");
    expect(board.input.raw).toEqual([]);
  });

  test("prints one look where there is no terminal, and messages with --json", async () => {
    await using run = await labWithStream();
    const plain = run.lab.run(["top", "--filter", "echo"]);
    expect(await plain.exit).toBe(0);
    expect(plain.stdout).toMatch(/^127\.0\.0\.1:\d+ {2}serving {2}1 streams/);
    expect(plain.stdout).toMatch(/^[\w-]{36} +echo +local +local +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +live/m);
    const once = run.lab.start("top", "--once");
    expect(await once.event("top")).toMatchObject({ snapshot: true, streams: [{ name: "echo" }] });
    expect(await once.exit).toBe(0);
    const live = run.lab.start("top", "--interval", "100ms");
    expect(await live.event("top")).toMatchObject({ snapshot: true });
    run.client.socket.write("more");
    expect(await live.event("top")).toMatchObject({ snapshot: false });
    expect(await live.end("SIGTERM")).toBe(0);
  });

  test.each([
    [["--interval", "99ms"], '--interval "99ms" is shorter than 100 ms'],
    [["--interval", "2h"], '--interval "2h" is longer than 1 min 0 s'],
    [["--sort", "luck"], "argument 'luck' is invalid"],
    [["--once", "--filter", "x".repeat(256)], "a filter of 256 characters is longer than 255"],
  ])("%j is refused", async (args, message) => {
    await using lab = new InProcessLab();
    await lab.router();
    const run = lab.run(["top", ...args]);
    expect(await run.exit).toBe(64);
    expect(run.errorLines).toHaveLength(1);
    expect(run.stderr).toContain(message);
  });
});
