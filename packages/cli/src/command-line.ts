/** The grammar of the command line: commands, options, help. The commands themselves are in `commands/`, one a file. */
import { Command, CommanderError, Option } from "commander";
import type { BenchOptions } from "./commands/bench.js";
import type { CallOptions } from "./commands/call.js";
import type { CertOptions, CertPeerOptions } from "./commands/cert.js";
import type { CheckOptions } from "./commands/check.js";
import type { ConnectOptions } from "./commands/connect.js";
import type { DemoOptions } from "./commands/demo.js";
import type { DrainOptions } from "./commands/drain.js";
import type { EvictOptions } from "./commands/evict.js";
import type { ExposeOptions } from "./commands/expose.js";
import type { NewKeyOptions } from "./commands/key.js";
import type { KillOptions } from "./commands/kill.js";
import type { PingOptions } from "./commands/ping.js";
import type { RecvOptions } from "./commands/recv.js";
import type { SendOptions } from "./commands/send.js";
import type { TokenOptions } from "./commands/token-mint.js";
import type { TopOptions } from "./commands/top.js";
import type { UpOptions } from "./commands/up.js";
import type { CommonOptions } from "./context.js";
import {
  defaultAuthorityDays,
  defaultBenchConnections,
  defaultBenchTime,
  defaultCertificateDays,
  defaultGrace,
  defaultHealthFailures,
  defaultHealthInterval,
  defaultHealthSuccesses,
  defaultHealthTimeout,
  defaultInterval,
  defaultKeepalive,
  defaultKeepaliveTimeout,
  defaultLifetime,
  defaultMaxConnections,
  defaultPingTimeout,
  defaultResume,
  defaultSendWait,
  defaultSizeMb,
  defaultTopInterval,
  defaultUdpIdle,
  defaultWait,
} from "./defaults.js";
import { exitCodeMeanings, signalMeanings } from "./exit-codes.js";
import { type GivenWords, refuseIdleOptions } from "./idle-options.js";
import { logLevels } from "./output.js";
import type { AccessOptions } from "./router-access.js";
import { type RouterCommandOptions, routerOptions } from "./router-options.js";
import { topOrders } from "./top/screen.js";
import { version } from "./version.js";

/** The parsed command line. */
export type Request =
  | { readonly command: "router"; readonly options: RouterCommandOptions & CommonOptions }
  | { readonly command: "expose"; readonly words: readonly string[]; readonly options: ExposeOptions & CommonOptions }
  | { readonly command: "connect"; readonly words: readonly string[]; readonly options: ConnectOptions & CommonOptions }
  | { readonly command: "up"; readonly options: UpOptions & CommonOptions }
  | { readonly command: "send"; readonly words: readonly string[]; readonly options: SendOptions & CommonOptions }
  | { readonly command: "recv"; readonly name: string; readonly options: RecvOptions & CommonOptions }
  | { readonly command: "ls"; readonly options: AccessOptions & CommonOptions }
  | { readonly command: "top"; readonly options: TopOptions & CommonOptions }
  | { readonly command: "kill"; readonly ids: readonly string[]; readonly options: KillOptions & CommonOptions }
  | { readonly command: "evict"; readonly name: string; readonly options: EvictOptions & CommonOptions }
  | { readonly command: "drain"; readonly options: DrainOptions & CommonOptions }
  | { readonly command: "ping"; readonly name: string; readonly options: PingOptions & CommonOptions }
  | { readonly command: "doctor"; readonly name: string | undefined; readonly options: AccessOptions & CommonOptions }
  | { readonly command: "bench"; readonly name: string | undefined; readonly options: BenchOptions & CommonOptions }
  | { readonly command: "call"; readonly words: readonly string[]; readonly options: CallOptions & CommonOptions }
  | { readonly command: "demo"; readonly options: DemoOptions & CommonOptions }
  | { readonly command: "token mint"; readonly identity: string; readonly options: TokenOptions & CommonOptions }
  | { readonly command: "token inspect"; readonly file: string | undefined; readonly options: CommonOptions }
  | { readonly command: "check"; readonly file: string; readonly options: CheckOptions & CommonOptions }
  | { readonly command: "cert ca"; readonly name: string; readonly options: CertOptions & CommonOptions }
  | {
      readonly command: "cert server";
      readonly names: readonly string[];
      readonly options: CertOptions & CommonOptions;
    }
  | { readonly command: "cert peer"; readonly name: string; readonly options: CertPeerOptions & CommonOptions }
  | { readonly command: "cert inspect"; readonly file: string; readonly options: CommonOptions }
  | { readonly command: "key"; readonly options: NewKeyOptions & CommonOptions }
  | { readonly command: "version"; readonly options: CommonOptions }
  | { readonly command: "completion"; readonly shell: string; readonly options: CommonOptions };

