/** Connections with TLS through a router that is not trusted, by the options of the command. */

import { X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { pinOf } from "@trunkline/router";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import { Client, startService } from "./support/services.js";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../h2/test/fixtures/tls/${name}.pem`, import.meta.url));
const authority = fixture("authority");
const pin = (name: string): string => pinOf(new X509Certificate(readFileSync(fixture(name))));
/** Writes certificate and key into one file. */
const identity = (lab: InProcessLab, name: string): string =>
  lab.file(`${name}.pem`, readFileSync(fixture(name), "utf8") + readFileSync(fixture(`${name}-key`), "utf8"));

describe("expose and connect with identities", () => {
  test.each([
    ["pinned keys", ["--allow-key", pin("client")], ["--peer-key", pin("server")]],
    ["an authority of one's own", ["--client-ca", authority], ["--peer-ca", authority]],
  ])("carry connections with %s, and their ends", async (_, exposing, connecting) => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", service.target, "--identity", identity(lab, "server"), ...exposing);
    const { port } = await lab.connect("echo", "--identity", identity(lab, "client"), ...connecting);
    const client = new Client(port);
    client.socket.end("through");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("through");
    const ping = lab.start("ping", "echo", "--count", "1", "--identity", identity(lab, "client"), ...connecting);
    expect(await ping.exit).toBe(0);
  });

  test("know who dials, and carry UDP and reverse forwards", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const exposing = ["--identity", identity(lab, "server"), "--allow-key", pin("client")];
    const connecting = ["--identity", identity(lab, "client"), "--peer-key", pin("server")];
    const expose = lab.start(
      ...["expose", "echo", service.target, "dns", "udp:127.0.0.1:9", "--allow", "local"],
      ...["--allow-reverse", "0-65535", "--grace", "0", ...exposing],
    );
    await expose.event("exposed");
    await expose.event("exposed");
    const forwards = ["0:echo", "udp:0:dns", "echo", `R:0:${service.target}`];
    const connect = lab.start("connect", ...forwards, "--grace", "0", ...connecting);
    const direct = new Client((await connect.event("listening"))["port"] as number);
    direct.socket.end("direct");
    expect(await direct.over).toBe("end");
    expect(await expose.event("connection-closed")).toMatchObject({ name: "echo", peer: "local" });
    const { address } = await connect.event("reverse-listening");
    const reverse = new Client(Number(String(address).split(":")[1]));
    reverse.socket.end("reverse");
    expect(await reverse.over).toBe("end");
    expect(reverse.received.toString()).toBe("reverse");
    mkdirSync(`${lab.folder}/.config/trunkline`, { recursive: true });
    const own = `identity: ${identity(lab, "client")}, peerKey: "${pin("server")}"`;
    writeFileSync(`${lab.folder}/.config/trunkline/config.yaml`, `profiles: {lab: {${own}, forwards: ["0:echo"]}}`);
    const up = lab.start("up");
    await up.event("forward");
    const byProfile = new Client(Number(String((await up.event("forward"))["address"]).split(":")[1]));
    byProfile.socket.end("by profile");
    expect(await byProfile.over).toBe("end");
    expect(byProfile.received.toString()).toBe("by profile");
    expect(await lab.run(["ping", "echo", "--count", "1", "--profile", "lab"]).exit).toBe(0);
    const socket = createSocket("udp4");
    socket.send("a datagram", (await connect.event("listening"))["port"] as number, "127.0.0.1");
    expect(await expose.event("connection-opened")).toMatchObject({ name: expect.stringMatching(/echo|dns/) });
    socket.close();
  });

  test("send and recv move files", async () => {
    await using lab = new InProcessLab();
    await lab.router();
    const recv = lab.start(
      "recv",
      "inbox",
      "--to",
      lab.folder,
      "--identity",
      identity(lab, "server"),
      "--allow-key",
      pin("client"),
    );
    const file = lab.file("note.txt", "a note");
    const send = lab.start(
      "send",
      file,
      "inbox",
      "--as",
      "copy.txt",
      "--identity",
      identity(lab, "client"),
      "--peer-key",
      pin("server"),
    );
    expect([await send.exit, await recv.exit]).toEqual([0, 0]);
    expect(readFileSync(`${lab.folder}/copy.txt`, "utf8")).toBe("a note");
  });

  test("a side that the other one does not trust is refused, with both pins' owners told", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    const expose = await lab.expose(
      "echo",
      service.target,
      "--identity",
      identity(lab, "server"),
      "--allow-key",
      pin("client"),
    );
    const { connect, port } = await lab.connect(
      "echo",
      "--identity",
      identity(lab, "stranger"),
      "--peer-key",
      pin("server"),
    );
    expect(await new Client(port).over).toBe("ECONNRESET");
    expect(String((await connect.event("connection-closed"))["error"])).toContain("key or certificate is not trusted");
    expect(String((await expose.event("connection-missed"))["error"])).toContain(pin("stranger"));
  });

  test("doctor names the hop: without an identity, with the wrong pin, and with the right one", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.router();
    await lab.expose("echo", service.target, "--identity", identity(lab, "server"), "--allow-key", pin("client"));
    const own = ["--identity", identity(lab, "client"), "--peer-key"];
    for (const options of [[], [...own, pin("stranger")]]) {
      const run = lab.run(["doctor", "echo", ...options]);
      expect([await run.exit, run.stdout]).toEqual([77, expect.stringContaining("end to end  FAILS: ")]);
    }
    const healthy = lab.run(["doctor", "echo", ...own, pin("server")]);
    expect([await healthy.exit, healthy.stdout]).toEqual([
      0,
      expect.stringContaining("end to end  ok: both sides trust"),
    ]);
    expect(healthy.stdout).toMatch(/^target {6}ok/m);
  });
});

describe("the options of an identity", () => {
  test.each([
    [["--peer-key", "sha256//x"], 64, "--peer-key needs --identity FILE"],
    [["--identity", "client.pem"], 64, "--identity needs the other side's key"],
    [
      ["--identity", "client.pem", "--peer-key", "sha256//x", "--peer-ca", "x.pem"],
      64,
      "--peer-key and --peer-ca exclude",
    ],
    [["--identity", "client.pem", "--peer-key", "sha256//x"], 64, '"sha256//x" is no pin'],
    [["--identity", "nothing.pem", "--peer-key", pin("server")], 66, "cannot read the identity in"],
    [
      ["--identity", "half.pem", "--peer-key", pin("server")],
      66,
      "half.pem holds no private key in PEM, but a certificate",
    ],
    [["--identity", "client.pem", "--peer-ca", "text.pem"], 66, "text.pem holds no certificate in PEM"],
    [["--identity", "client-expired.pem", "--peer-key", pin("server")], 66, "client-expired.pem is valid from"],
  ])("%j are refused with %i", async (options, code, message) => {
    await using lab = new InProcessLab();
    await lab.router();
    identity(lab, "client");
    identity(lab, "client-expired");
    lab.file("half.pem", readFileSync(fixture("client")));
    lab.file("text.pem", "text");
    const placed = options.map((word) => (word.endsWith(".pem") ? `${lab.folder}/${word}` : word));
    const run = lab.run(["connect", "web", "--listen", "0", ...placed]);
    expect([await run.exit, run.stderr]).toEqual([code, expect.stringContaining(message)]);
  });
});
