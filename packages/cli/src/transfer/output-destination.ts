/** Standard output as the destination of one file: what `recv NAME --stdout | …` needs. */
import { createHash } from "node:crypto";
import type { SendStream } from "@trunkline/streams";
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import type { Destination, FileSink } from "./destination.js";

/** Writes the one file to a stream. It is written as it comes: whether it was whole, the exit code tells. */
export class OutputDestination implements Destination {
  readonly #output: SendStream<Uint8Array>;
  #used = false;

  constructor(output: SendStream<Uint8Array>) {
    this.#output = output;
  }

  async *parts(): AsyncGenerator<never, void, undefined> {}

  async addFolder(): Promise<void> {
    throw onlyOneFile();
  }

  async addLink(): Promise<void> {
    throw onlyOneFile();
  }

  async beginFile(): Promise<FileSink> {
    if (this.#used) throw onlyOneFile();
    this.#used = true;
    const hash = createHash("sha256");
    const output = this.#output;
    return {
      async write(bytes) {
        hash.update(bytes);
        await output.send(bytes);
      },
      finish: async () => hash.digest("hex"),
      abandon: async () => {},
    };
  }

  async publish(): Promise<void> {
    await this.#output.sendEof();
  }
}

function onlyOneFile(): CommandError {
  return new CommandError("--stdout takes one file, and more than that was sent", ExitCode.cannotCreate);
}
