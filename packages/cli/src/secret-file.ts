/** Secrets come from files and the environment, never from arguments, which every user of the machine can list. */
import { createReadStream } from "node:fs";
import { CommandError, reasonOf } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/** Larger than any key, token or bundle of certificates; a wrong path may name a disk image or a device without end. */
const maxFileBytes = 1024 * 1024;

/** The file's content; pipes (`<(command)`) are read too. `what` begins the message: "the token file". @throws CommandError */
export async function readSmallFile(path: string, what: string): Promise<Buffer> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path, { end: maxFileBytes })) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (content.length > maxFileBytes) throw new Error(`it has more than ${maxFileBytes} bytes`);
    return content;
  } catch (error) {
    throw new CommandError(`cannot read ${what} ${path}: ${reasonOf(error)}`, ExitCode.unreadable, { cause: error });
  }
}

/** The text of the file without the space around it. @throws CommandError, also for an empty one */
export async function readSecretFile(path: string, what: string): Promise<string> {
  const text = (await readSmallFile(path, what)).toString("utf8").trim();
  if (text === "") throw new CommandError(`${what} ${path} is empty`, ExitCode.unreadable);
  return text;
}
