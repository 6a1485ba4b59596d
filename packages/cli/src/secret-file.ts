/**
 * Reads secrets. They come from files and the environment, never from arguments, which every user of the machine can
 * list.
 */
import { createReadStream } from "node:fs";
import { CommandError, reasonOf } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/**
 * The largest file that is read: larger than any key, token or bundle of certificates. A wrong path may name an endless
 * device.
 */
const maxFileBytes = 1024 * 1024;

/**
 * Returns the content of a file or a pipe (`<(command)`). `what` begins the message of an error: "the token file".
 * @throws CommandError
 */
export async function readSmallFile(path: string, what: string, maxBytes: number = maxFileBytes): Promise<Buffer> {
  // A variable that is not set, as in --token-file "$TOKEN_FILE", has this path.
  if (path === "") throw new CommandError(`cannot read ${what} "": the path is empty`, ExitCode.usage);
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path, { end: maxBytes })) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (content.length > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
    return content;
  } catch (error) {
    throw new CommandError(`cannot read ${what} ${path}: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
  }
}

/** Returns the text of a file without the white space around it. @throws CommandError, also for an empty file */
export async function readSecretFile(path: string, what: string): Promise<string> {
  const text = (await readSmallFile(path, what)).toString("utf8").trim();
  if (text === "") throw new CommandError(`${what} ${path} is empty`, ExitCode.unreadable);
  return text;
}
