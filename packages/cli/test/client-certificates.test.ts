/** Commands that show a certificate instead of a token. */

import { copyFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ExitCode } from "../src/exit-codes.js";
import { InProcessLab } from "./support/lab.js";
import { Client, startService } from "./support/services.js";

const pem = (name: string): string => fileURLToPath(new URL(`../../h2/test/fixtures/tls/${name}.pem`, import.meta.url));
const server = ["--tls-cert", pem("server"), "--tls-key", pem("server-key"), "--client-ca", pem("authority")];
const shown = (name: string): string[] => [
  ...["--tls-ca", pem("authority"), "--tls-cert", pem(name), "--tls-key", pem(`${name}-key`)],
];

describe("a client certificate", () => {
  test("is enough to expose, to connect and for the doctor", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    const policy = lab.file("policy.yaml", "rules: [{identities: ['tls:client'], listen: [echo], dial: [echo]}]\n");
    const prefix = ["--client-prefix", "tls:", "--require-client-cert", "--policy", policy];
    const { router, endpoint } = await lab.router(...server, ...prefix);
    const way = ["--endpoint", endpoint, ...shown("client")];
    await lab.expose("echo", service.target, ...way);
    expect(await router.event("router-listening")).toMatchObject({ name: "echo", identity: "tls:client" });
    const { port } = await lab.connect("echo", ...way);
    const client = new Client(port);
    client.socket.end("by certificate");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("by certificate");
    const doctor = lab.run(["doctor", ...way]);
    expect(await doctor.exit, doctor.stderr).toBe(0);
    expect(doctor.stdout).toContain("there is none; a certificate is shown");
  });

  test("that no authority vouches for is refused", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router(...server);
    const run = lab.run(["ls", "--endpoint", endpoint, ...shown("client-expired")]);
    expect(await run.exit).toBe(ExitCode.denied);
    expect(run.stderr).toContain("does not accept");
  });

  test("that names nobody is refused with the reason", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router(...server, "--client-identity", "uri");
    const run = lab.run(["ls", "--endpoint", endpoint, ...shown("client")]);
    expect(await run.exit).toBe(ExitCode.denied);
    expect(run.stderr).toContain(
      "does not accept the client certificate: it has 0 names of the kind uri, and needs one",
    );
  });

  test("is asked for where the router requires one, and its lack is in the router's log once", async () => {
    await using lab = new InProcessLab();
    const { router, endpoint } = await lab.router(...server, "--require-client-cert");
    const run = lab.run(["ls", "--endpoint", endpoint, "--tls-ca", pem("authority")]);
    expect(await run.exit).toBe(ExitCode.routerUnavailable);
    expect((await router.event("connection-refused"))["error"]).toContain("was refused");
  });

  test("stays refused or accepted by the authorities that the file has now", async () => {
    await using lab = new InProcessLab();
    const ca = lab.file("ca.pem", "");
    copyFileSync(pem("self-signed"), ca);
    const tls = ["--tls-cert", pem("server"), "--tls-key", pem("server-key"), "--client-ca", ca];
    const { router, endpoint } = await lab.router(...tls);
    const ls = (): Promise<number> => lab.run(["ls", "--endpoint", endpoint, ...shown("client")]).exit;
    expect(await ls()).toBe(ExitCode.denied);
    copyFileSync(pem("authority"), ca);
    await router.eventOfLook("certificate-renewed");
    expect(await ls()).toBe(0);
  });

  test.each([
    [["router", "--client-ca", pem("authority")], "--client-ca needs --tls-cert and --tls-key"],
    [["router", "--client-identity", "dns"], "--client-identity needs --client-ca"],
    [["router", "--require-client-cert"], "--require-client-cert needs --client-ca"],
    [["router", "--client-identity", "cn"], "--client-identity must be one of common-name, dns, uri, email"],
    [["ls", "--tls-cert", pem("client")], "--tls-cert and --tls-key go together"],
    [["ls", ...shown("client"), "--plaintext"], "--tls-ca and --plaintext exclude each other"],
  ])("needs what goes with it: %s", async (args, message) => {
    await using lab = new InProcessLab();
    const run = lab.run(args);
    expect(await run.exit).toBe(ExitCode.usage);
    expect(run.stderr).toContain(message);
  });
});
