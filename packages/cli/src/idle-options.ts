/**
 * Options that do nothing beside the others of a command line. They are refused: a user who gives one expects it to do
 * something.
 */
import { CommandError } from "./command-error.js";
import { ExitCode } from "./exit-codes.js";

/** The words and the options of a command line, which the user has given. */
export interface GivenWords {
  readonly command: string;
  readonly words: readonly string[];
  /** Returns the value of an option, such as `--wait`, that stands on the command line; undefined where it does not. */
  given(option: string): unknown;
}

interface Rule {
  readonly command: string;
  readonly options: readonly string[];
  /** Returns true where the options do nothing. */
  readonly when: (line: GivenWords) => boolean;
  /** The end of the message: "--wait does nothing …". */
  readonly because: string;
}

/** The options by which a command reaches a router. */
const accessOptions = [
  "--endpoint",
  "--profile",
  "--token-file",
  "--tls-ca",
  "--tls-cert",
  "--tls-key",
  "--plaintext",
  "--proxy",
  "--identity",
  "--peer-key",
  "--peer-ca",
];

const has =
  (option: string) =>
  ({ given }: GivenWords): boolean =>
    given(option) !== undefined;
const lacks = (option: string) => (line: GivenWords) => !has(option)(line);
const isUdp = (text: unknown): boolean => typeof text === "string" && text.startsWith("udp:");
const asksNever = ({ given }: GivenWords): boolean => given("--keepalive") === "0";
const looksOnly = (line: GivenWords): boolean => has("--list")(line) || has("--describe")(line);

const rules: readonly Rule[] = [
  ...["router", "expose", "connect", "up"].map((command) => ({
    command,
    options: ["--keepalive-timeout"],
    when: asksNever,
    because: "beside --keepalive 0, with which nothing is asked for life",
  })),
  {
    command: "router",
    options: ["--dashboard-rights"],
    when: ({ given }) => given("--dashboard") === "off",
    because: "with --dashboard off",
  },
  {
    command: "expose",
    options: ["--udp-idle"],
    when: ({ words }) => !words.some(isUdp),
    because: "without a target of UDP, as in udp:53",
  },
  {
    command: "expose",
    options: ["--health-interval", "--health-timeout", "--health-failures", "--health-successes"],
    when: lacks("--health"),
    because: "without --health, which says what is asked",
  },
  {
    command: "expose",
    options: ["--no-check"],
    when: has("--health"),
    because: "beside --health, with which a target that fails may begin",
  },
  {
    command: "connect",
    options: ["--udp-idle"],
    when: ({ words, given }) => !words.some(isUdp) && !isUdp(given("--listen")),
    because: "without an address of UDP, as in udp:5353",
  },
  {
    command: "connect",
    options: ["--grace", "--max-connections"],
    when: has("--stdio"),
    because: "with --stdio, which is one connection and ends with it",
  },
  {
    command: "recv",
    options: ["--to", "--overwrite"],
    when: has("--stdout"),
    because: "with --stdout, which writes to no folder",
  },
  {
    command: "top",
    options: ["--interval"],
    when: has("--once"),
    because: "with --once, which looks one time",
  },
  {
    command: "top",
    options: ["--sort"],
    when: has("--json"),
    because: "with --json, whose events have the router's order",
  },
  {
    command: "bench",
    options: ["--time", "--connections", ...accessOptions],
    when: has("--serve"),
    because: "with --serve: the other side measures, and no router is used",
  },
  {
    command: "bench",
    options: accessOptions,
    when: ({ words }) => words.length === 0,
    because: "without a name: --direct uses no router",
  },
  {
    command: "call",
    options: ["--wait"],
    when: lacks("--via"),
    because: "without --via: only an exposed name can appear",
  },
  {
    command: "call",
    options: ["--data", "--emit-defaults", "--timeout", "--verbose"],
    when: looksOnly,
    because: "with --list and --describe, which call no method",
  },
  { command: "key", options: ["--alg"], when: lacks("--id"), because: "without --id: only a JWK Set names it" },
];

/** @throws CommandError for an option that does nothing, which it names with the reason */
export function refuseIdleOptions(line: GivenWords): void {
  for (const { command, options, when, because } of rules) {
    if (command !== line.command) continue;
    const idle = options.find((option) => line.given(option) !== undefined);
    if (idle !== undefined && when(line)) throw new CommandError(`${idle} does nothing ${because}`, ExitCode.usage);
  }
}