/** The names of all commands, and of the groups of commands. */
export const commandNames: readonly string[] = [
  "router",
  "expose",
  "connect",
  "up",
  "send",
  "recv",
  "ls",
  "top",
  "kill",
  "evict",
  "drain",
  "ping",
  "doctor",
  "bench",
  "call",
  "demo",
  "token",
  "token mint",
  "token inspect",
  "cert",
  "cert ca",
  "cert server",
  "cert peer",
  "cert inspect",
  "key",
  "check",
  "completion",
  "version",
];

/**
 * Parses the arguments (without those of Node). Returns undefined when help or the version was asked for, whose text
 * was given to `write`; no arguments at all ask for help.
 * @throws CommanderError that says what is wrong with the arguments
 */
export function parseCommandLine(args: readonly string[], write: (text: string) => void): Request | undefined {
  let request: Request | undefined;
  const program = createProgram((understood) => {
    request = understood;
  }, write);
  try {
    if (args.length === 0) program.outputHelp();
    else program.parse(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  }
  return request;
}

/** Returns the grammar. `accept` gets the request that was understood, `write` the text of help. */
export function createProgram(accept: Accept = () => {}, write: (text: string) => void = () => {}): Command {
  const program = new Command("trunkline")
    .description(
      "Reach a service behind NAT: one side exposes it under a name, the other connects\na port to the name.",
    )
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help; every command has its own")
    .helpCommand(false)
    .addHelpText("after", `${onThisMachine}\n${environment}\n${exitCodes()}`)
    .configureHelp({ helpWidth })
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: () => {} })
    .hook("preAction", (_, command) => refuseIdleOptions(givenWords(command)));
  defineRouter(program, accept);
  defineExpose(program, accept);
  defineConnect(program, accept);
  defineUp(program, accept);
  defineSend(program, accept);
  defineRecv(program, accept);
  defineLs(program, accept);
  defineTop(program, accept);
  defineKill(program, accept);
  defineEvict(program, accept);
  defineDrain(program, accept);
  definePing(program, accept);
  defineDoctor(program, accept);
  defineBench(program, accept);
  defineCall(program, accept);
  defineDemo(program, accept);
  defineToken(program, accept);
  defineCert(program, accept);
  defineKey(program, accept);
  defineCheck(program, accept);
  defineCompletion(program, accept);
  defineVersion(program, accept);
  return program;
}

/** Returns what stands on the command line of a command, without the defaults of its options. */
function givenWords(command: Command): GivenWords {
  return {
    command: command.name(),
    words: command.args,
    given(name) {
      const option = command.options.find(({ long }) => long === name)?.attributeName() ?? "";
      return command.getOptionValueSource(option) === "cli" ? command.getOptionValue(option) : undefined;
    },
  };
}

/** The width of help, whatever the terminal's is: that of a terminal by default. */
const helpWidth = 80;

const keyAlgorithms = ["HS256", "HS384", "HS512"] as const;

type Accept = (request: Request) => void;

