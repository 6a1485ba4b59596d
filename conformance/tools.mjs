/** Tools that people use on gRPC servers, on one of ours: grpcurl, grpc-health-probe and ghz. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Cases } from "./lib/cases.mjs";
import { excerpt, runToEnd, startServer, withServer } from "./lib/child.mjs";
import { installedByGo } from "./lib/go.mjs";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const certificate = here("../packages/grpc/test/fixtures/localhost.cert.pem");
const key = here("../packages/grpc/test/fixtures/localhost.key.pem");
const timeoutMs = 30_000;
const service = "example.v1.Greeter";

/** @returns {Promise<{ passed: number, failed: number }>} */
export async function run() {
  const programs = {
    grpcurl: installedByGo("github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.3"),
    probe: installedByGo("github.com/grpc-ecosystem/grpc-health-probe", "v0.4.41"),
    ghz: installedByGo("github.com/bojand/ghz/cmd/ghz", "v0.121.0"),
  };
  const cases = new Cases();
  await withServer(startServer(process.execPath, [here("tools/server.mjs"), certificate, key]), async (server) => {
    const addresses = JSON.parse(server.line);
    const secure = ["-cacert", certificate, addresses.tls];
    for (const [way, args] of [
      ["plaintext", ["-plaintext", addresses.plaintext]],
      ["TLS", secure],
    ]) {
      await useGrpcurl(cases, way, grpcurlOn(programs.grpcurl, args));
    }
    await loadByGhz(cases, programs.ghz, addresses.plaintext);
    await probeHealth(cases, programs, addresses, server);
  });
  return cases.counts;
}

/** Returns the exit code of grpcurl for a status. */
const exitOf = (status) => 64 + status;

/**
 * Returns a function that runs grpcurl with options, and a verb or a method.
 * @param {string} program
 * @param {readonly string[]} target the address, and how to reach it
 */
function grpcurlOn(program, target) {
  const way = target.slice(0, -1);
  const address = target.slice(-1);
  return async (options, words, { code = 0 } = {}) => {
    const result = await runToEnd(program, [...way, ...options, ...address, ...words], { timeoutMs });
    assert.equal(result.code, code, excerpt(result));
    return { stdout: result.stdout.toString(), stderr: result.stderr };
  };
}

