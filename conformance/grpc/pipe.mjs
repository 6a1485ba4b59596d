/**
 * Reads and writes the messages of connectconformance: protobuf over stdin and stdout, each message behind its length
 * in four bytes.
 */
import { fromBinary, toBinary } from "@bufbuild/protobuf";

const lengthBytes = 4;

/** Yields the messages on stdin, until it ends. */
export async function* readMessages(schema) {
  let waiting = Buffer.alloc(0);
  for await (const chunk of process.stdin) {
    waiting = Buffer.concat([waiting, chunk]);
    while (waiting.length >= lengthBytes) {
      const end = lengthBytes + waiting.readUInt32BE(0);
      if (waiting.length < end) break;
      yield fromBinary(schema, waiting.subarray(lengthBytes, end));
      waiting = waiting.subarray(end);
    }
  }
}

/** Writes one message to stdout. */
export function writeMessage(schema, message) {
  const body = toBinary(schema, message);
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(body.length, 0);
  process.stdout.write(Buffer.concat([length, body]));
}