function defineRouter(program: Command, accept: Accept): void {
  const router = define(program, "router", "run exchange and router in one server")
    .option("--config <file>", "has these options as lines of YAML, such as: listen: 0.0.0.0:7420")
    .option("--print-config", "print the options that hold, and where each comes from, and end");
  for (const { flags, help, byDefault, alone } of Object.values(routerOptions)) {
    const shown = byDefault === undefined ? help : `${help} (default: ${byDefault})`;
    const option = new Option(flags, shown);
    router.addOption(alone === undefined ? option : option.preset(alone));
  }
  router.action((options: RouterCommandOptions & CommonOptions) => accept({ command: "router", options }));
  finish(
    router,
    "trunkline router",
    "trunkline router --listen 0.0.0.0:7420 \\\n    --tls-cert cert.pem --tls-key key.pem --key-file router.key",
    "trunkline router --config router.yaml",
    "trunkline router --config router.yaml --print-config",
  );
}

function defineExpose(program: Command, accept: Accept): void {
  const expose = define(program, "expose", "let others reach a service from here, under a name")
    .argument("<name>", "what others connect to")
    .argument(
      "<target...>",
      "the service: a port of this machine, host:port, [::1]:22, unix:/path, exec:COMMAND for a program that the " +
        "shell starts for each connection, stdio: for standard input and output, one connection at a time, or " +
        "udp:PORT or udp:HOST:PORT for datagrams; " +
        "further names follow, each with its target behind it",
    )
    .usage("[options] <name> <target> [<name> <target>...]")
    .option("--no-check", "begin although no service listens at the target yet")
    .option(
      "--health <check>",
      "ask the target again and again: tcp, http:/path, grpc[:service] or exec:COMMAND; while it fails, the router " +
        "sends connections to other exposers of the name, or refuses them",
    )
    .option("--health-interval <duration>", "between two checks", defaultHealthInterval)
    .option("--health-timeout <duration>", "for one check", defaultHealthTimeout)
    .option("--health-failures <number>", "failures in a row that count", defaultHealthFailures)
    .option("--health-successes <number>", "successes in a row that count", defaultHealthSuccesses)
    .addOption(
      repeatable("--allow <identity>", "admit only these diallers; * stands for any text; may be given several times"),
    )
    .addOption(
      repeatable(
        "--allow-reverse <address>",
        "let diallers listen here by R:…, at [HOST:]PORT[-PORT]: of loopback unless a host is given, * for any; may " +
          "be given several times (default: nowhere)",
      ),
    )
    .action((name: string, targets: string[], options: ExposeOptions) =>
      accept({ command: "expose", words: [name, ...targets], options }),
    );
  withAccess(expose).addOption(grace()).addOption(resumption()).addOption(connectionLimit()).addOption(udpIdle());
  withIdentity(withKeepalive(expose), "listens");
  finish(
    expose,
    "trunkline expose web 3000",
    "trunkline expose board-7 192.168.1.20:22",
    "trunkline expose docker unix:/var/run/docker.sock",
    "trunkline expose console 'exec:picocom --quiet /dev/ttyUSB0'",
    "trunkline expose lab/web 3000 lab/db 5432 --allow 'lab-*'",
    "tar c . | trunkline expose backup stdio:",
    "trunkline expose dns udp:53",
  );
}

