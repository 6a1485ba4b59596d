/**
 * The short grammar of forwards: `[HOST:]PORT:NAME`, `udp:[HOST:]PORT:NAME` and `unix:PATH:NAME`. A name has no colon,
 * so that it is what stands behind the last one. A name alone is followed by reverse forwards, at whose exposer they
 * listen: `R:[HOST:]PORT[:TARGET]`.
 */
import { isIP } from "node:net";
import { type TcpAddress, withoutZone } from "@trunkline/base";
import { nameProblem } from "@trunkline/router";
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";
import {
  type ListenAddress,
  parseForwardListen,
  parseListen,
  parseTarget,
  printAddress,
  printTarget,
  type SocketAddress,
} from "../target.js";

/** A local address and the name that it leads to. */
export interface LocalForward {
  readonly name: string;
  readonly listen: ListenAddress;
}

/** An address at the exposer of a name, and the target here that its connections go to. */
export interface ReverseForward {
  readonly name: string;
  readonly reverse: TcpAddress;
  readonly target: SocketAddress;
}

export type Forward = LocalForward | ReverseForward;

/** The most forwards of one command: each listens at a port. */
const maxForwards = 100;

/** The forms of a forward, for messages. */
const forms = "use [HOST:]PORT:NAME, udp:[HOST:]PORT:NAME, unix:PATH:NAME, or NAME R:[HOST:]PORT[:TARGET]";

/** Reads forwards, one a word. @throws CommandError that says what is wrong */
export function parseForwards(words: readonly string[]): Forward[] {
  if (words.length > maxForwards)
    throw new CommandError(`${words.length} forwards are more than ${maxForwards}`, ExitCode.usage);
  const forwards: Forward[] = [];
  let exposer: string | undefined;
  for (const [index, word] of words.entries()) {
    if (word.startsWith(reversePrefix)) {
      if (exposer === undefined) throw refusal(word, "has no name before it, at whose exposer it listens");
      forwards.push(parseReverse(exposer, word));
    } else if (!word.includes(":") && words[index + 1]?.startsWith(reversePrefix)) {
      checkName(word, word);
      exposer = word;
    } else {
      exposer = undefined;
      forwards.push(parseLocal(word));
    }
  }
  return forwards;
}

/** Returns a forward as the command line takes it. */
export function printForward(forward: Forward): string {
  if ("listen" in forward) return `${printTarget(forward.listen)}:${forward.name}`;
  return `${forward.name} ${reversePrefix}${printAddress(forward.reverse)}:${printAddress(forward.target)}`;
}

const reversePrefix = "R:";

function refusal(word: string, why: string): CommandError {
  return new CommandError(`forward ${JSON.stringify(word)} ${why}; ${forms}`, ExitCode.usage);
}

/** @throws CommandError for a word whose name is none under which anything is exposed */
function checkName(word: string, name: string): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new CommandError(`forward ${JSON.stringify(word)}: ${problem}`, ExitCode.usage);
}

/** Reads `R:8080`, `R:8080:TARGET`, `R:HOST:8080` or `R:HOST:8080:TARGET`; a port alone leads to the same port here. */
function parseReverse(name: string, word: string): ReverseForward {
  const parts = /^R:(?:(\[[^\]]*\]|[^:[\]]*[^:[\]\d][^:[\]]*):)?(\d+)(?::(.+))?$/s.exec(word);
  if (parts === null) throw refusal(word, "has no port behind R:");
  const [, host, port = "", targetText = port] = parts;
  const reverse = parseListen(host === undefined ? port : `${host}:${port}`);
  if ("path" in reverse) throw refusal(word, "is a Unix socket at the exposer");
  if (reverse.host !== "localhost" && isIP(withoutZone(reverse.host)) === 0)
    throw refusal(word, `has ${JSON.stringify(reverse.host)} for its host, which is not an IP address`);
  const target = parseTarget(targetText);
  if ("path" in target || "host" in target) return { name, reverse, target };
  throw refusal(word, "leads to something else than a port or a Unix socket");
}

function parseLocal(word: string): LocalForward {
  const refuse = (why: string): never => {
    throw refusal(word, why);
  };
  const colon = word.lastIndexOf(":");
  if (colon === -1) return refuse("has no address to listen on");
  const name = word.slice(colon + 1);
  if (name === "") return refuse("has no name behind its last colon");
  checkName(word, name);
  return { name, listen: parseForwardListen(word.slice(0, colon)) };
}
