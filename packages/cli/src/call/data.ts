/** The requests of a call as the command line gives them: JSON, a file, or standard input. */
import { constants, createReadStream } from "node:fs";
import { access } from "node:fs/promises";
import type { Readable } from "node:stream";
import { type DescMessage, fromJsonString, type Message } from "@bufbuild/protobuf";
import { CommandError, reasonOf } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { jsonValues } from "./json-values.js";
import type { Schema } from "./schema.js";

/**
 * Looks at the data before anything is dialled, as far as it is there already: JSON that is not whole and a file that
 * cannot be read are not hidden behind a server that cannot be reached. @throws CommandError
 */
export async function checkData(data: string | undefined): Promise<void> {
  if (data === undefined || isStandardInput(data)) return;
  if (!data.startsWith("@")) for await (const _ of jsonValues([data]));
  else
    await access(data.slice(1), constants.R_OK).catch((error: unknown) => {
      throw unreadable(data, error);
    });
}

/** Yields the JSON text of each request; none without data. @throws CommandError for a file that cannot be read */
export async function* requestTexts(data: string | undefined, signal: AbortSignal): AsyncIterable<string> {
  if (data === undefined) return;
  if (data !== "-" && !data.startsWith("@")) return yield* jsonValues([data]);
  const readable: Readable = isStandardInput(data) ? process.stdin : createReadStream(data.slice(1));
  const onAbort = (): void => void readable.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    yield* jsonValues(readable.setEncoding("utf8"));
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof CommandError) throw error;
    throw unreadable(data, error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function isStandardInput(data: string): boolean {
  return data === "-" || data === "@-";
}

function unreadable(data: string, error: unknown): CommandError {
  const what = isStandardInput(data) ? "standard input" : `the data file ${data.slice(1)}`;
  return new CommandError(`cannot read ${what}: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
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