function defineConnect(program: Command, accept: Accept): void {
  const connect = define(program, "connect", "connect local ports to names")
    .argument(
      "<name...>",
      "what the other side exposes; without --listen and --stdio, forwards: [HOST:]PORT:NAME, udp:[HOST:]PORT:NAME, " +
        "unix:PATH:NAME, or NAME R:[HOST:]PORT[:TARGET], where the exposer listens and the target is here",
    )
    .option("-l, --listen <address>", "[HOST:]PORT, 0 for any free port, udp:[HOST:]PORT or unix:/path")
    .option("--stdio", "one connection, over standard input and output")
    .option(
      "--wait [duration]",
      "how long the name may take to appear, at the start and for each connection; without one, as long as it takes",
      defaultWait,
    )
    .action((words: string[], options: ConnectOptions) => accept({ command: "connect", words, options }));
  withAccess(connect).addOption(grace()).addOption(resumption()).addOption(connectionLimit()).addOption(udpIdle());
  withIdentity(withKeepalive(connect), "dials");
  finish(
    connect,
    "trunkline connect web --listen 8080",
    "trunkline connect board-7 --listen 0.0.0.0:2222",
    "trunkline connect 8080:web 5432:lab/db udp:5353:dns",
    "trunkline connect board-7 R:8080:localhost:3000",
    "trunkline connect docker --listen unix:/tmp/docker.sock",
    "ssh -o ProxyCommand='trunkline connect board-7 --stdio' me@board-7",
  );
}

function defineUp(program: Command, accept: Accept): void {
  const up = define(program, "up", "open all forwards of a profile, and show their states")
    .option("--profile <name>", "in ~/.config/trunkline/config.yaml (default: its default, or its only one)")
    .option("--wait <duration>", "how long a connection waits for its name", defaultWait)
    .addOption(grace())
    .addOption(resumption())
    .addOption(connectionLimit())
    .addOption(udpIdle())
    .action((options: UpOptions & CommonOptions) => accept({ command: "up", options }));
  withKeepalive(up);
  finish(up, "trunkline up", "trunkline up --profile lab --json");
}

function defineSend(program: Command, accept: Accept): void {
  const send = define(program, "send", "send files and folders to trunkline recv")
    .argument("<words...>", "files and folders, - for standard input, and last the receiver's name")
    .usage("[options] <file...> <name>")
    .option("--as <name>", "the name of the one file at the other side; standard input needs one")
    .option(
      "--wait [duration]",
      "how long to wait for the receiver; without a time, as long as it takes",
      defaultSendWait,
    )
    .action((words: string[], options: SendOptions) => accept({ command: "send", words, options }));
  finish(
    withIdentity(withAccess(send), "dials").addOption(resumption()),
    "trunkline send photos/ notes.txt inbox",
    "tar c . | trunkline send - inbox --as backup.tar",
  );
}

function defineRecv(program: Command, accept: Accept): void {
  const recv = define(program, "recv", "receive files and folders from trunkline send")
    .argument("<name>", "what the sender sends to")
    .option("--to <folder>", "where to put them", ".")
    .option("--overwrite", "replace files that exist")
    .option("--stdout", "write the one file to standard output")
    .action((name: string, options: RecvOptions) => accept({ command: "recv", name, options }));
  finish(
    withIdentity(withAccess(recv), "listens").addOption(resumption()),
    "trunkline recv inbox --to ~/incoming",
    "trunkline recv inbox --stdout | tar x",
  );
}

function defineLs(program: Command, accept: Accept): void {
  const ls = define(program, "ls", "list the names that are exposed").action((options: AccessOptions & CommonOptions) =>
    accept({ command: "ls", options }),
  );
  finish(withAccess(ls), "trunkline ls", "trunkline ls --json");
}

function defineTop(program: Command, accept: Accept): void {
  const top = define(program, "top", "show the streams of a router as they change; takes the right admin: see")
    .option("-i, --interval <duration>", "between two messages of the router, 100ms to 1m", defaultTopInterval)
    .addOption(new Option("--sort <order>", "the order of the streams at first").choices(topOrders).default("rate"))
    .option("--filter <text>", "only streams that have this in a name, an identity, an address or the id")
    .option("--once", "one look and no more, as where there is no terminal")
    .action((options: TopOptions) => accept({ command: "top", options }));
  finish(withAccess(top), "trunkline top", "trunkline top --filter lab/", "trunkline top --once --json");
}

