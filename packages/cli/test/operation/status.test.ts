/** The status port of `trunkline router --metrics`. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import { metricsPage, routerMetrics } from "../../src/operation/metrics.js";
import { InProcessLab } from "../support/lab.js";
import { Client, startService } from "../support/services.js";

const get = async (address: string, path: string, method = "GET"): Promise<[number, string]> => {
  const response = await fetch(`http://${address}${path}`, { method });
  return [response.status, await response.text()];
};

async function labWithMetrics(): Promise<{ lab: InProcessLab; address: string; end(): Promise<unknown> }> {
  const lab = new InProcessLab();
  const router = lab.start("router", "--listen", "127.0.0.1:0", "--grace", "0", "--metrics", "0");
  const { metrics } = await router.event("listening");
  return { lab, address: metrics as string, end: () => router.end("SIGTERM") };
}

/** Returns the values of the page by their names. */
function valuesOf(page: string): Record<string, number> {
  const lines = page.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => [line.replace(/[ {].*$/, ""), Number(line.replace(/^.* /, ""))]));
}

describe("/metrics", () => {
  test("counts what the router has done, and knows what it holds now", async () => {
    const { lab, address } = await labWithMetrics();
    await using _lab = lab;
    await using service = await startService((socket) => socket.pipe(socket));
    const expose = await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo");
    const client = new Client(port);
    client.socket.end("four");
    expect(await client.over).toBe("end");
    await expose.event("connection-closed");
    const refused = lab.run(["ping", "nothing"]);
    await refused.exit;
    const [status, page] = await get(address, "/metrics");
    expect(status).toBe(200);
    const values = valuesOf(page);
    expect(values).toMatchObject({ trunkline_listeners: 1, trunkline_streams_total: 1, trunkline_dials_total: 1 });
    expect(values["trunkline_bytes_total"]).toBeGreaterThan(8);
    expect(values["process_resident_memory_bytes"]).toBeGreaterThan(1e6);
    expect(values["trunkline_info"]).toBe(1);
  });

  test("has every name that the dashboard for Grafana asks for", () => {
    const { metrics, close } = routerMetrics();
    close();
    const known = [...metrics.map(({ name }) => name), "trunkline_info"];
    const file = readFileSync(new URL("../../grafana/router.json", import.meta.url), "utf8");
    const asked = new Set(file.match(/\b(?:trunkline|process)_[a-z_]+/g));
    expect([...asked].filter((name) => !known.includes(name))).toEqual([]);
    expect(known.filter((name) => !asked.has(name))).toEqual([]);
  });

  test("has a line of help and of type for each name, and the README lists every one", () => {
    const { metrics, close } = routerMetrics();
    const stats = new Proxy({}, { get: () => 7 }) as never;
    const page = metricsPage(metrics, stats);
    close();
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    for (const name of Object.keys(valuesOf(page))) {
      expect(page).toMatch(new RegExp(`^# HELP ${name} .+\\.$`, "m"));
      expect(page).toMatch(new RegExp(`^# TYPE ${name} (counter|gauge)$`, "m"));
      expect(readme).toContain(`\`${name}\``);
    }
    expect(page.endsWith("\n")).toBe(true);
    for (const [name, value] of Object.entries(valuesOf(page))) expect(value, name).not.toBeNaN();
  });
});

describe("the status port", () => {
  test("says that the router lives and is ready, and knows nothing else", async () => {
    const { lab, address } = await labWithMetrics();
    await using _lab = lab;
    expect(await get(address, "/livez")).toEqual([200, "alive\n"]);
    expect(await get(address, "/readyz?verbose")).toEqual([200, "ready\n"]);
    expect((await get(address, "/../etc/passwd"))[0]).toBe(404);
    expect((await get(address, "/metrics", "POST"))[0]).toBe(405);
    expect(await get(address, "/livez", "HEAD")).toEqual([200, ""]);
  });

  test("says that the router is not ready while it drains", async () => {
    await using lab = new InProcessLab();
    const router = lab.start("router", "--listen", "127.0.0.1:0", "--grace", "1h", "--metrics", "0");
    const address = (await router.event("listening"))["metrics"] as string;
    await using service = await startService((socket) => socket.pipe(socket));
    await lab.expose("echo", service.target);
    const { port } = await lab.connect("echo");
    const client = new Client(port);
    client.socket.write("open");
    await client.receive(4);
    router.kill("SIGTERM");
    await router.event("ending");
    expect(await get(address, "/readyz")).toEqual([503, "draining\n"]);
    expect(await get(address, "/livez")).toEqual([200, "alive\n"]);
    client.socket.destroy();
    expect(await router.exit).toBe(0);
    await expect(get(address, "/livez")).rejects.toThrow();
  });

  test("ends with the router, whatever is connected to it", async () => {
    const { lab, address, end } = await labWithMetrics();
    await using _lab = lab;
    const socket = connect(Number(address.replace(/^.*:/, "")), "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET /metrics HTTP/1.1\r\nhost: x\r\n");
    expect(await end()).toBe(0);
  });

  test("that cannot be had ends the command with 73, before a router listens", async () => {
    await using lab = new InProcessLab();
    await using service = await startService();
    const run = lab.run(["router", "--listen", "127.0.0.1:0", "--metrics", service.target]);
    expect(await run.exit).toBe(73);
    expect(run.stderr).toContain(`cannot listen on ${service.target}: it is in use already`);
    expect(run.stdout).toBe("");
  });
});
