/** `--allow-reverse`: the addresses of this machine on which diallers may let an exposer listen. */
import { isIP } from "node:net";
import { isLoopback, printAddress, type TcpAddress, withoutZone } from "@trunkline/base";
import { CommandError } from "../command-error.js";
import { ExitCode } from "../exit-codes.js";

interface Rule {
  readonly text: string;
  /** The host; undefined for loopback, `*` for any. */
  readonly host: string | undefined;
  readonly firstPort: number;
  readonly lastPort: number;
}

/** The most rules of one command. */
const maxRules = 100;

/** The addresses that `--allow-reverse` admits; without it there are none. */
export class ReverseRules {
  readonly #rules: readonly Rule[];

  /** @throws CommandError for a text that is no `[HOST:]PORT[-PORT]` */
  constructor(texts: readonly string[] = []) {
    if (texts.length > maxRules)
      throw new CommandError(`--allow-reverse is given ${texts.length} times, more than ${maxRules}`, ExitCode.usage);
    this.#rules = texts.map(parseRule);
  }

  /** True where reverse forwards are refused altogether. */
  get areNone(): boolean {
    return this.#rules.length === 0;
  }

  /** Returns why an address is refused; undefined where it is allowed. */
  refusal(address: TcpAddress): string | undefined {
    if (this.areNone) return "this exposer takes no reverse forwards (--allow-reverse)";
    if (this.#rules.some((rule) => fits(rule, address))) return undefined;
    const allowed = this.#rules.map(({ text }) => text).join(", ");
    return `this exposer listens for others on ${allowed} only (--allow-reverse), not on ${printAddress(address)}`;
  }
}

function fits({ host, firstPort, lastPort }: Rule, address: TcpAddress): boolean {
  const isHost =
    host === undefined
      ? address.host === "localhost" || isLoopback(address.host)
      : host === "*" || host === address.host;
  return isHost && address.port >= firstPort && address.port <= lastPort;
}

function parseRule(text: string): Rule {
  const refuse = (why: string): never => {
    const example = "use a port or a range of ports, with a host before it: 8080, 8000-8099, 0.0.0.0:8080 or *:8080";
    throw new CommandError(`--allow-reverse ${JSON.stringify(text)} ${why}; ${example}`, ExitCode.usage);
  };
  const [, bracketed, plain, first = "", last = first] =
    /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (first === "") return refuse("names no port");
  const host = bracketed ?? plain;
  if (host !== undefined && host !== "*" && host !== "localhost" && isIP(withoutZone(host)) === 0)
    return refuse(`has ${JSON.stringify(host)} for its host, which is not an IP address`);
  const [firstPort, lastPort] = [Number(first), Number(last)];
  if (lastPort > 65_535) return refuse(`has the port ${lastPort}, which is larger than 65535`);
  if (firstPort > lastPort) return refuse("begins behind its end");
  return { text, host: host === "localhost" ? undefined : host, firstPort, lastPort };
}