function defineKill(program: Command, accept: Accept): void {
  const kill = define(program, "kill", "end streams at a router for good; takes the right admin: act")
    .argument("<ids...>", "the streams, or beginnings of their ids that no other has")
    .option("--reason <text>", reasonMeaning)
    .action((ids: string[], options: KillOptions) => accept({ command: "kill", ids, options }));
  finish(withAccess(kill), "trunkline kill 63583ba3", "trunkline kill 63583ba3 --reason 'the board is repaired'");
}

function defineEvict(program: Command, accept: Accept): void {
  const evict = define(program, "evict", "take a name from its listeners; takes the right admin: act")
    .argument("<name>", "what they expose; they end, and do not come back by themselves")
    .option("--listener <id>", "only this listener (default: all of the name)")
    .option("--kill-streams", "ends their streams, too (default: those go on)")
    .option("--reason <text>", reasonMeaning)
    .action((name: string, options: EvictOptions) => accept({ command: "evict", name, options }));
  finish(withAccess(evict), "trunkline evict lab-3 --kill-streams");
}

function defineDrain(program: Command, accept: Accept): void {
  const drain = define(program, "drain", "end a router in order, as SIGTERM does; takes the right admin: act")
    .option("--deadline <duration>", "for streams that cannot move (default: the router's --grace)")
    .action((options: DrainOptions) => accept({ command: "drain", options }));
  finish(withAccess(drain), "trunkline drain", "trunkline drain --deadline 10m");
}

const reasonMeaning = "for the other side, the log and the audit; at most 255 characters";

function definePing(program: Command, accept: Accept): void {
  const ping = define(program, "ping", "measure the time to the exposer of a name and back")
    .argument("<name>", "what the other side exposes; its target sees nothing of it")
    .option("-c, --count <number>", "pings (default: until interrupted)")
    .option("-i, --interval <duration>", "between two pings", defaultInterval)
    .option("--timeout <duration>", "for the other side to join, and for each answer", defaultPingTimeout)
    .action((name: string, options: PingOptions) => accept({ command: "ping", name, options }));
  finish(withIdentity(withAccess(ping), "dials"), "trunkline ping web", "trunkline ping web --count 3 --json");
}

function defineDoctor(program: Command, accept: Accept): void {
  const doctor = define(program, "doctor", "find the hop on the way to a name that fails, and say what to do")
    .argument("[name]", "goes on to the exposer of this name and its target, with one connection")
    .action((name: string | undefined, options: AccessOptions & CommonOptions) =>
      accept({ command: "doctor", name, options }),
    );
  finish(withIdentity(withAccess(doctor), "dials"), "trunkline doctor", "trunkline doctor web --json");
}

function defineBench(program: Command, accept: Accept): void {
  const bench = define(program, "bench", "measure round trips and throughput to the exposer of a name")
    .argument("[name]", "what the other side exposes; its target sees nothing of it")
    .option("--time <duration>", "for each of the three measurements", defaultBenchTime)
    .option("--connections <number>", "at once", defaultBenchConnections)
    .option("--direct <address>", "a bench --serve at the other side, to measure the way without a router, too")
    .option("--serve <address>", "let others measure the way to this address, until interrupted")
    .action((name: string | undefined, options: BenchOptions) => accept({ command: "bench", name, options }));
  finish(
    withIdentity(withAccess(bench), "dials"),
    "trunkline bench web",
    "trunkline bench --serve 0.0.0.0:7500        # at the exposer's side, and then",
    "trunkline bench web --direct board-7:7500 --connections 8",
  );
}

