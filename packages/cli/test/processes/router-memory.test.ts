/**
 * The memory of a router, read from outside while it works: without end-to-end TLS the text of a connection is found
 * there, with it nowhere.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { disposeLabs, MixedLab } from "../support/lab.js";
import { type ProcessRun, publishCommand } from "../support/process-run.js";
import { Client, startService } from "../support/services.js";

beforeAll(publishCommand, 120_000);
afterAll(disposeLabs);

const pieceBytes = 4 * 1024 * 1024;

/** Returns how often the text stands in the memory that a process can write. @throws where that may not be read */
function countInMemory(pid: number, text: string): number {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const piece = Buffer.alloc(pieceBytes);
  let count = 0;
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
      const [, from = "", to = ""] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      const end = BigInt(`0x${to || "0"}`);
      // Pieces overlap, so that a text across their border is found.
      for (let at = BigInt(`0x${from || "0"}`); at < end; at += BigInt(pieceBytes - text.length)) {
        const length = Number(end - at < BigInt(pieceBytes) ? end - at : BigInt(pieceBytes));
        let read = 0;
        try {
          read = readSync(memory, piece, 0, length, at);
        } catch {
          break; // a region that was given back meanwhile
        }
        for (let found = piece.indexOf(text); found >= 0 && found < read; found = piece.indexOf(text, found + 1))
          count += 1;
      }
    }
  } finally {
    closeSync(memory);
  }
  return count;
}

function whyNot(): string | undefined {
  if (process.platform !== "linux") return "there is no /proc/PID/mem on this system";
  try {
    return countInMemory(process.pid, "trunkline") > 0 ? undefined : "the memory of a process cannot be searched here";
  } catch (error) {
    return `the memory of a process may not be read here: ${(error as Error).message}`;
  }
}
const reason = whyNot();

describe.skipIf(reason !== undefined)(
  `the memory of a router${reason === undefined ? "" : ` (skipped: ${reason})`}`,
  () => {
    /** Carries the canary both ways for some time, and returns the most that was found of it in the router. */
    async function found(exposing: readonly string[], connecting: readonly string[], lab: MixedLab): Promise<number> {
      const canary = ["canary", "of", String(process.hrtime.bigint()), "never", "in", "the", "clear"].join("-");
      await using service = await startService((socket) => socket.pipe(socket));
      const { router } = await lab.router();
      await lab.expose("echo", service.target, ...exposing);
      const { port } = await lab.connect("echo", ...connecting);
      const client = new Client(port);
      let most = 0;
      for (let round = 1; round <= 5; round += 1) {
        client.socket.write(canary.repeat(2_000));
        await client.receive(canary.length * 2_000 * round);
        most = Math.max(most, countInMemory((router as ProcessRun).child.pid as number, canary));
      }
      client.socket.end();
      expect(await client.over).toBe("end");
      return most;
    }

    test("holds the text of a connection without end-to-end TLS", async () => {
      await using lab = new MixedLab("router");
      expect(await found([], [], lab)).toBeGreaterThan(0);
    });

    test("holds nothing of it with end-to-end TLS", async () => {
      await using lab = new MixedLab("router");
      for (const name of ["l", "d"]) expect(await lab.run(["cert", "peer", name, "--folder", lab.folder]).exit).toBe(0);
      const side = (name: string, option: string): string[] => [
        "--identity",
        join(lab.folder, `${name}.pem`),
        option,
        join(lab.folder, "ca.pem"),
      ];
      expect(await found(side("l", "--client-ca"), side("d", "--peer-ca"), lab)).toBe(0);
    });
  },
);
