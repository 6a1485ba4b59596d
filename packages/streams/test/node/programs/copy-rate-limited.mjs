/** Copies a file at a limited rate; nothing but the wait for the rate keeps the process alive. */
import { copy, rateLimited, stapled } from "@trunkline/streams";
import { streamFromFile, streamToFile } from "@trunkline/streams/node";

const [from, to] = process.argv.slice(2);
const source = await streamFromFile(from, { chunkBytes: 1_000 });
const target = await streamToFile(to);
const limited = rateLimited(stapled(source, target), { sendBytesPerSecond: 20_000, burstBytes: 1_000 });
const { bytes } = await copy(limited, limited);
process.stdout.write(`copied ${bytes}\n`);