function defineCall(program: Command, accept: Accept): void {
  const call = define(program, "call", "call a method of a gRPC server, or look at what it has")
    .argument("[words...]", "the address of the server, unless --via names it, and the method: Service/Method")
    .usage("[options] <address> <method>")
    .option("--via <name>", "the server that is exposed under this name, through the router")
    .option("-d, --data <json>", "the request, or several one after the other; @FILE, or - for standard input")
    .addOption(
      repeatable(
        "-H, --header <header>",
        "metadata, as 'key: value', in base64 for a key that ends in -bin, or @FILE with such lines; may be given " +
          "several times",
      ),
    )
    .addOption(repeatable("--proto <file>", "what the server has, as .proto source (default: the server's reflection)"))
    .addOption(repeatable("-I, --import-path <folder>", "where the imports of --proto are (default: beside it)"))
    .addOption(repeatable("--descriptor-set <file>", "what the server has, as protoc --descriptor_set_out writes it"))
    .option("--list", "print the services, or the methods of the service that is named behind the address")
    .option("--describe <symbol>", "print a service, method, message or enum as .proto source")
    .option("--timeout <duration>", "the deadline of the call (default: none)")
    .option("--emit-defaults", "print fields that have their default, too")
    .option("-v, --verbose", "print initial and trailing metadata, and the status, to the log")
    .option("--authority <host>", "the name of the server in :authority and TLS (default: that of the address)")
    .option("--server-ca <file>", "with --via: TLS to the server itself, trusting these certificates, PEM")
    .option("--wait <duration>", "with --via: how long the name may take to appear", defaultWait)
    .action((words: string[], options: CallOptions) => accept({ command: "call", words, options }));
  finish(
    withIdentity(withAccess(call), "dials"),
    "trunkline call localhost:50051 --list",
    "trunkline call localhost:50051 --describe acme.v1.Greeter",
    'trunkline call localhost:50051 acme.v1.Greeter/SayHello -d \'{"name":"Ada"}\'',
    "trunkline call api.example.org:443 acme.v1.Log/Upload -d @entries.jsonl \\\n    --proto log.proto -H @headers.txt",
    "trunkline call --via lab/api acme.v1.Greeter/SayHello",
  );
}

function defineDemo(program: Command, accept: Accept): void {
  const demo = define(program, "demo", "move a file through a router on this machine, and check it")
    .option("--once", "end after the check")
    .option("--size <MB>", "the size of the file", defaultSizeMb)
    .action((options: DemoOptions) => accept({ command: "demo", options }));
  finish(demo, "trunkline demo", "trunkline demo --once --json");
}

function defineToken(program: Command, accept: Accept): void {
  const token = define(program, "token", "make tokens for other machines, and look into them").helpCommand(false);
  const mint = define(token, "mint", "make a token for expose and connect on another machine")
    .argument("<identity>", "who it is for; appears in the router's log")
    .option("--lifetime <duration>", "such as 12h or 30d", defaultLifetime)
    .addOption(
      new Option("--admin <right>", "to the admin service, at a router without a policy").choices(["see", "act"]),
    )
    .option("--key-file <file>", "the router's key (default: ROUTER_KEY, else that of this machine)")
    .action((identity: string, options: TokenOptions) => accept({ command: "token mint", identity, options }));
  finish(mint, "(umask 077; trunkline token mint lab-3 --lifetime 12h >lab-3.token)");
  const inspect = define(token, "inspect", "show whose a token is, for what, and when it expires")
    .argument("[file]", "holds the token (default: TRUNKLINE_TOKEN)")
    .action((file: string | undefined, options: CommonOptions) => accept({ command: "token inspect", file, options }));
  finish(inspect, "trunkline token inspect lab-3.token");
}

