/** A caller without a token that calls as fast as it can: the log stays short, and says how many calls there were. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import http2 from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../packages/cli/dist/main.js", import.meta.url));
const attackMs = 5_000;
const inFlight = 64;
/** The calls that an attack must reach to be one, and the lines that it may cause: some for each kind of refusal. */
const leastCalls = 500;
const mostLines = 40;

/** @param {import("../lib/cases.mjs").Cases} cases */
export async function floodLogs(cases) {
  await cases.run("the router command: calls without a token, of three methods, write a few lines", async () => {
    const folder = mkdtempSync(join(tmpdir(), "trunkline-logs-"));
    const env = { PATH: process.env.PATH, HOME: folder, XDG_RUNTIME_DIR: folder };
    const router = spawn(process.execPath, [main, "router", "--listen", "127.0.0.1:0"], { env });
    try {
      let log = "";
      router.stderr.setEncoding("utf8").on("data", (text) => {
        log += text;
      });
      const [line] = await once(createInterface({ input: router.stdout }), "line");
      const port = /:(\d+)/.exec(line)?.[1];
      const calls = await callFor(attackMs, `http://127.0.0.1:${port}`);
      router.kill("SIGTERM");
      await once(router, "close");
      const lines = log.split("\n").length - 1;
      console.log(`        ${calls} calls, ${lines} lines`);
      assert.ok(calls >= leastCalls, `only ${calls} calls were answered`);
      assert.ok(lines <= mostLines, `${lines} lines for ${calls} calls: ${log.slice(0, 500)}`);
      assert.match(log, /refused/);
      assert.match(log, new RegExp(`refused ${calls} calls`));
    } finally {
      router.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

/** Calls without a token, and returns how many calls were answered with UNAUTHENTICATED. */
async function callFor(ms, origin) {
  const session = http2.connect(origin);
  session.on("error", () => {});
  await once(session, "connect");
  const paths = [
    "/trunkline.v1.ExchangeService/Dial",
    "/trunkline.v1.ExchangeService/Listen",
    "/jumpstarter.v1.RouterService/Stream",
  ];
  const endMs = performance.now() + ms;
  let answered = 0;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < endMs && !session.destroyed) {
      const request = session.request({
        ":method": "POST",
        ":path": paths[calls++ % paths.length],
        te: "trailers",
        "content-type": "application/grpc",
      });
      request.on("response", (headers) => {
        if (headers["grpc-status"] === "16") answered += 1;
      });
      request.on("error", () => {});
      request.end();
      request.resume();
      await once(request, "close");
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  session.destroy();
  return answered;
}
