import { createHmac } from "node:crypto";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { writeLocalState } from "@trunkline/router";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import type { Run } from "./support/run.js";
import { startService } from "./support/services.js";

const key = "a key of 32 bytes for these tests";

/** A process number that the system never gives. */
const noProcess = 2 ** 30;

/** A token of the exchange that expires so many seconds from now, and was issued so many from now. */
function tokenFor(seconds: number, secret = key, issued?: number): string {
  const now = Math.floor(Date.now() / 1_000);
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const claims = {
    iss: "trunkline",
    aud: "trunkline-exchange",
    sub: "tests",
    exp: now + seconds,
    ...(issued !== undefined && { iat: now + issued }),
  };
  const signed = `${encode({ alg: "HS256" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** One line on stderr, which says so, nothing on stdout, and the exit code. */
async function expectFailure(run: Run, exitCode: number, message: string): Promise<void> {
  expect(await run.exit).toBe(exitCode);
  expect(run.errorLines).toHaveLength(1);
  expect(run.stderr).toMatch(/^trunkline: /);
  expect(run.stderr).toContain(message);
  expect(run.stdout).toBe("");
}

describe("arguments that are wrong", () => {
  test.each<[readonly string[], string]>([
    [["nonsense"], "unknown command 'nonsense'; see trunkline --help"],
    [["exposee", "web", "1"], "unknown command 'exposee' (Did you mean expose?); see trunkline --help"],
    [
      ["router", "extra"],
      "too many arguments for 'router'. Expected 0 arguments but got 1; see trunkline router --help",
    ],
    [["router", "--listen"], "option '-l, --listen <address>' argument missing"],
    [["router", "--listen", "host"], 'address to listen on "host" has no port'],
    [
      ["router", "--listen", "0.0.0.0:0"],
      "listening on 0.0.0.0:0, which other machines can reach, needs --tls-cert and --tls-key",
    ],
    [["router", "--tls-cert", "x.pem"], "--tls-cert and --tls-key go together"],
    [["router", "--grace", "soon"], '--grace "soon" is no duration'],
    [["expose", "web"], "missing required argument 'target'; see trunkline expose --help"],
    [["connect", "web", "db", "--stdio"], "--stdio takes one name, and 2 are there"],
    [["connect", "8080:web", "db"], 'forward "db" has no address to listen on; use [HOST:]PORT:NAME'],
    [["connect", "R:8080"], 'forward "R:8080" has no name before it, at whose exposer it listens'],
    [["expose", "a", "3000", "--allow-reverse", "all"], '--allow-reverse "all" names no port'],
    [["connect", "udp:0:dns", "--udp-idle", "0"], '--udp-idle "0" is shorter than 100 ms'],
    [["expose", "dns", "udp:0"], 'target "0" has "0" for its port, which must be from 1 to 65535'],
    [["router", "--listen", "udp:80"], 'address to listen on "udp:80"'],
    [["expose", "web", "3000", "db"], 'the name "db" has no target behind it'],
    [["expose", "web", "3000", "web", "3001"], 'the name "web" is there twice'],
    [["expose", "a", "stdio:", "b", "stdio:"], "stdio: can be the target of one name only"],
    [["expose", "a", "stdio:x"], 'target "stdio:x" has something behind stdio:'],
    [
      ["expose", "a", "3000", "--allow", "two words"],
      '--allow "two words" must be 1 to 255 printable ASCII characters',
    ],
    [["expose", "web", "http://localhost:3000"], 'target "http://localhost:3000" is a URL'],
    [["expose", "web", "3000", "--endpoint", "7420"], 'endpoint "7420" has no host'],
    [
      ["expose", "web", "3000", "--endpoint", "127.0.0.1:1"],
      "there is no token for 127.0.0.1:1; give --token-file or TRUNKLINE_TOKEN",
    ],
    [["expose", "web", "3000", "--tls-ca", "x", "--plaintext"], "--tls-ca and --plaintext exclude each other"],
    [["connect", "web"], "--listen ADDRESS or --stdio is missing, or a port before the name, as in 8080:NAME"],
    [["connect", "web", "--listen", "0", "--stdio"], "--listen and --stdio exclude each other"],
    [["expose", "web", "1", "--max-connections", "0"], '--max-connections "0" must be from 1 to 4000'],
    [["connect", "web", "--listen", "0", "--max-connections", "many"], "must be from 1 to 4000"],
    [["expose", "web", "exec:"], 'target "exec:" has no command, as in exec:cat'],
    [["ping", "web", "--count", "0"], '--count "0" must be from 1 to 1000000'],
    [["ping", "web", "--interval", "3"], '--interval "3" has no unit'],
    [["token"], "see trunkline token --help"],
    [["token", "forge"], "unknown command 'forge'; see trunkline token --help"],
    [["token", "inspect"], "there is no token: name its file, or set TRUNKLINE_TOKEN"],
    [["completion", "tcsh"], 'there is no completion for "tcsh"; the shells are bash, zsh, fish'],
    [["connect", "web", "--listen", "-1"], 'address to listen on "-1" has "-1" for its port'],
    [["connect", "web", "--listen", "80a"], 'address to listen on "80a" has no port'],
    [["connect", "web", "--listen", "0", "--jsn"], "unknown option '--jsn' (Did you mean --json?)"],
    [
      ["connect", "web", "--listen", "0", "--log-level", "loud"],
      "Allowed choices are debug, info, warn, error, silent",
    ],
    [["demo", "--size", "0"], '--size "0" must be from 1 to 100000, in MB'],
    [["token", "mint"], "missing required argument 'identity'; see trunkline token mint --help"],
    [["token", "mint", "two words"], 'identity "two words" must be 1 to 255 printable ASCII characters'],
    [["token", "mint", "me", "--lifetime", "0"], '--lifetime "0" is shorter than a second'],
    [["token", "mint", "me", "--lifetime", "5"], '--lifetime "5" has no unit; use 5s, 5m, 5h or 5d'],
    [["version", "extra"], "too many arguments for 'version'"],
    [["demo", "--size", "1e99"], '--size "1e99" must be from 1 to 100000, in MB'],
    [["completion"], "missing required argument 'shell'; see trunkline completion --help"],
    [["completion", ""], 'there is no completion for ""'],
    [["token", "mint", ""], 'identity "" must be 1 to 255 printable ASCII characters'],
    [["token", "mint", "a\u001b[31mb"], 'identity "a\\u001b[31mb" must be 1 to 255 printable ASCII characters'],
    [["token", "mint", "me", "--lifetime", "999999999999d"], '--lifetime "999999999999d" is no duration'],
    [["token", "inspect", ""], 'cannot read the token file "": the path is empty'],
    [["cert"], "see trunkline cert --help"],
    [["cert", "nonsense"], "unknown command 'nonsense'; see trunkline cert --help"],
    [["cert", "ca", ""], 'the name "" must have 1 to 64 printable characters'],
    [["cert", "ca", "a\u001b[31mb"], 'the name "a\\u001b[31mb" must have 1 to 64 printable characters'],
    [["cert", "server"], "missing required argument 'names'; see trunkline cert server --help"],
    [["cert", "server", "a b"], '"a b" is neither a DNS name nor an IP address'],
    [["cert", "server", "localhost", "--days", "0"], '--days "0" must be from 1 to 36500'],
    [["cert", "peer", ""], 'the name "" must have 1 to 64 printable characters'],
    [["cert", "inspect", ""], 'cannot read the certificates in "": the path is empty'],
    [["check", ""], 'cannot read the policy "": the path is empty'],
    [["key", "--id", ""], '--id "" must be 1 to 64 printable ASCII characters without spaces'],
    [["key", "--into", "router.key"], "--into needs --id, by which keys are told apart"],
    [["key", "--alg", "HS1"], "Allowed choices are HS256, HS384, HS512; see trunkline key --help"],
    [["ls", "extra"], "too many arguments for 'ls'"],
    [["ls", "--endpoint", ""], 'endpoint "" is empty'],
    [["ls", "--endpoint", "a\u001bb:1"], 'has "a\\u001bb" for its host'],
    [["ls", "--endpoint", "127.0.0.1:99999999999"], 'has "99999999999" for its port, which must be from 1 to 65535'],
    [["ls", "--token-file", ""], 'cannot read the token file "": the path is empty'],
    [["ls", "--tls-ca", ""], 'cannot read the certificates in "": the path is empty'],
    [["kill"], "missing required argument 'ids'; see trunkline kill --help"],
    [["evict"], "missing required argument 'name'; see trunkline evict --help"],
    [["drain", "--deadline", ""], '--deadline "" is no duration'],
    [["drain", "--deadline", "99999999d"], '--deadline "99999999d" is longer than 1 h 0 min'],
    [["top", "--interval", "1ms"], '--interval "1ms" is shorter than 100 ms'],
    [["top", "--sort", "x"], "Allowed choices are rate, bytes, age"],
    [["bench"], "a name is needed, or --direct ADDRESS, or --serve ADDRESS"],
    [["bench", "web", "--connections", "99999999"], '--connections "99999999" must be from 1 to 64'],
    [["bench", "web", "--serve", "0"], "--serve excludes a name and --direct"],
    [["bench", "--serve", "nonsense"], 'address to listen on "nonsense" has no port'],
    [["send", "x"], "a file and the receiver's name are needed: trunkline send FILE… NAME"],
    [["recv"], "missing required argument 'name'; see trunkline recv --help"],
    [["recv", "web", "--to", ""], '--to "" is empty; use . for this folder'],
    [["doctor", "a", "b"], "too many arguments for 'doctor'"],
    [["up", "extra"], "too many arguments for 'up'"],
    [["call"], "an address is missing, or --via NAME"],
    [["call", "", "a.B/C"], 'endpoint "" is empty'],
    [["call", "127.0.0.1:1", "nonsense"], 'method "nonsense" must be a service and a method'],
    [["call", "127.0.0.1:1", "a.B/C", "-H", "nonsense"], "--header has no colon between its key and its value"],
    [["call", "127.0.0.1:1", "a.B/C", "--proto", ""], '--proto "" is empty'],
    [["call", "127.0.0.1:1", "a.B/C", "-d", '{"a":'], "the data ends within a JSON value"],
    [["router", "--listen", ""], "--listen must not be empty"],
    [["router", "--policy", ""], "--policy must not be empty"],
    [["router", "--config", ""], 'cannot read the configuration "": the path is empty'],
    [["router", "--listen", "0", "--metrics", "nonsense"], '--metrics: address to listen on "nonsense" has no port'],
    [["connect", "web", "--lisen", "0"], "unknown option '--lisen' (Did you mean --listen?)"],
    [["connect", "web", "--listen", "0", "--wait", "long"], '--wait "long" is no duration'],
    [["connect", "web", "--listen", "0", "--keepalive", "2"], '--keepalive "2" has no unit'],
    [["router", "--listen", "0", "--linger", "2d"], '--linger "2d" is longer than 1 d 0 h'],
    [["router", "--listen", "0", "--limits", "maxListeners"], '--limits: "maxListeners" is not a limit such as'],
    [["router", "--listen", "0", "--limits", "maxNames=1"], '--limits: a router has no option "maxNames": it knows'],
    [["router", "--listen", "0", "--limits", "maxWaitMs=0"], "--limits: maxWaitMs must be"],
    [["router", "--listen", "0", "--limits", "lingerMs=5"], "--limits: lingerMs has a setting of its own, --linger"],
    [["ping", "web", "--timeout", "0"], '--timeout "0" must be longer than 0'],
    [["call", "127.0.0.1:1", "a.B/C", "--timeout", "0"], '--timeout "0" must be longer than 0'],
    [["bench", "web", "--time", "0"], '--time "0" must be longer than 0'],
    [["connect", "web", "--listen", "0", "--keepalive-timeout", "0"], '--keepalive-timeout "0" must be longer than 0'],
    [["router", "--listen", "0", "--limits", "maxWaitMs=5, maxWaitMs=6"], "--limits: maxWaitMs is there twice"],
  ])("%j: one line and exit code 64", async (args, message) => {
    await using lab = new InProcessLab();
    await expectFailure(lab.run(args), 64, message);
  });

  test("a token that is none is refused without being shown", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["connect", "web", "--listen", "0", "--endpoint", "127.0.0.1:1"], {
      TRUNKLINE_TOKEN: "se cret",
    });
    await expectFailure(run, 64, "TRUNKLINE_TOKEN holds no token");
    expect(run.stderr).not.toContain("cret");
  });

  test("with --json the complaint is JSON", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["connect", "web", "--json"]);
    expect(await run.exit).toBe(64);
    expect(await run.event("error")).toMatchObject({
      exitCode: 64,
      message: expect.stringContaining("--listen ADDRESS or --stdio is missing"),
    });
    expect(run.errorLines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ level: "fatal", exitCode: 64 }]);
  });
});

describe("an option that does nothing beside the others", () => {
  const via = ["call", "--via", "a"];
  test.each<[readonly string[], string]>([
    [["router", "--keepalive", "0", "--keepalive-timeout", "1s"], "--keepalive-timeout does nothing beside"],
    [["router", "--dashboard", "off", "--dashboard-rights", "see"], "--dashboard-rights does nothing with"],
    [["expose", "a", "1", "--udp-idle", "1m"], "--udp-idle does nothing without a target of UDP, as in udp:53"],
    [["expose", "a", "1", "--health-timeout", "1s"], "--health-timeout does nothing without --health"],
    [["expose", "a", "1", "--health", "tcp", "--no-check"], "--no-check does nothing beside --health"],
    [["ls", "--endpoint", "unix:/a", "--proxy", "http://b:1"], "--proxy does nothing on the way to unix:/a"],
    [["connect", "8080:a", "--udp-idle", "1m"], "--udp-idle does nothing without an address of UDP, as in udp:5353"],
    [["connect", "a", "--stdio", "--max-connections", "1"], "--max-connections does nothing with --stdio"],
    [["recv", "a", "--stdout", "--to", "x"], "--to does nothing with --stdout"],
    [["recv", "a", "--stdout", "--overwrite"], "--overwrite does nothing with --stdout"],
    [["top", "--once", "--interval", "1s"], "--interval does nothing with --once"],
    [["bench", "--serve", "0", "--time", "1s"], "--time does nothing with --serve"],
    [["bench", "--direct", "1", "--token-file", "x"], "--token-file does nothing without a name"],
    [["call", "127.0.0.1:1", "a.B/C", "--wait", "1s"], "--wait does nothing without --via"],
    [[...via, "--list", "--data", "{}"], "--data does nothing with --list and --describe"],
    [["key", "--alg", "HS512"], "--alg does nothing without --id"],
  ])("%j is refused with 64", async (args, message) => {
    await using lab = new InProcessLab();
    await expectFailure(lab.run(args), 64, message);
  });
});

describe("a key that is too short", () => {
  test("is refused in a file, with the way to make one", async () => {
    await using lab = new InProcessLab();
    const path = lab.file("short.key", "12345\n");
    const message = `the key in ${path} has 5 bytes, and at least 32 are needed; make one with: trunkline key >${path}`;
    await expectFailure(lab.run(["router", "--key-file", path]), 66, message);
    await expectFailure(lab.run(["token", "mint", "me", "--key-file", path]), 66, message);
  });

  test("is taken from ROUTER_KEY, as Jumpstarter's router takes it, with a warning", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["token", "mint", "me", "--json"], { ROUTER_KEY: "12345" });
    expect(await run.exit).toBe(0);
    expect(await run.event("short-key")).toMatchObject({ bytes: 5, minBytes: 32 });
    expect(run.stderr).toContain("ROUTER_KEY has 5 bytes");
    expect(run.stderr).not.toContain("12345");
  });
});

describe("a key", () => {
  /** The exit code of `connect` with a token by one key at a router with another one: 68 if it is let in, 77 if not. */
  async function exitCodeWith(token: Readonly<Record<string, string>>, router: Readonly<Record<string, string>>) {
    await using lab = new InProcessLab();
    const args = (env: Readonly<Record<string, string>>): string[] =>
      env["FILE"] === undefined ? [] : ["--key-file", lab.file("key", env["FILE"])];
    const minted = lab.run(["token", "mint", "me", ...args(token)], token);
    expect(await minted.exit).toBe(0);
    const running = lab.run(["router", "--listen", "127.0.0.1:0", "--json", ...args(router)], router);
    const endpoint = (await running.event("listening"))["address"] as string;
    const connect = lab.run(["connect", "web", "--listen", "0", "--wait", "0", "--endpoint", endpoint], {
      TRUNKLINE_TOKEN: minted.stdout.trim(),
    });
    return await connect.exit;
  }
  const text = "k".repeat(32);

  test("in ROUTER_KEY is taken as it is, spaces and line ends included", async () => {
    const key = ` ${text}\n`;
    expect(await exitCodeWith({ ROUTER_KEY: key }, { ROUTER_KEY: key })).toBe(68);
    expect(await exitCodeWith({ ROUTER_KEY: text }, { ROUTER_KEY: key })).toBe(77);
    expect(await exitCodeWith({ ROUTER_KEY: `${text}\n` }, { ROUTER_KEY: text })).toBe(77);
  });

  test("in a file loses one line end at most", async () => {
    expect(await exitCodeWith({ FILE: `${text}\n` }, { ROUTER_KEY: text })).toBe(68);
    expect(await exitCodeWith({ FILE: `${text}\r\n` }, { ROUTER_KEY: text })).toBe(68);
    expect(await exitCodeWith({ FILE: `${text}\n\n` }, { ROUTER_KEY: text })).toBe(77);
    expect(await exitCodeWith({ FILE: ` ${text}` }, { ROUTER_KEY: text })).toBe(77);
  });

  test("is made by `trunkline key`: 32 random bytes as text", async () => {
    await using lab = new InProcessLab();
    const made = [lab.run(["key"]), lab.run(["key"])];
    for (const run of made) expect(await run.exit).toBe(0);
    const [first, second] = made.map(({ stdout }) => stdout);
    expect(first).toMatch(/^[\w-]{43}\n$/);
    expect(second).not.toBe(first);
  });
});

describe("files that cannot be used", () => {
  test.each<[readonly string[], string]>([
    [["router", "--key-file", "/no/such/key"], "cannot read the key file /no/such/key: there is no such file"],
    [["router", "--key-file", "/"], "cannot read the key file /: it is a directory"],
    [["router", "--key-file", "/dev/null"], "the key in /dev/null has 0 bytes, and at least 32 are needed"],
    [["router", "--key-file", "/dev/zero"], "cannot read the key file /dev/zero: it has more than 1048576 bytes"],
    [
      ["router", "--listen", "0", "--tls-cert", "/no/cert", "--tls-key", "/no/key"],
      "cannot read the certificate in /no/cert: there is no such file",
    ],
    [
      ["expose", "web", "1", "--token-file", "/no/token"],
      "cannot read the token file /no/token: there is no such file",
    ],
    [["connect", "web", "--listen", "0", "--token-file", "/dev/null"], "the token file /dev/null is empty"],
    [
      ["connect", "web", "--listen", "0", "--tls-ca", "/no/ca"],
      "cannot read the certificates in /no/ca: there is no such file",
    ],
    [["ls", "--token-file", "/"], "cannot read the token file /: it is a directory"],
    [["call", "127.0.0.1:1", "a.B/C", "--proto", "/"], "/ cannot be used: it is a directory"],
    [["call", "127.0.0.1:1", "a.B/C", "-d", "@/nowhere"], "cannot read the data file /nowhere: there is no such file"],
    [["router", "--config", "/"], "cannot read the configuration /: it is a directory"],
    [["router", "--listen", "0", "--jwks", "/"], "cannot read the public keys in /: it is a directory"],
    [["key", "--id", "a", "--into", "/dev/null/key"], "/dev/null/key: a part of its path is not a directory"],
    [["check", "/"], "cannot read the policy /: it is a directory"],
    [["check", "/no/policy"], "cannot read the policy /no/policy: there is no such file"],
    [["cert", "inspect", "/"], "cannot read the certificates in /: it is a directory"],
    [["cert", "inspect", "/dev/null"], "/dev/null holds no certificate in PEM"],
    [["token", "inspect", "/"], "cannot read the token file /: it is a directory"],
    [["ls", "--profile", "nope"], "cannot read the profiles "],
    [["up"], "cannot read the profiles "],
    [["token", "mint", "me"], "there is no key: give --key-file or ROUTER_KEY, or start a router"],
  ])("%j: one line and exit code 66", async (args, message) => {
    await using lab = new InProcessLab();
    await expectFailure(lab.run(args), 66, message);
  });

  test("a certificate that is none", async () => {
    await using lab = new InProcessLab();
    const file = lab.file("not.pem", "not a certificate");
    const message = `--tls-cert ${file} holds no certificate in PEM`;
    await expectFailure(lab.run(["router", "--listen", "0", "--tls-cert", file, "--tls-key", file]), 66, message);
  });

  test("each option of TLS is named with its file and what is wrong there", async () => {
    await using lab = new InProcessLab();
    const made = lab.run(["cert", "server", "localhost", "--folder", lab.folder]);
    expect(await made.exit).toBe(0);
    const at = ["--endpoint", "localhost:1"];
    const [cert, key, bad] = [`${lab.folder}/localhost.pem`, `${lab.folder}/localhost.key`, lab.file("bad", "text")];
    const pair = ["--tls-cert", cert, "--tls-key"];
    const noCertificate = `${bad} holds no certificate in PEM`;
    const runs: [readonly string[], string][] = [
      [["router", "--listen", "0", ...pair, bad], `--tls-key ${bad} holds no private key in PEM`],
      [["router", "--listen", "0", ...pair, cert], `--tls-key ${cert} holds no private key in PEM, but a certificate`],
      [
        ["router", "--listen", "0", ...pair, `${lab.folder}/ca.key`],
        `--tls-key ${lab.folder}/ca.key is not the key of --tls-cert ${cert}`,
      ],
      [["router", "--listen", "0", ...pair, key, "--client-ca", bad], `--client-ca ${noCertificate}`],
      [
        ["router", "--listen", "0", "--oidc-issuer", "https://a", "--oidc-audience", "b", "--oidc-ca", bad],
        `--oidc-ca ${noCertificate}`,
      ],
      [["ls", ...at, "--tls-ca", bad], `--tls-ca ${noCertificate}`],
      [["ls", ...at, ...pair, bad], `--tls-key ${bad} holds no private key in PEM`],
      [["call", "localhost:1", "--list", "--tls-ca", bad], `--tls-ca ${noCertificate}`],
      [["call", "--via", "web", "--list", ...at, "--server-ca", bad], `--server-ca ${noCertificate}`],
      [["connect", "web", "--stdio", ...at, "--identity", bad, "--peer-ca", cert], `--identity ${noCertificate}`],
      [["cert", "peer", "me", "--folder", `${lab.folder}/broken`], `${lab.folder}/broken/ca.pem holds no certificate`],
      [["cert", "inspect", key], `${key} holds no certificate in PEM, but a private key`],
    ];
    mkdirSync(`${lab.folder}/broken`);
    for (const name of ["ca.pem", "ca.key"]) lab.file(`broken/${name}`, "text");
    for (const [args, message] of runs) await expectFailure(lab.run(args, { TRUNKLINE_TOKEN: "a.b.c" }), 66, message);
  });

  test("a file of the local router that others can read is not used", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    chmodSync(`${lab.folder}/trunkline/router.json`, 0o644);
    await expectFailure(lab.run(["connect", "web", "--listen", "0"]), 66, "cannot use the file of the local router");
  });
});

describe("a router that is not there", () => {
  test("on this machine", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const message = "no router runs on this machine; start one with: trunkline router";
    await expectFailure(lab.run(["expose", "web", service.target]), 69, message);
    await expectFailure(lab.run(["connect", "web", "--listen", "0"]), 69, message);
  });

  test("on this machine any more", async () => {
    await using lab = new InProcessLab();
    const path = `${lab.folder}/trunkline/router.json`;
    await writeLocalState({ endpoint: "127.0.0.1:1", token: "t", pid: noProcess }, path);
    const message = `the router of this machine (process ${noProcess}) has ended; start one with: trunkline router`;
    await expectFailure(lab.run(["connect", "web", "--listen", "0"]), 69, message);
  });

  test("at the endpoint", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const nobody = await startService();
    await nobody[Symbol.asyncDispose]();
    const env = { TRUNKLINE_ENDPOINT: nobody.target, TRUNKLINE_TOKEN: "x" };
    const message = `cannot reach the router at ${nobody.target}: connection refused`;
    await expectFailure(lab.run(["expose", "web", service.target], env), 69, message);
    await expectFailure(lab.run(["connect", "web", "--listen", "0"], env), 69, message);
  });

  test.each<[readonly string[]]>([
    [["ls"]],
    [["top", "--once"]],
    [["kill", "abc"]],
    [["evict", "web"]],
    [["drain"]],
    [["ping", "web"]],
    [["bench", "web"]],
    [["recv", "web"]],
    [["send", "/dev/null", "web", "--wait", "0"]],
    [["connect", "web", "--stdio"]],
    [["call", "--via", "web", "a.B/C"]],
  ])("for %j", async ([...args]) => {
    await using lab = new InProcessLab();
    await expectFailure(lab.run(args), 69, "no router runs on this machine; start one with: trunkline router");
    const nobody = await startService();
    await nobody[Symbol.asyncDispose]();
    const env = { TRUNKLINE_ENDPOINT: nobody.target, TRUNKLINE_TOKEN: "x" };
    await expectFailure(lab.run(args, env), 69, `cannot reach the router at ${nobody.target}`);
  });

  test("but something else", async () => {
    await using lab = new InProcessLab();
    await using other = await startService((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const run = lab.run(["connect", "web", "--listen", "0", "--endpoint", other.target], { TRUNKLINE_TOKEN: "x" });
    await expectFailure(run, 69, `cannot reach the router at ${other.target}`);
  });
});

describe("what the router refuses", () => {
  test("a name that is not exposed", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router();
    const message = `"web" is not exposed at ${endpoint}; begin with: trunkline expose web TARGET`;
    await expectFailure(lab.run(["connect", "web", "--listen", "0", "--wait", "0"]), 68, message);
    const waited = lab.run(["connect", "web", "--listen", "0", "--wait", "300ms", "--json"]);
    expect(await waited.event("waiting")).toMatchObject({ name: "web", endpoint });
    expect(await waited.exit).toBe(68);
  });

  test.each<[readonly string[], number, string]>([
    [["bench", "web"], 68, "; begin with: trunkline expose web TARGET"],
    [["send", "/dev/null", "web", "--wait", "0"], 68, "; begin with: trunkline recv web"],
    [["send", "", "web", "--wait", "0"], 66, 'cannot read "": there is no such file'],
    [
      ["recv", "web", "--to", "/dev/null"],
      73,
      "cannot use the folder /dev/null: a part of its path is not a directory",
    ],
    [["kill", ""], 64, "the id of a stream must not be empty"],
    [["kill", "abc"], 68, 'there is no stream with the id "abc"'],
    [["kill", "abc", "--reason", "a\u001bb"], 64, "a reason must not have control characters"],
    [["evict", "web"], 68, 'the name "web" has no listener'],
    [["evict", "web", "--listener", "zz"], 68, 'the name "web" has no listener "zz"'],
  ])("%j: one line and exit code %i", async (args, exitCode, message) => {
    await using lab = new InProcessLab();
    await lab.router();
    const run = lab.run([...args, "--log-level", "error"]);
    await expectFailure(run, exitCode, message);
    // No raw control character reaches the terminal.
    expect(run.stderr.trimEnd()).toMatch(/^[^\p{Cc}]*$/u);
  });

  test.each([
    ["expose", "NAME", "1"],
    ["connect", "NAME", "--listen", "0"],
    ["connect", "NAME", "--stdio"],
    ["connect", "0:NAME"],
    ["connect", "NAME", "R:0"],
    ["ping", "NAME"],
    ["doctor", "NAME"],
    ["bench", "NAME"],
    ["send", "/dev/null", "NAME"],
    ["recv", "NAME"],
    ["evict", "NAME"],
    ["call", "--via", "NAME", "--list"],
  ])("a name that is none ends %s with 64, before anything is dialled", async (...args) => {
    await using lab = new InProcessLab();
    const named = (name: string): string[] => args.map((word) => word.replace("NAME", name));
    // No router runs: that would be told of otherwise.
    await expectFailure(lab.run(named("a b")), 64, '"a b" is not a name: use letters, digits and . _ / - between them');
    const hostile = lab.run(named("a\u001b[31mb"));
    await expectFailure(hostile, 64, '"a\\u001b[31mb" is not a name');
    // No raw control character reaches the terminal.
    expect(hostile.stderr.trimEnd()).toMatch(/^[^\p{Cc}]*$/u);
  });

  test.each([
    ["expired", tokenFor(-5), "it has expired; make another one where the router's key is, by trunkline token mint"],
    [
      "made by a clock that is an hour ahead",
      tokenFor(7_200, key, 3_600),
      "it was issued (iat) in the future; the clocks of the router and of the machine that made it differ: set them",
    ],
    [
      "signed by another key",
      tokenFor(60, "another key of 32 bytes, or more"),
      "its signature fits no key of this router; it is for another router, or that has another key by now",
    ],
    ["no JWT at all", "nonsense", "it is not a signed JWT"],
  ])("a token that is %s", async (_, token, reason) => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const router = lab.run(["router", "--listen", "127.0.0.1:0", "--json"], { ROUTER_KEY: key });
    const endpoint = (await router.event("listening"))["address"] as string;
    const file = lab.file("token", `${token}\n`);
    const message = `the router at ${endpoint} does not accept the token: ${reason}`;
    const runs = [
      lab.run(["expose", "web", service.target, "--token-file", file]),
      lab.run(["connect", "web", "--listen", "0", "--endpoint", endpoint, "--token-file", file]),
      lab.run(["connect", "web", "--listen", "0"], { TRUNKLINE_TOKEN: token }),
    ];
    for (const run of runs) {
      await expectFailure(run, 77, message);
      expect(run.stderr).not.toContain(token);
    }
    expect(router.stderr).not.toContain(token);
  });

  test("again and again: the log has a bounded number of lines, and a count of the others", async () => {
    await using lab = new InProcessLab();
    const router = lab.start("router", "--listen", "127.0.0.1:0", "--grace", "0");
    const endpoint = (await router.event("listening"))["address"] as string;
    const refused = 25;
    for (let count = 0; count < refused; count++) {
      const run = lab.run(["connect", "web", "--listen", "0", "--endpoint", endpoint], { TRUNKLINE_TOKEN: "nonsense" });
      expect(await run.exit).toBe(77);
    }
    expect(await router.end("SIGTERM")).toBe(0);
    const lines = router.errorLines.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(lines.length).toBeLessThan(refused / 2);
    const omitted = lines.filter((line) => line.startsWith("refusals-omitted"));
    expect(omitted).toHaveLength(1);
    expect(omitted[0]).toContain(`count ${refused - (lines.length - 1)}`);
    expect(await router.event("router-refusals-omitted")).toMatchObject({ count: refused - (lines.length - 1) });
    expect(await router.event("summary")).toMatchObject({ refusals: refused });
  });

  test("not a token that was made for it, on another machine too", async () => {
    await using lab = new InProcessLab();
    await using elsewhere = new InProcessLab();
    await using service = await startService();
    const keyFile = lab.file("router.key", `${key}\n`);
    const { endpoint } = await lab.router("--key-file", keyFile);
    const minted = lab.run(["token", "mint", "lab-3", "--lifetime", "1h", "--key-file", keyFile]);
    expect(await minted.exit).toBe(0);
    expect(minted.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const file = elsewhere.file("token", minted.stdout);
    await elsewhere.expose("web", service.target, "--endpoint", endpoint, "--token-file", file);
    const connect = elsewhere.run(["connect", "web", "--listen", "0", "--json"], {
      TRUNKLINE_ENDPOINT: endpoint,
      TRUNKLINE_TOKEN: minted.stdout.trim(),
    });
    expect(await connect.event("listening")).toMatchObject({ name: "web", endpoint });
  });
});

describe("what is in use or not there", () => {
  test("a port that is in use", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const advice = "choose another port, or 0 for a free one";
    const message = `cannot listen on ${service.target}: it is in use already; ${advice}`;
    await expectFailure(lab.run(["router", "--listen", service.target]), 73, message);
    expect(existsSync(`${lab.folder}/trunkline/router.json`)).toBe(false);
    await lab.router();
    await lab.expose("web", service.target);
    await expectFailure(lab.run(["connect", "web", "--listen", service.target]), 73, message);
  });

  test.each<[readonly string[], string]>([
    [["router", "--listen", "127.0.0.1:0", "--audit", "/"], "cannot write the audit file /: it is a directory"],
    [
      ["cert", "ca", "x", "--folder", "/dev/null"],
      "cannot make the folder /dev/null: a part of its path is not a directory",
    ],
    [["cert", "server", "localhost", "--folder", "/dev/null"], "cannot make the folder /dev/null: "],
    [["cert", "peer", "me", "--folder", "/dev/null"], "cannot make the folder /dev/null: "],
  ])("a file that cannot be made: %j", async (args, message) => {
    await using lab = new InProcessLab();
    await expectFailure(lab.run(args), 73, message);
  });

  test("an address that this machine does not have", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["router", "--listen", "192.0.2.1:0", "--plaintext"]);
    await expectFailure(run, 73, "cannot listen on 192.0.2.1:0: this machine has no such address");
  });

  test("a folder for a Unix socket that is not there", async () => {
    await using lab = new InProcessLab();
    const run = lab.run(["router", "--listen", `unix:${lab.folder}/no/such.sock`]);
    expect(await run.exit).toBe(73);
    const reason = `there is no folder ${lab.folder}/no`;
    expect(run.errorLines).toEqual([
      expect.stringContaining(`cannot listen on unix:${lab.folder}/no/such.sock: ${reason}`),
    ]);
  });

  test("a Unix socket that another process listens on, and a file that is none", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    await using service = await startService();
    await lab.expose("web", service.target);
    const path = `unix:${lab.folder}/app.sock`;
    await lab.start("connect", "web", "--listen", path).event("listening");
    const message = `cannot listen on ${path}: another process listens on it`;
    await expectFailure(lab.run(["connect", "web", "--listen", path]), 73, message);
    const file = lab.file("text", "precious");
    const other = `cannot listen on unix:${file}: a file that is no socket is there`;
    await expectFailure(lab.run(["connect", "web", "--listen", `unix:${file}`]), 73, other);
  });

  test("a name that another identity exposes is taken, not taken back from one who never had it", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const { endpoint } = await lab.router();
    await lab.expose("web", service.target);
    const minted = lab.run(["token", "mint", "another"]);
    expect(await minted.exit).toBe(0);
    const run = lab.run(["expose", "web", service.target, "--endpoint", endpoint], {
      TRUNKLINE_TOKEN: minted.stdout.trim(),
    });
    await expectFailure(run, 73, `"web" is taken at the router at ${endpoint}: `);
  });

  test("a second router on this machine without a key of its own", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router();
    await expectFailure(
      lab.run(["router", "--listen", "0"]),
      73,
      `a router runs on this machine already, at ${endpoint} (process `,
    );
  });

  test("a target that refuses", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    const nobody = await startService();
    await nobody[Symbol.asyncDispose]();
    await expectFailure(
      lab.run(["expose", "web", nobody.target]),
      75,
      `cannot reach the target ${nobody.target}: connection refused`,
    );
    const path = `unix:${lab.folder}/nobody.sock`;
    await expectFailure(lab.run(["expose", "web", path]), 75, `cannot reach the target ${path}: there is no such file`);
  });
});
