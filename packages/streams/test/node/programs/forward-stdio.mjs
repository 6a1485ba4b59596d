/** Joins standard input and output to a TCP port, as `nc` does. */
import { forward } from "@trunkline/streams";
import { connectTcp, stdio } from "@trunkline/streams/node";

const server = await connectTcp({ host: "127.0.0.1", port: Number(process.argv[2]) });
const { aToB, bToA } = await forward(stdio(), server);
process.stderr.write(`sent ${aToB.bytes}, received ${bToA.bytes}\n`);
process.exit();