function defineCert(program: Command, accept: Accept): void {
  const cert = define(program, "cert", "make certificates for TLS, and look into them").helpCommand(false);
  const withFolder = (command: Command, days: string): Command =>
    command
      .option("--folder <folder>", "where the authority (ca.pem, ca.key) is, and where the files go", ".")
      .option("--days <number>", "how long it is good", days)
      .option("--force", "replace files that exist");
  const ca = define(cert, "ca", "make an authority of your own; server and peer do so where there is none")
    .argument("[name]", "its name", "trunkline CA")
    .action((name: string, options: CertOptions) => accept({ command: "cert ca", name, options }));
  finish(withFolder(ca, defaultAuthorityDays), "trunkline cert ca 'Lab CA' --folder tls");
  const server = define(cert, "server", "make the certificate of a router")
    .argument("<names...>", "the DNS names and IP addresses by which it is reached")
    .action((names: string[], options: CertOptions) => accept({ command: "cert server", names, options }));
  finish(
    withFolder(server, defaultCertificateDays),
    "trunkline cert server router.example.org 10.0.0.5",
    "trunkline router --listen 0.0.0.0:7420 \\\n    --tls-cert router.example.org.pem --tls-key router.example.org.key",
    "trunkline ls --tls-ca ca.pem --endpoint router.example.org:7420 \\\n    --token-file lab-3.token",
  );
  const peer = define(cert, "peer", "make an identity for end-to-end TLS: certificate and key in one file")
    .argument("<name>", "whose it is")
    .addOption(new Option("--only <side>", "good for one side only").choices(["expose", "connect"]))
    .option("--self-signed", "without an authority, to be trusted by its pin")
    .action((name: string, options: CertPeerOptions) => accept({ command: "cert peer", name, options }));
  finish(
    withFolder(peer, defaultCertificateDays),
    "trunkline cert peer board-7 --only expose",
    "trunkline cert peer me --self-signed",
  );
  const inspect = define(cert, "inspect", "show the certificates of a file and their pins")
    .argument("<file>", "certificates, PEM; a key beside them is not shown")
    .action((file: string, options: CommonOptions) => accept({ command: "cert inspect", file, options }));
  finish(inspect, "trunkline cert inspect board-7.pem");
}

function defineKey(program: Command, accept: Accept): void {
  const key = define(program, "key", "make a key for routers and tokens")
    .option("--id <id>", "the name of the key in tokens; the output is a JWK Set then")
    .addOption(new Option("--alg <algorithm>", "what it signs with (default: HS256)").choices(keyAlgorithms))
    .option("--into <file>", "puts the key before those of a key file, so that it signs and they stay good")
    .action((options: NewKeyOptions & CommonOptions) => accept({ command: "key", options }));
  finish(
    key,
    "(umask 077; trunkline key >router.key)",
    'ROUTER_KEY="$(trunkline key)"',
    "trunkline key --id 2027-01 --into router.key",
  );
}

function defineCheck(program: Command, accept: Accept): void {
  const check = define(program, "check", "find the mistakes of a policy or a configuration for a router")
    .argument("<file>", "the policy, YAML")
    .option("--config", "the file is a configuration")
    .option("--profiles", "the file is that of the profiles, ~/.config/trunkline/config.yaml")
    .action((file: string, options: CheckOptions & CommonOptions) => accept({ command: "check", file, options }));
  finish(check, "trunkline check policy.yaml", "trunkline check --config router.yaml");
}

function defineCompletion(program: Command, accept: Accept): void {
  const completion = define(program, "completion", "print the script that completes the command line in a shell")
    .argument("<shell>", "bash, zsh or fish")
    .action((shell: string, options: CommonOptions) => accept({ command: "completion", shell, options }));
  finish(
    completion,
    "source <(trunkline completion bash)",
    "trunkline completion zsh >~/.zfunc/_trunkline",
    "trunkline completion fish >~/.config/fish/completions/trunkline.fish",
  );
}

function defineVersion(program: Command, accept: Accept): void {
  const command = define(program, "version", "print the versions of this command and of Node").action(
    (options: CommonOptions) => accept({ command: "version", options }),
  );
  finish(command, "trunkline version --json");
}

