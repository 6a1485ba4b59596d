/**
 * One server of the fleet, in a process of its own. It writes the number of each call to its log before it begins to
 * work on it, in such a way that the line is there even if the process is killed then. SIGTERM closes it gracefully.
 */
import { openSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Server } from "@trunkline/grpc";
import { counted, decode, Work } from "./service.mjs";

const [port, logFile] = process.argv.slice(2);
const log = openSync(logFile, "a");
const begun = (id) => writeSync(log, `${id}\n`);

/** The time for running calls when the server is asked to end. */
const closeTimeoutMs = 10_000;

let address;
const answer = () => new TextEncoder().encode(address);

async function work(request) {
  const { id, workMs } = decode(request);
  begun(id);
  if (workMs > 0) await sleep(workMs);
  return answer();
}

const server = new Server().add(Work, {
  once: work,
  again: work,
  async *count(request) {
    const { id, workMs } = decode(request);
    begun(id);
    for (let message = 0; message < counted; message += 1) {
      yield answer();
      if (workMs > 0) await sleep(workMs / counted);
    }
  },
});
process.once("SIGTERM", () => server.close({ closeTimeoutMs }));
address = await server.listen(`127.0.0.1:${port}`);
console.log(address);
