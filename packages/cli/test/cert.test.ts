/** `trunkline cert`: certificates that OpenSSL finds good, and files that are not replaced. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import { Client, startService } from "./support/services.js";

/** Returns the output of OpenSSL, undefined where it is not installed. */
function openssl(...args: readonly string[]): string | undefined {
  try {
    return execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
const hasOpenssl = openssl("version") !== undefined;

/** Runs `trunkline cert` in the lab's folder, and returns its events. */
async function cert(lab: InProcessLab, ...args: readonly string[]) {
  const run = lab.start("cert", ...args, ...(args[0] === "inspect" ? [] : ["--folder", lab.folder]));
  const code = await run.exit;
  const events = run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, events, text: run.stdout };
}

describe("trunkline cert", () => {
  test("makes the first TLS of a lab by one command", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    const { code, events } = await cert(lab, "server", "localhost", "127.0.0.1", "::1");
    expect([code, events.map(({ purpose }) => purpose)]).toEqual([0, ["authority", "server"]]);
    const file = (name: string): string => join(lab.folder, name);
    const { endpoint } = await lab.router("--tls-cert", file("localhost.pem"), "--tls-key", file("localhost.key"));
    await lab.expose("echo", service.target, "--tls-ca", file("ca.pem"), "--endpoint", endpoint);
    const { port } = await lab.connect("echo", "--tls-ca", file("ca.pem"), "--endpoint", endpoint);
    const client = new Client(port);
    client.socket.end("hello");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("hello");
  });

  test("makes identities for both sides of end-to-end TLS, by the authority and by pins", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await cert(lab, "peer", "board-7", "--only", "expose");
    await cert(lab, "peer", "me", "--only", "connect");
    const self = await cert(lab, "peer", "guest", "--self-signed");
    const file = (name: string): string => join(lab.folder, name);
    await lab.expose("a", service.target, "--identity", file("board-7.pem"), "--client-ca", file("ca.pem"));
    await lab.expose(
      "b",
      service.target,
      "--identity",
      file("board-7.pem"),
      "--allow-key",
      String(self.events[0]?.["pin"]),
    );
    for (const [name, identity] of [
      ["a", "me.pem"],
      ["b", "guest.pem"],
    ] as const) {
      const { port } = await lab.connect(name, "--identity", file(identity), "--peer-ca", file("ca.pem"));
      const client = new Client(port);
      client.socket.end(name);
      expect(await client.over).toBe("end");
      expect(client.received.toString()).toBe(name);
    }
    // A certificate for connecting must not do for exposing.
    await lab.expose("c", service.target, "--identity", file("me.pem"), "--client-ca", file("ca.pem"));
    const { port } = await lab.connect("c", "--identity", file("board-7.pem"), "--peer-ca", file("ca.pem"));
    expect(await new Client(port).over).toBe("ECONNRESET");
  });

  test.runIf(hasOpenssl)(
    "satisfies OpenSSL's strictest check, for each purpose and both kinds of address",
    async () => {
      await using lab = new InProcessLab();
      const long = `${"a".repeat(60)}.${"b".repeat(60)}.example`;
      await cert(lab, "server", "*.lab.example", "10.0.0.5", "2001:db8::10", "::ffff:1.2.3.4", "bücher.example", long);
      await cert(lab, "peer", "board-7", "--days", "9000", "--force").then(({ code }) => expect(code).toBe(64));
      await cert(lab, "peer", "board-7", "--days", "3000");
      const ca = join(lab.folder, "ca.pem");
      const verify = (name: string, ...purpose: readonly string[]) =>
        openssl("verify", "-x509_strict", "-CAfile", ca, ...purpose, join(lab.folder, name));
      expect(verify("__.lab.example.pem".replace("__", "_"), "-purpose", "sslserver")).toContain("OK");
      for (const purpose of ["sslserver", "sslclient"])
        expect(verify("board-7.pem", "-purpose", purpose)).toContain("OK");
      const text = openssl("x509", "-in", join(lab.folder, "_.lab.example.pem"), "-noout", "-text") ?? "";
      for (const name of [
        "DNS:*.lab.example",
        "IP Address:10.0.0.5",
        "IP Address:2001:DB8:0:0:0:0:0:10",
        "IP Address:0:0:0:0:0:FFFF:102:304",
        "DNS:xn--bcher-kva.example",
        `DNS:${long}`,
      ])
        expect(text).toContain(name);
      expect(text).toContain("Digital Signature");
      expect(openssl("x509", "-in", ca, "-noout", "-text")).toMatch(
        /CA:TRUE, pathlen:0[\s\S]*Certificate Sign, CRL Sign/,
      );
    },
  );

  test.runIf(hasOpenssl).each(["rsa:2048", "ed25519", "ec"])(
    "signs by an authority that OpenSSL has made: %s",
    async (kind) => {
      await using lab = new InProcessLab();
      const [ca, key] = [join(lab.folder, "ca.pem"), join(lab.folder, "ca.key")];
      const curve = kind === "ec" ? ["-pkeyopt", "ec_paramgen_curve:P-384"] : [];
      openssl(
        "req",
        "-x509",
        "-newkey",
        kind,
        ...curve,
        "-nodes",
        "-keyout",
        key,
        "-out",
        ca,
        "-days",
        "400",
        "-subj",
        "/C=DE/O=Lab é/CN=Own CA",
        "-utf8",
        "-addext",
        "keyUsage=critical,keyCertSign",
      );
      const { events } = await cert(lab, "peer", "board-7");
      expect(events).toHaveLength(1);
      expect(openssl("verify", "-x509_strict", "-CAfile", ca, join(lab.folder, "board-7.pem"))).toContain("OK");
    },
  );

  test("lets only their owner read keys, and replaces nothing without --force", async () => {
    await using lab = new InProcessLab();
    await cert(lab, "server", "router.example");
    await cert(lab, "peer", "me");
    const modes = ["ca.key", "router.example.key", "me.pem"].map(
      (name) => statSync(join(lab.folder, name)).mode & 0o777,
    );
    expect(modes).toEqual([0o600, 0o600, 0o600]);
    const before = readFileSync(join(lab.folder, "me.pem"), "utf8");
    for (const args of [["peer", "me"], ["server", "router.example"], ["ca"]]) {
      const { code, text } = await cert(lab, ...args);
      expect([code, text]).toEqual([73, expect.stringContaining("exists already; --force replaces it")]);
    }
    expect(readFileSync(join(lab.folder, "me.pem"), "utf8")).toBe(before);
    expect((await cert(lab, "peer", "me", "--force")).code).toBe(0);
    expect(readFileSync(join(lab.folder, "me.pem"), "utf8")).not.toBe(before);
  });

  test("inspect shows names, times and pins, and nothing of the key", async () => {
    await using lab = new InProcessLab();
    const made = await cert(lab, "peer", "board-7", "--days", "10");
    const { code, events, text } = await cert(lab, "inspect", join(lab.folder, "board-7.pem"));
    expect([code, events.length]).toEqual([0, 2]);
    expect(events[0]).toMatchObject({
      subject: "CN=board-7",
      issuer: "CN=trunkline CA",
      names: ["DNS:board-7"],
      purposes: ["server", "client"],
      usable: "for 9 days",
      pin: made.events[1]?.["pin"],
      hasKey: true,
    });
    expect(events[1]).toMatchObject({ subject: "CN=trunkline CA", purposes: ["authority"], hasKey: false });
    expect(text).not.toContain("PRIVATE");
    const pem = readFileSync(join(lab.folder, "board-7.pem"));
    expect(events[0]?.["fingerprint"]).toBe(new X509Certificate(pem).fingerprint256);
  });

  test.each([
    [["server", "no name"], 64, "neither a DNS name nor an IP address"],
    [["server", "a..b"], 64, "neither a DNS name nor an IP address"],
    [["peer", "\u001b[31m"], 64, "1 to 64 printable characters"],
    [["peer", "x".repeat(65)], 64, "1 to 64 printable characters"],
    [["peer", "x", "--days", "0"], 64, "must be from 1 to 36500"],
    [["peer", "x", "--days", "36501"], 64, "from 1 to 36500"],
  ])("%j are refused with %i", async (args, code, message) => {
    await using lab = new InProcessLab();
    const answer = await cert(lab, ...args);
    expect([answer.code, answer.text]).toEqual([code, expect.stringContaining(message)]);
  });

  test("an authority that is damaged, or half there, is not used", async () => {
    await using lab = new InProcessLab();
    writeFileSync(join(lab.folder, "ca.pem"), "nothing");
    expect((await cert(lab, "peer", "x")).code).toBe(66);
    writeFileSync(join(lab.folder, "ca.key"), "nothing");
    const { code, text } = await cert(lab, "peer", "x");
    expect([code, text]).toEqual([66, expect.stringContaining("ca.pem holds no certificate in PEM")]);
  });
});
