/** Whether a call keeps its program alive: programs of their own, on the package as it is published. */
import { execFile } from "node:child_process";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { publishedPackages } from "../../../base/test/support/published.js";
import { Health } from "../../src/health/index.js";
import { bytesCodec, Server } from "../../src/index.js";

let folder: string;
beforeAll(async () => {
  folder = await publishedPackages();
}, 120_000);

const method = { path: "/test.Bytes/Say", kind: "unary", request: bytesCodec, response: bytesCodec } as const;

let server: Server | undefined;

afterEach(async () => {
  await server?.close({ closeTimeoutMs: 0 });
  server = undefined;
});

interface Outcome {
  readonly printed: string;
  readonly code: number;
}

/** Runs a program that has a `client` of the server at `address`; resolves with what it printed and how it ended. */
function run(address: string, program: string, onPrinted: () => void = () => {}): Promise<Outcome> {
  const text = `
    import { bytesCodec, Channel, createClient, Deadline } from "@trunkline/grpc";
    const say = { path: "/test.Bytes/Say", kind: "unary", request: bytesCodec, response: bytesCodec };
    const address = ${JSON.stringify(address)};
    const channel = new Channel(address);
    const watching = { serviceConfig: { loadBalancingPolicy: "round_robin", healthCheckConfig: { serviceName: "" } } };
    const client = createClient({ typeName: "test.Bytes", methods: { say } }, channel);
    const request = new Uint8Array(3);
    const told = (call) => call.then((reply) => console.log("reply", reply.length), (error) => console.log(error.code));
    ${program}
  `;
  return new Promise((resolve) => {
    const child = execFile(
      "node",
      ["--expose-gc", "--input-type=module", "-e", text],
      { cwd: folder },
      (error, stdout) => resolve({ printed: stdout.trim(), code: typeof error?.code === "number" ? error.code : 0 }),
    );
    child.stdout?.once("data", onPrinted);
  });
}

/** A server that allows `maxConcurrentStreams` calls at a time. */
function listen(maxConcurrentStreams: number): Promise<string> {
  server = new Server({ maxConcurrentStreams });
  server.add({ typeName: "test.Bytes", methods: { say: method } }, { say: (request) => request });
  return server.listen("127.0.0.1:0");
}

describe("a program", () => {
  it("lives as long as a call with a deadline waits for a stream, and sees the call fail", async () => {
    const address = await listen(0);
    expect(await run(address, "await told(client.say(request, { deadline: Deadline.after(300) }));")).toEqual({
      printed: "DEADLINE_EXCEEDED",
      code: 0,
    });
  });

  it("lives as long as a call without a deadline waits for a stream", async () => {
    const address = await listen(0);
    const program = 'setTimeout(() => console.log("alive"), 300).unref(); await told(client.say(request));';
    expect(await run(address, program, () => void server?.close({ closeTimeoutMs: 0 }))).toEqual({
      printed: "alive\nUNAVAILABLE",
      code: 0,
    });
  });

  it("lives as long as an interceptor keeps a call with a deadline waiting", async () => {
    const address = await listen(1);
    const program = `
      const interceptors = [() => ({ onRequest: () => new Promise(() => {}) })];
      await told(client.say(request, { deadline: Deadline.after(300), interceptors }));
    `;
    expect(await run(address, program)).toEqual({ printed: "DEADLINE_EXCEEDED", code: 0 });
  });

  it("ends after its last call, however far away the deadline of that was", async () => {
    const address = await listen(1);
    const program = "await told(client.say(request, { deadline: Deadline.after(3_600_000) }));";
    expect(await run(address, program)).toEqual({ printed: "reply 3", code: 0 });
  });

  it("ends although the health of its servers is watched", async () => {
    const address = await listen(1);
    if (server !== undefined) new Health().addTo(server);
    expect(await run(address, 'await new Channel(address, watching).connect(); console.log("connected");')).toEqual({
      printed: "connected",
      code: 0,
    });
  });

  it("that forgets a channel loses its connections, although the health of the servers is watched", async () => {
    const address = await listen(1);
    if (server !== undefined) new Health().addTo(server);
    const program = `
      const { subscribe } = await import("node:diagnostics_channel");
      subscribe("trunkline.grpc.connection", ({ event }) => {
        if (event !== "closed") return;
        console.log("closed");
        process.exit(0);
      });
      const forget = async () => void (await new Channel(address, watching).connect());
      await forget();
      setInterval(gc, 20);
    `;
    expect(await run(address, program)).toEqual({ printed: "closed", code: 0 });
  });
});
