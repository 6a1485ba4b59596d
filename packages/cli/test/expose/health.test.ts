/** The health checks of `expose`: each kind asks once, a change counts by thresholds, and diallers are told. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Server as GrpcServer } from "@trunkline/grpc";
import { Health } from "@trunkline/grpc/health";
import { VirtualClock } from "@trunkline/streams/testing";
import { describe, expect, test } from "vitest";
import { parseHealthCheck, runHealthCheck } from "../../src/expose/health-checks.js";
import { HealthMonitor, type HealthPlan } from "../../src/expose/health-monitor.js";
import { parseTarget } from "../../src/target.js";
import { InProcessLab } from "../support/lab.js";

const never = new AbortController().signal;
const result = (check: string, target: string, signal = never): Promise<string> =>
  runHealthCheck(parseHealthCheck(check), parseTarget(target), signal).then(
    () => "well",
    (error: Error) => error.message,
  );

/** Returns a web server with the status that its path names, until `answer` is set to another one. */
async function webServer() {
  const server: Server = createServer((request, response) => {
    response.statusCode = web.status ?? Number(request.url?.slice(1));
    response.write("x".repeat(100_000)); // a body that nobody reads
    if (request.url !== "/200") response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const web = {
    status: undefined as number | undefined,
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return web;
}

describe("a check", () => {
  test("by TCP wants a connection", async () => {
    await using web = await webServer();
    expect(await result("tcp", web.target)).toBe("well");
    await web[Symbol.asyncDispose]();
    expect(await result("tcp", web.target)).toContain("ECONNREFUSED");
  });

  test("by HTTP wants a status from 200 to 399, and reads no body", async () => {
    await using web = await webServer();
    expect(await result("http:/200", web.target)).toBe("well");
    expect(await result("http:/399", web.target)).toBe("well");
    expect(await result("http:/400", web.target)).toBe("HTTP status 400");
    expect(await result("http:/503", web.target)).toBe("HTTP status 503");
  });

  test("by gRPC asks the health service for the server, or for one service", async () => {
    const health = new Health();
    const server = new GrpcServer();
    health.addTo(server);
    const target = await server.listen("127.0.0.1:0");
    expect(await result("grpc", target)).toBe("well");
    expect(await result("grpc:lab.Board", target)).toContain("NOT_FOUND");
    health.set("lab.Board", "NOT_SERVING");
    expect(await result("grpc:lab.Board", target)).toBe("its gRPC health is NOT_SERVING");
    await server.close({ closeTimeoutMs: 0 });
  });

  test("by a program wants the exit code 0, and gives it no secrets", async () => {
    expect(await result("exec:exit 0", "stdio:")).toBe("well");
    expect(await result("exec:exit 3", "stdio:")).toBe("the check ended with 3");
    process.env["TRUNKLINE_TOKEN"] = "secret";
    expect(await result('exec:test -z "$TRUNKLINE_TOKEN"', "stdio:")).toBe("well");
    delete process.env["TRUNKLINE_TOKEN"];
  });

  test("that is ended ends its program with all that it has started", async () => {
    const controller = new AbortController();
    const asked = result("exec:sleep 1000 & sleep 1000", "stdio:", controller.signal);
    controller.abort(new Error("too late"));
    expect(await asked).toBe("too late");
  });

  test.each(["", "udp", "tcp:1", "http", "http:x", "http:/a b", "grpc:", "exec:", "exec: ", "TCP"])(
    "%j is none",
    (text) => {
      expect(() => parseHealthCheck(text)).toThrow(/is no check; use tcp, http:\/path/);
    },
  );
});

describe("a monitor", () => {
  const plan: HealthPlan = { check: { kind: "tcp" }, intervalMs: 10_000, timeoutMs: 5_000, failures: 3, successes: 2 };
  const turns = async (): Promise<void> => {
    for (let count = 0; count < 5; count += 1) await new Promise(setImmediate);
  };
  function watched(ask: (signal: AbortSignal) => Promise<void>) {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const changes: (string | undefined)[] = [];
    const onChange = (problem: string | undefined): number => changes.push(problem);
    const monitor = new HealthMonitor(plan, ask, { clock, signal: controller.signal, onChange });
    const next = async (): Promise<void> => {
      clock.advance(10_000);
      await turns();
    };
    return { clock, controller, changes, monitor, next };
  }

  test("believes the first result, then so many failures and successes in a row", async () => {
    let results = "+--+---+-++";
    const ask = async (): Promise<void> => {
      const [first] = results;
      results = results.slice(1);
      if (first === "-") throw new Error(`${results.length} left`);
    };
    const { monitor, changes, next } = watched(ask);
    await monitor.begin();
    const seen: number[] = [];
    while (results !== "") {
      await next();
      seen.push(changes.length);
    }
    expect(seen).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 2]);
    expect(changes).toEqual(["4 left", undefined]);
  });

  test("begins as failing where the first result is a failure", async () => {
    const { monitor, changes } = watched(() => Promise.reject(new Error("no")));
    await monitor.begin();
    expect([monitor.problem, changes]).toEqual(["no", ["no"]]);
  });

  test("ends a check that takes too long, and asks no more when it is over", async () => {
    let asked = 0;
    const ask = (signal: AbortSignal): Promise<void> => {
      asked += 1;
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const { monitor, clock, controller, next } = watched(ask);
    const begun = monitor.begin();
    clock.advance(5_000);
    await begun;
    expect(monitor.problem).toBe("no answer within 5.0 s");
    controller.abort(new Error("over"));
    await next();
    expect([asked, clock.pending]).toEqual([1, 0]);
  });
});

describe("expose --health", () => {
  test("keeps connections away from a target that fails, tells diallers, and lets them in again", async () => {
    await using lab = new InProcessLab();
    await using web = await webServer();
    web.status = 503;
    await lab.router();
    const options = ["--health", "http:/200", "--health-timeout", "1h", "--grace", "0"];
    const expose = lab.start("expose", "web", web.target, ...options);
    expect(await expose.event("health")).toMatchObject({ name: "web", healthy: false, problem: "HTTP status 503" });
    await expose.event("exposed");
    const message = 'the target of "web" fails its health check: HTTP status 503';
    const connect = lab.run(["connect", "web", "--stdio", "--wait", "0"]);
    expect([await connect.exit, connect.stderr]).toEqual([75, expect.stringContaining(message)]);
    const doctor = lab.run(["doctor", "web"]);
    expect([await doctor.exit, doctor.stdout]).toEqual([75, expect.stringContaining(`target      FAILS: ${message}`)]);
    web.status = 200;
    expect(await expose.eventOfLook("health")).toMatchObject({ healthy: true });
  });

  test.each([
    [["web", "3000", "--health", "icmp"], '--health "icmp" is no check'],
    [["web", "exec:cat", "--health", "tcp"], "use --health exec:COMMAND"],
    [["web", "3000", "--health", "tcp", "--health-interval", "999ms"], "is shorter than 1.0 s"],
    [["web", "3000", "--health", "tcp", "--health-failures", "0"], "must be from 1 to 100"],
    [["web", "3000", "--health", "tcp", "--health-successes", "101"], "must be from 1 to 100"],
  ])("%j is refused", async (args, message) => {
    await using lab = new InProcessLab();
    const run = lab.run(["expose", ...args]);
    expect([await run.exit, run.stderr]).toEqual([64, expect.stringContaining(message)]);
  });
});
