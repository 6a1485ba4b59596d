import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { download } from "../../src/demo/download.js";
import { makeSampleFile } from "../../src/demo/sample-file.js";
import { startDemoService } from "../../src/demo/service.js";
import { Output } from "../../src/output.js";
import { showProgress } from "../../src/progress-line.js";
import { FakeTerminal } from "../support/fake-terminal.js";

const never = new AbortController().signal;
const size = 2_500_000;

describe("the sample file", () => {
  test("has its size and checksum, does not compress, is for its owner only, and is removed in the end", async () => {
    let path: string;
    {
      using file = await makeSampleFile(size, never);
      path = file.path;
      const content = readFileSync(path);
      expect(content.length).toBe(size);
      expect(createHash("sha256").update(content).digest("hex")).toBe(file.sha256);
      expect(gzipSync(content).length).toBeGreaterThan(size);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    }
    expect(existsSync(dirname(path))).toBe(false);
  });

  test("leaves nothing behind when it is given up", async () => {
    const before = process.listenerCount("exit");
    const reason = new Error("enough");
    await expect(makeSampleFile(size, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(process.listenerCount("exit")).toBe(before);
  });

  test("that cannot be written is told with the folder", async () => {
    vi.stubEnv("TMPDIR", "/no/such/folder");
    try {
      await expect(makeSampleFile(size, never)).rejects.toThrow(
        "cannot make a temporary folder in /no/such/folder: there is no such file",
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("the demo's service", () => {
  test("serves the file whole, a page about it, and nothing else", async () => {
    using file = await makeSampleFile(size, never);
    await using service = await startDemoService(file, "demo");
    const url = `http://127.0.0.1:${service.port}`;

    const seen: number[] = [];
    const arrived = await download(`${url}/sample.bin`, {
      signal: never,
      onProgress: (bytes, total) => seen.push(bytes, total),
    });
    expect(arrived).toMatchObject({ bytes: size, sha256: file.sha256 });
    expect(seen.slice(-2)).toEqual([size, size]);

    const page = await fetch(`${url}/`);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain(file.sha256);
    expect((await fetch(`${url}/other`)).status).toBe(404);
    expect((await fetch(`${url}/`, { method: "POST", body: "x" })).status).toBe(405);
    expect((await fetch(`${url}/sample.bin`, { method: "HEAD" })).headers.get("content-length")).toBe(String(size));
  });
});

describe("a download", () => {
  test("that breaks off is an error, never a short file", async () => {
    await using server = await serve((_request, response) => {
      response.writeHead(200, { "content-length": 1_000 }).write("only this");
      setImmediate(() => response.socket?.destroy());
    });
    await expect(download(server.url, { signal: never, onProgress: () => {} })).rejects.toThrow("aborted");
  });

  test("of anything but 200 is an error with the status", async () => {
    await using server = await serve((_request, response) => response.writeHead(503, "Busy").end("later"));
    await expect(download(server.url, { signal: never, onProgress: () => {} })).rejects.toThrow("answers 503 Busy");
  });

  test("ends with the signal's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    await using server = await serve((_request, response) => {
      response.writeHead(200, { "content-length": 1_000 }).write("only this");
    });
    const arriving = download(server.url, { signal: controller.signal, onProgress: () => controller.abort(reason) });
    await expect(arriving).rejects.toBe(reason);
  });
});

describe("progress", () => {
  test("is ten lines where there is no terminal", () => {
    const stdout = new FakeTerminal();
    const line = showProgress(new Output({ json: false }, stdout.asTerminal(), stdout.asTerminal()), 1_000_000);
    for (let bytes = 1_000; bytes <= 1_000_000; bytes += 1_000) line.update(bytes);
    line.stop();
    expect(stdout.lines).toHaveLength(10);
    expect(stdout.lines[0]).toMatch(/^ {3}10 % {2}100 kB of 1 MB {2}/);
    expect(stdout.lines[9]).toMatch(/^ {2}100 % {2}1 MB of 1 MB {2}/);
  });

  test("is an event for each tenth with --json", () => {
    const stdout = new FakeTerminal(true);
    const line = showProgress(new Output({ json: true }, stdout.asTerminal(), stdout.asTerminal()), 1_000);
    line.update(550);
    expect(stdout.lines.map((text) => JSON.parse(text) as unknown)).toMatchObject([
      { event: "progress", bytes: 550, totalBytes: 1_000 },
    ]);
  });

  test("is a bar on a terminal, and is gone when it stops", () => {
    const stdout = new FakeTerminal(true);
    const line = showProgress(new Output({ json: false }, stdout.asTerminal(), stdout.asTerminal()), 1_000_000);
    line.update(500_000);
    line.stop();
    expect(stdout.written).toContain("█");
    expect(stdout.written).toContain("500 kB of 1 MB");
  });

  test.each([
    [80, / {2}█+░+ 50 % {2}500 kB of 1 MB {2}\S+ [kMG]?B\/s/],
    [60, / {2}█+░+ 50 % {2}500 kB of 1 MB {2}\S+ [kMG]?B\/s/],
    [30, /^ {2}50 % {2}500 kB of 1 MB/],
    [8, /^ {2}50 %$/],
  ])("leaves out what a terminal of %i columns has no room for, the bar first", (columns, shown) => {
    const stdout = Object.assign(new FakeTerminal(true), { columns });
    const line = showProgress(new Output({ json: false }, stdout.asTerminal(), stdout.asTerminal()), 1_000_000);
    line.update(500_000);
    line.stop();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that steer the terminal
    const lines = stdout.written.split(/\u001b\[[?\d]*[A-Za-z]/).filter((text) => text.includes("%"));
    for (const text of lines) expect(text.length).toBeLessThan(columns);
    expect(lines.at(-1)).toMatch(shown);
  });
});

async function serve(listener: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