function define(program: Command, name: string, summary: string): Command {
  return program
    .command(name)
    .description(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`)
    .summary(summary)
    .helpOption("-h, --help", "print this help")
    .configureHelp({ helpWidth })
    .allowExcessArguments(false);
}

function withAccess(command: Command): Command {
  return command
    .addOption(
      repeatable(
        "-e, --endpoint <address>",
        "the router: host:port, unix:/path or wss://host/path (default: TRUNKLINE_ENDPOINT, else the profile's, else " +
          "this machine's); given more than once, the first that answers is used",
      ),
    )
    .option(
      "--profile <name>",
      "router and token of this profile in ~/.config/trunkline/config.yaml (default: its default)",
    )
    .option("--token-file <file>", "holds the token (default: TRUNKLINE_TOKEN, else that of this machine's router)")
    .option("--tls-ca <file>", "TLS, trusting these certificates, PEM")
    .option("--tls-cert <file>", "TLS, showing this certificate, which may stand for a token, PEM")
    .option("--tls-key <file>", "its private key, PEM")
    .option("--plaintext", "no TLS, also beyond loopback")
    .option(
      "--proxy <url>",
      "the way to the router: http, https, socks5 or socks5h://host:port, or none (default: TRUNKLINE_PROXY, else " +
        "https_proxy and the like)",
    );
}

/** Adds the options of end-to-end TLS to a command that listens under a name, or to one that dials. */
function withIdentity(command: Command, side: "listens" | "dials"): Command {
  const [key, ca, others] =
    side === "listens"
      ? ["--allow-key <pin>", "--client-ca <file>", "diallers"]
      : ["--peer-key <pin>", "--peer-ca <file>", "the exposer"];
  return command
    .option("--identity <file>", "TLS through the router to the other side: a certificate and its key, PEM")
    .addOption(repeatable(key, `trust the key of ${others}, sha256//…; may be given several times`))
    .option(ca, `trust the certificates of ${others} that this authority has signed, PEM`);
}

function withKeepalive(command: Command): Command {
  return command
    .option(
      "--keepalive <duration>",
      "time without a byte after which the other end of a router connection is asked for life; 0 for never",
      defaultKeepalive,
    )
    .option(
      "--keepalive-timeout <duration>",
      "time for its answer before the connection is given up",
      defaultKeepaliveTimeout,
    );
}

/** Returns an option that may be given more than once; its value is a list. */
function repeatable(flags: string, meaning: string): Option {
  return new Option(flags, meaning).argParser((value: string, before: readonly string[] = []) => [...before, value]);
}

function udpIdle(): Option {
  const meaning = "time without a datagram after which a flow of UDP ends; each source address is a flow";
  return new Option("--udp-idle <duration>", meaning).default(defaultUdpIdle);
}

function connectionLimit(): Option {
  const meaning = "the most connections at once; one more is reset, and connect says why";
  return new Option("--max-connections <number>", meaning).default(defaultMaxConnections);
}

function grace(): Option {
  return new Option("--grace <duration>", "how long open connections may go on after SIGINT or SIGTERM").default(
    defaultGrace,
  );
}

function resumption(): Option {
  const meaning =
    "how long connections wait for a router or a network that was lost, and then go on; 0 ends them at once";
  return new Option("--resume <duration>", meaning).default(defaultResume);
}

/** Adds the options of every command, behind its own, and the examples. */
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
  TRUNKLINE_ENDPOINT  the router, for all commands that use one; several are
                      separated by commas
  TRUNKLINE_TOKEN     the token, for the same
  TRUNKLINE_PROXY     the proxy to the router, with user and password if wanted;
                      not for a router of this machine. Without it, grpc_proxy,
                      https_proxy, http_proxy, all_proxy and no_proxy count
  ROUTER_KEY          the key that tokens are signed with, for router and token;
                      taken as it is, spaces and line ends included
  TRUNKLINE_ROUTER_…  an option of router, such as TRUNKLINE_ROUTER_TLS_CERT; a
                      flag counts before it, a file (--config) after it
`;

function exitCodes(): string {
  const lines = Object.entries({ ...exitCodeMeanings, ...signalMeanings }).map(
    ([code, meaning]) => `  ${code.padEnd(8)}  ${meaning}`,
  );
  return `Exit codes:\n${lines.join("\n")}`;
}
