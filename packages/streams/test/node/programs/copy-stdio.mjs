/** Copies standard input to standard output, as `cat` does. */
import { copy } from "@trunkline/streams";
import { stdio } from "@trunkline/streams/node";

const stream = stdio();
const { bytes } = await copy(stream, stream);
await stream.close();
process.stderr.write(`copied ${bytes}\n`);
