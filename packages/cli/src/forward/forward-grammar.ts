/**
 * The short grammar of forwards: `[HOST:]PORT:NAME`, `udp:[HOST:]PORT:NAME` and `unix:PATH:NAME`. A name has no colon,
 * so that it is what stands behind the last one.
 */
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import { type ListenAddress, parseForwardListen, printTarget } from "../target.js";

/** A local address and the name that it leads to. */
export interface LocalForward {
  readonly name: string;
  readonly listen: ListenAddress;
}

export type Forward = LocalForward;

/** The most forwards of one command: each listens at a port. */
const maxForwards = 100;

/** The forms of a forward, for messages. */
const forms = "use [HOST:]PORT:NAME, udp:[HOST:]PORT:NAME or unix:PATH:NAME";

/** Reads forwards, one a word. @throws CommandError that says what is wrong */
export function parseForwards(words: readonly string[]): Forward[] {
  if (words.length > maxForwards)
    throw new CommandError(`${words.length} forwards are more than ${maxForwards}`, ExitCode.usage);
  return words.map(parseForward);
}

/** Returns a forward as the command line takes it. */
export function printForward({ name, listen }: Forward): string {
  return `${printTarget(listen)}:${name}`;
}

function parseForward(word: string): Forward {
  const refuse = (why: string): never => {
    throw new CommandError(`forward ${JSON.stringify(word)} ${why}; ${forms}`, ExitCode.usage);
  };
  const colon = word.lastIndexOf(":");
  if (colon === -1) return refuse("has no address to listen on");
  const name = word.slice(colon + 1);
  if (name === "") return refuse("has no name behind its last colon");
  return { name, listen: parseForwardListen(word.slice(0, colon)) };
}
