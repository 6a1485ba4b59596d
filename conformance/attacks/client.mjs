/**
 * A victim: a client that asks a good server again and again, and a hostile one once for each line on stdin, which
 * holds its port. For each line it answers with what became of that request; the line `served` asks how many good
 * answers there were so far. Usage: `node client.mjs h2|grpc GOOD_PORT`.
 */
import { createInterface } from "node:readline";
import { Channel, createClient } from "@trunkline/grpc";
import { connectSocket, HttpConnection } from "@trunkline/h2/node";
import { victimService } from "./service.mjs";

const [kind, goodPort] = process.argv.slice(2);
const text = Buffer.from("still there?");
const fields = [
  { name: ":method", value: "POST" },
  { name: ":scheme", value: "http" },
  { name: ":path", value: "/" },
  { name: ":authority", value: "hostile" },
];

/** The time for which a connection outlives its request, since a hostile server goes on. */
const afterwardsMs = 5_000;

/** One request, its body and all of its answer, on a connection of its own. */
const ask = {
  async h2(port) {
    const connection = HttpConnection.connect(await connectSocket({ host: "127.0.0.1", port }));
    try {
      const stream = await connection.request(fields);
      await stream.send(text, true);
      await stream.headers();
      // What a hostile server sends is not read before its connection is over: it waits here.
      await connection.driver.done;
      return await stream.body();
    } finally {
      setTimeout(() => connection.driver.destroy(), afterwardsMs);
    }
  },
  async grpc(port) {
    const channel = new Channel(`dns:///127.0.0.1:${port}`);
    try {
      return await createClient(victimService, channel).echo(text);
    } finally {
      setTimeout(() => channel.close({ closeTimeoutMs: 0 }), afterwardsMs);
    }
  },
};

let served = 0;
async function askTheGoodOne() {
  const channel = new Channel(`dns:///127.0.0.1:${goodPort}`);
  const client = createClient(victimService, channel);
  for (;;) {
    const answer = await client.echo(text);
    if (!text.equals(answer)) throw new Error(`the good server answered ${answer}`);
    served += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

void askTheGoodOne();
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "served") {
    console.log(served);
    continue;
  }
  ask[kind](Number(line)).then(
    () => console.log("answered"),
    (error) => console.log(`failed: ${String(error.message).replaceAll("\n", " ")}`),
  );
}
