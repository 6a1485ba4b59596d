import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { InProcessLab } from "./support/lab.js";
import { Client, startService } from "./support/services.js";

const cert = fileURLToPath(new URL("fixtures/localhost.cert.pem", import.meta.url));
const key = fileURLToPath(new URL("fixtures/localhost.key.pem", import.meta.url));

describe("a router with TLS", () => {
  test("carries connections of those who trust its certificate", async () => {
    await using lab = new InProcessLab();
    await using service = await startService((socket) => socket.pipe(socket));
    const { endpoint } = await lab.router("--tls-cert", cert, "--tls-key", key);
    await lab.expose("echo", service.target, "--tls-ca", cert);
    const { port } = await lab.connect("echo", "--tls-ca", cert, "--endpoint", endpoint);
    const client = new Client(port);
    client.socket.end("over TLS");
    expect(await client.over).toBe("end");
    expect(client.received.toString()).toBe("over TLS");
  });

  test("is not reached by those who do not, nor without TLS", async () => {
    await using lab = new InProcessLab();
    const { endpoint } = await lab.router("--tls-cert", cert, "--tls-key", key);
    const other = fileURLToPath(new URL("../../h2/test/fixtures/certificate.pem", import.meta.url));
    for (const options of [["--tls-ca", other], []]) {
      const run = lab.run(["connect", "web", "--listen", "0", ...options]);
      expect(await run.exit).toBe(69);
      expect(run.errorLines).toEqual([expect.stringContaining(`cannot reach the router at ${endpoint}: `)]);
    }
  });
});

test("a port that other machines can reach comes with a warning, since it is not encrypted", async () => {
  await using lab = new InProcessLab();
  await using service = await startService();
  await lab.router();
  await lab.expose("web", service.target);
  const { connect } = await lab.connect("web", "--listen", "0.0.0.0:0");
  const { address } = await connect.event("open-to-network");
  expect(connect.stderr).toContain(`${String(address)} can be reached from other machines`);
});
