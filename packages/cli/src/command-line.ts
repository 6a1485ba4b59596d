/** The words of the command line: commands, options, help. What they do is in `commands/`, one a file. */
import { Command, CommanderError, Option } from "commander";
import type { ConnectOptions } from "./commands/connect.js";
import type { DemoOptions } from "./commands/demo.js";
import type { ExposeOptions } from "./commands/expose.js";
import type { RouterCommandOptions } from "./commands/router.js";
import type { TokenOptions } from "./commands/token.js";
import type { CommonOptions } from "./context.js";
import { defaultGrace, defaultLifetime, defaultRouterListen, defaultSizeMb } from "./defaults.js";
import { exitCodeMeanings } from "./exit-codes.js";
import { logLevels } from "./output.js";
import { version } from "./version.js";

/** What was asked for. */
export type Request =
  | { readonly command: "router"; readonly options: RouterCommandOptions & CommonOptions }
  | {
      readonly command: "expose";
      readonly name: string;
      readonly target: string;
      readonly options: ExposeOptions & CommonOptions;
    }
  | { readonly command: "connect"; readonly name: string; readonly options: ConnectOptions & CommonOptions }
  | { readonly command: "demo"; readonly options: DemoOptions & CommonOptions }
  | { readonly command: "token"; readonly identity: string; readonly options: TokenOptions & CommonOptions };

export const commandNames: readonly Request["command"][] = ["router", "expose", "connect", "demo", "token"];

/**
 * Reads the arguments (without those of Node). Undefined when there is nothing to do but to show what was given to `write`: help or
 * the version. No arguments at all ask for help.
 * @throws CommanderError that says what is wrong with them
 */
export function parseCommandLine(args: readonly string[], write: (text: string) => void): Request | undefined {
  let request: Request | undefined;
  const accept = (understood: Request): void => {
    request = understood;
  };
  const program = new Command("trunkline")
    .description("Reach a service behind NAT: one side exposes it under a name, the other connects a port to the name.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help; every command has its own")
    .helpCommand(false)
    .addHelpText("after", `${onThisMachine}\n${environment}\n${exitCodes()}`)
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => {} });
  defineRouter(program, accept);
  defineExpose(program, accept);
  defineConnect(program, accept);
  defineDemo(program, accept);
  defineToken(program, accept);
  try {
    if (args.length === 0) program.outputHelp();
    else program.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
  return request;
}

type Accept = (request: Request) => void;

function defineRouter(program: Command, accept: Accept): void {
  const router = define(program, "router", "run exchange and router in one server")
    .option("-l, --listen <address>", "[HOST:]PORT, 0 for any free port, or unix:/path", defaultRouterListen)
    .option(
      "--key-file <file>",
      "the secret that tokens are signed with (default: ROUTER_KEY, else one made on the spot)",
    )
    .option("--tls-cert <file>", "certificate chain, PEM; needed beyond loopback")
    .option("--tls-key <file>", "its private key, PEM")
    .option("--plaintext", "no TLS, also beyond loopback")
    .addOption(grace())
    .action((options: RouterCommandOptions) => accept({ command: "router", options }));
  finish(
    router,
    "trunkline router",
    "trunkline router --listen 0.0.0.0:7420 --tls-cert cert.pem --tls-key key.pem --key-file router.key",
  );
}

function defineExpose(program: Command, accept: Accept): void {
  const expose = define(program, "expose", "let others reach a service from here, under a name")
    .argument("<name>", "what others connect to")
    .argument("<target>", "the service: a port of this machine, host:port, [::1]:22 or unix:/path")
    .option("--no-check", "begin although nobody listens at the target yet")
    .action((name: string, target: string, options: ExposeOptions) =>
      accept({ command: "expose", name, target, options }),
    );
  withAccess(expose).addOption(grace());
  finish(
    expose,
    "trunkline expose web 3000",
    "trunkline expose board-7 192.168.1.20:22",
    "trunkline expose docker unix:/var/run/docker.sock",
  );
}

function defineConnect(program: Command, accept: Accept): void {
  const connect = define(program, "connect", "connect a local port to a name")
    .argument("<name>", "what the other side exposes")
    .requiredOption("-l, --listen <address>", "[HOST:]PORT, 0 for any free port, or unix:/path")
    .action((name: string, options: ConnectOptions) => accept({ command: "connect", name, options }));
  withAccess(connect).addOption(grace());
  finish(
    connect,
    "trunkline connect web --listen 8080",
    "trunkline connect board-7 --listen 0.0.0.0:2222",
    "trunkline connect docker --listen unix:/tmp/docker.sock",
  );
}

function defineDemo(program: Command, accept: Accept): void {
  const demo = define(program, "demo", "all of it on this machine: moves a file through a router and checks it")
    .option("--once", "end after the check")
    .option("--size <MB>", "of the file", defaultSizeMb)
    .action((options: DemoOptions) => accept({ command: "demo", options }));
  finish(demo, "trunkline demo", "trunkline demo --once --json");
}

function defineToken(program: Command, accept: Accept): void {
  const token = define(program, "token", "make a token for expose and connect on another machine")
    .argument("<identity>", "who it is for; appears in the router's log")
    .option("--lifetime <duration>", "such as 12h or 30d", defaultLifetime)
    .option("--key-file <file>", "the router's key (default: ROUTER_KEY, else that of this machine's router)")
    .action((identity: string, options: TokenOptions) => accept({ command: "token", identity, options }));
  finish(token, "(umask 077; trunkline token lab-3 --lifetime 12h >lab-3.token)");
}

function define(program: Command, name: Request["command"], summary: string): Command {
  return program
    .command(name)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .summary(summary)
    .helpOption("-h, --help", "print this help")
    .allowExcessArguments(false);
}

function withAccess(command: Command): Command {
  return command
    .option(
      "-e, --endpoint <address>",
      "the router: host:port or unix:/path (default: TRUNKLINE_ENDPOINT, else this machine's)",
    )
    .option("--token-file <file>", "holds the token (default: TRUNKLINE_TOKEN, else that of this machine's router)")
    .option("--tls-ca <file>", "TLS, trusting these certificates, PEM")
    .option("--plaintext", "no TLS, also beyond loopback");
}

function grace(): Option {
  return new Option("--grace <duration>", "how long open connections may go on after SIGINT or SIGTERM").default(
    defaultGrace,
  );
}

/** What every command has, behind what is its own. */
function finish(command: Command, ...examples: readonly string[]): void {
  command
    .option("--json", "every event as one JSON object a line on stdout, the log as JSON on stderr")
    .addOption(
      new Option("--log-level <level>", "of the log on stderr (default: info, with --json warn)").choices(logLevels),
    )
    .addHelpText(
      "after",
      `\nExamples:\n${examples.map((line) => `  ${line}\n`).join("")}\nExit codes and environment: trunkline --help`,
    );
}

const onThisMachine = `
On one machine, in three terminals, without configuration:
  trunkline router
  trunkline expose web 3000
  trunkline connect web --listen 8080
`;

const environment = `Environment (secrets are never arguments):
  TRUNKLINE_ENDPOINT  where the router is, for expose and connect
  TRUNKLINE_TOKEN     what lets them in
  ROUTER_KEY          what tokens are signed with, for router and token
`;

function exitCodes(): string {
  const lines = Object.entries(exitCodeMeanings).map(([code, meaning]) => `  ${code.padEnd(8)}  ${meaning}\n`);
  return `Exit codes:\n${lines.join("")}  130, 143  ended by SIGINT, SIGTERM before it was ready or done, or at once by a second one`;
}
