// Two programs that can both only dial out meet at a router. One listens under a name, the other dials the name; both
// get a stream, with the other's metadata beside it. Each direction ends with a count and a checksum of all that it
// carried.

import { dial, endProof, listen, newRouterKey, Router } from "@trunkline/router";
import { streamMetadata } from "@trunkline/streams";

const text = (bytes) => new TextDecoder().decode(bytes);
const bytes = (string) => new TextEncoder().encode(string);

// The router. A key of your own would come from a file; the tokens are for those who may listen and dial.
const router = new Router({ keys: [{ secret: newRouterKey() }] });
const endpoint = await router.listen("127.0.0.1:0");
const token = await router.mintToken({ identity: "lab-3", lifetimeMs: 60_000 });

// One program, behind NAT: a console that answers each line.
const listener = await listen("board-7", { endpoint, token, metadata: { "x-rack": "3" } });
async function serve() {
  for await (const stream of listener) {
    console.log(`console: opened by ${stream.extra(streamMetadata).get("x-user")}`);
    for await (const line of stream) await stream.send(bytes(`${text(line).toUpperCase()}!`));
    await stream.close();
  }
}
const serving = serve();

// The other program, behind another NAT.
const stream = await dial("board-7", { endpoint, token, metadata: { "x-user": "me" } });
console.log(`user: rack ${stream.extra(streamMetadata).get("x-rack")}`);
await stream.send(bytes("reboot"), { metadata: { "x-reason": "a message may have metadata of its own" } });
console.log(`user: ${text(await stream.receive())}`);
await stream.sendEof();
console.log(`user: ${(await stream.receive()) === undefined ? "the end" : "more"}, ${stream.extra(endProof)}`);
await stream.close();

await listener.close();
await serving;
await router.close();

// Prints, in any order:
// console: opened by me
// user: rack 3
// user: REBOOT!
// user: the end, verified