async function useGrpcurl(cases, way, grpcurl) {
  const call = async (method, messages, options = []) => {
    const data = messages.map((message) => JSON.stringify(message)).join("\n");
    return (await grpcurl(["-d", data, ...options], [`${service}/${method}`])).stdout;
  };
  const texts = (output) => [...output.matchAll(/"text": "([^"]*)"/g)].map(([, text]) => text);

  await cases.run(`grpcurl, ${way}: list names the services`, async () => {
    const { stdout } = await grpcurl([], ["list"]);
    assert.deepEqual(stdout.trim().split("\n"), [
      service,
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
    assert.match((await grpcurl([], ["list", service])).stdout, /^example\.v1\.Greeter\.SayHello$/m);
  });
  await cases.run(`grpcurl, ${way}: describe shows services, methods and messages`, async () => {
    assert.match(
      (await grpcurl([], ["describe", service])).stdout,
      /rpc Chat \( stream \.example\.v1\.HelloRequest \)/,
    );
    assert.match((await grpcurl([], ["describe", `${service}.SayHello`])).stdout, /is a method/);
    assert.match((await grpcurl([], ["describe", "example.v1.HelloRequest"])).stdout, /string name = 1;/);
    assert.match((await grpcurl([], ["describe", "google.rpc.ErrorInfo"])).stdout, /string reason = 1;/);
  });
  await cases.run(`grpcurl, ${way}: describe of an unknown symbol says that it is not found`, async () => {
    const { stderr } = await grpcurl([], ["describe", "example.v1.Nothing"], { code: 1 });
    assert.match(stderr, /Symbol not found: example\.v1\.Nothing/);
  });
  await cases.run(`grpcurl, ${way}: unary, with metadata in both directions`, async () => {
    const headers = ["-v", "-H", "user: you", "-H", `trace-bin: ${Buffer.from([0, 1, 254]).toString("base64")}`];
    const output = await call("SayHello", [{ name: "you" }], headers);
    assert.deepEqual(texts(output), ["hello you"]);
    assert.match(output, /^seen-user: you$/m);
    assert.match(output, /^trace-bin: AAH\+$/m);
  });
  await cases.run(`grpcurl, ${way}: streams of replies, of requests, and both`, async () => {
    assert.deepEqual(texts(await call("ListHellos", [{ name: "a" }])), ["hello a 1", "hello a 2", "hello a 3"]);
    assert.deepEqual(texts(await call("JoinHellos", [{ name: "a" }, { name: "b" }])), ["hello a and b"]);
    assert.deepEqual(texts(await call("Chat", [{ name: "a" }, { name: "b" }])), ["hello a", "hello b"]);
  });
  await cases.run(`grpcurl, ${way}: an error with its status, message and details`, async () => {
    const words = [`${service}/SayHello`];
    const { stderr } = await grpcurl(["-d", '{"name":"fail"}'], words, { code: exitOf(9) });
    assert.match(stderr, /Code: FailedPrecondition/);
    assert.match(stderr, /Message: no greeting for fail/);
    assert.match(stderr, /"@type": "type\.googleapis\.com\/google\.rpc\.ErrorInfo"/);
    assert.match(stderr, /"reason": "TEST"/);
  });
  await cases.run(`grpcurl, ${way}: a method that does not exist`, async () => {
    await grpcurl([], [`${service}/SayNothing`], { code: 1 });
  });
  await cases.run(`grpcurl, ${way}: health is checked, listed and watched`, async () => {
    const health = "grpc.health.v1.Health";
    const asked = ["-d", JSON.stringify({ service })];
    assert.match((await grpcurl(asked, [`${health}/Check`])).stdout, /"status": "SERVING"/);
    assert.match((await grpcurl([], [`${health}/List`])).stdout, /"example\.v1\.Greeter": \{/);
    const unknown = ["-d", '{"service":"nothing"}'];
    await grpcurl(unknown, [`${health}/Check`], { code: exitOf(5) });
    const watch = await grpcurl([...unknown, "-max-time", "1"], [`${health}/Watch`], { code: exitOf(4) });
    assert.match(watch.stdout, /"status": "SERVICE_UNKNOWN"/);
  });
}

async function loadByGhz(cases, program, address) {
  await cases.run("ghz: 20,000 calls by reflection, 50 at a time on 5 connections, none fails", async () => {
    const load = ["-n", "20000", "-c", "50", "--connections", "5", "-O", "json"];
    const args = ["--insecure", "--call", `${service}.SayHello`, "-d", '{"name":"you"}', ...load, address];
    const result = await runToEnd(program, args, { timeoutMs: 60_000 });
    assert.equal(result.code, 0, excerpt(result));
    assert.deepEqual(JSON.parse(result.stdout.toString()).statusCodeDistribution, { OK: 20_000 });
  });
}

async function probeHealth(cases, { probe, grpcurl }, addresses, server) {
  const ask = (...args) => runToEnd(probe, args, { timeoutMs });
  await cases.run("grpc-health-probe: the server and a service are serving, over plaintext and TLS", async () => {
    const secure = ["-tls", "-tls-ca-cert", certificate];
    for (const args of [
      [`-addr=${addresses.plaintext}`],
      [`-addr=${addresses.plaintext}`, `-service=${service}`],
      [`-addr=${addresses.tls}`, ...secure],
    ]) {
      const result = await ask(...args);
      assert.equal(result.code, 0, excerpt(result));
    }
  });
  await cases.run("grpcurl: a watch hears of a change, and grpc-health-probe exits with 4", async () => {
    const data = JSON.stringify({ service });
    const args = ["-plaintext", "-d", data, "-max-time", "20", addresses.plaintext, "grpc.health.v1.Health/Watch"];
    const watch = spawn(grpcurl, args, { stdio: ["ignore", "pipe", "inherit"], timeout: timeoutMs });
    const states = [];
    for await (const line of createInterface({ input: watch.stdout })) {
      const state = /"status": "(\w+)"/.exec(line)?.[1];
      if (state === undefined) continue;
      states.push(state);
      if (state === "SERVING") process.kill(server.pid, "SIGUSR1");
      else watch.kill();
    }
    assert.deepEqual(states, ["SERVING", "NOT_SERVING"]);
    const result = await ask(`-addr=${addresses.plaintext}`, `-service=${service}`);
    assert.equal(result.code, 4, excerpt(result));
  });
}
