/** The requests of a call as the command line gives them: JSON, a file, or standard input. */
import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { type DescMessage, fromJsonString, type Message } from "@bufbuild/protobuf";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { jsonValues } from "./json-values.js";
import type { Schema } from "./schema.js";

/** Yields the JSON text of each request; none without data. @throws CommandError for a file that cannot be read */
export async function* requestTexts(data: string | undefined, signal: AbortSignal): AsyncIterable<string> {
  if (data === undefined) return;
  if (data !== "-" && !data.startsWith("@")) return yield* jsonValues([data]);
  const isStdin = data === "-" || data === "@-";
  const file = data.slice(1);
  const readable: Readable = isStdin ? process.stdin : createReadStream(file);
  const onAbort = (): void => void readable.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    yield* jsonValues(readable.setEncoding("utf8"));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof CommandError) throw error;
    const message = `cannot read ${isStdin ? "standard input" : `the data file ${file}`}: ${reasonOf(error)}`;
    throw new CommandError(message, ExitCode.unreadable, { cause: error });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Returns the message that a text of JSON is. @throws CommandError that says what is wrong, and in which request */
export async function requestOf(text: string, number: number, type: DescMessage, schema: Schema): Promise<Message> {
  try {
    return await schema.converting(() => fromJsonString(type, text, { registry: schema.registry }));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    const message = `request ${number} is no ${type.typeName}: ${reasonOf(innermost(error))}`;
    throw new CommandError(message, ExitCode.usage, { cause: error });
  }
}

/** Returns the cause of an error of protobuf-es, whose own message only says which type could not be read. */
function innermost(error: unknown): unknown {
  return error instanceof Error && !(error instanceof SyntaxError) && error.cause !== undefined ? error.cause : error;
}
