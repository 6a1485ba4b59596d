/** `trunkline call` against a gRPC server of this process. */
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { fileURLToPath } from "node:url";
import { create, type DescMessage, type DescService, fromJson, type JsonValue, type Message } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { GrpcError, Server, type ServerCall, type ServerListenOptions, Status } from "@trunkline/grpc";
import { BadRequestSchema, detail } from "@trunkline/grpc/details";
import { addReflection } from "@trunkline/grpc/reflection";
import { pinOf } from "@trunkline/router";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { httpProxy } from "../../../base/test/support/proxies.js";
import { authority, certificateOf, closeAll } from "../../../base/test/support/servers.js";
import { registryOf } from "../../src/call/file-registry.js";
import { parseProtoFiles } from "../../src/call/proto-parser.js";
import { InProcessLab, ProcessLab } from "../support/lab.js";
import { publishCommand } from "../support/process-run.js";
import type { Run } from "../support/run.js";

const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
const buf = fileURLToPath(new URL("../../../../node_modules/.bin/buf", import.meta.url));
const files = parseProtoFiles(["acme/v1/log.proto"], [fixtures]);
const registry = registryOf(new Map(files.map((file) => [file.name, file])));
const Log = registry.getService("acme.v1.Log") as DescService;
const Entry = registry.getMessage("acme.v1.Entry") as DescMessage;
const Count = registry.getMessage("acme.v1.Count") as DescMessage;
const Old = registry.getMessage("acme.v1.Old") as DescMessage;
const schema = ["--proto", "acme/v1/log.proto", "-I", fixtures];

type Call = ServerCall<{}, {}>;
type Fields = Readonly<Record<string, unknown>>;

const entry = (json: JsonValue): Message => fromJson(Entry, json, { registry });

const handlers = {
  async add(request: Message & Fields, call: Call): Promise<Message> {
    const tag = call.metadata.get("tag-bin") as Uint8Array | undefined;
    await call.sendInitialMetadata({ seen: (call.metadata.get("who") as string | undefined) ?? "nobody" });
    if (tag !== undefined) call.trailingMetadata.set("tag-bin", tag);
    if (request["text"] === "fail") {
      const violations = { fieldViolations: [{ field: "text", description: "is \u001b[31mred" }] };
      throw new GrpcError(Status.INVALID_ARGUMENT, "no \u001b[31mgood", {
        details: [detail(BadRequestSchema, violations), anyPack(Old, create(Old, { id: 7 } as never))],
      });
    }
    if (request["text"] === "hang") await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
    if (request["text"] === "forbidden") throw new GrpcError(Status.PERMISSION_DENIED, "not you");
    return request;
  },
  async *read(request: Message & Fields): AsyncIterable<Message> {
    for (let number = 0; number < Number(request["entries"]); number += 1) yield entry({ text: `entry ${number}` });
  },
  async upload(requests: AsyncIterable<Message>): Promise<Message> {
    let entries = 0;
    for await (const _ of requests) entries += 1;
    return create(Count, { entries } as never);
  },
  async *talk(requests: AsyncIterable<Message & Fields>): AsyncIterable<Message> {
    for await (const { text } of requests) {
      if (text === "enough") return;
      yield entry({ text: `you said ${String(text)}` });
    }
  },
};

async function logServer(
  describes = true,
  tls?: ServerListenOptions["tls"],
): Promise<AsyncDisposable & { readonly address: string }> {
  const server = new Server();
  server.add(Log, handlers as never);
  if (describes) addReflection(server, { files: [...registry.files] });
  const address = await server.listen("127.0.0.1:0", { tls });
  return { address, [Symbol.asyncDispose]: () => server.close({ closeTimeoutMs: 0 }) };
}

async function answers(run: Run): Promise<unknown[]> {
  expect(await run.exit, run.stderr).toBe(0);
  const events = run.stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Fields);
  return events.filter(({ event }) => event === "answer").map(({ message }) => message);
}

describe("call by reflection", () => {
  test("prints the answer of a unary method as JSON, of an empty request without data", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const text = lab.run(["call", server.address, "acme.v1.Log/Add", "-d", '{"text":"hi","sizes":[1,"2"]}']);
    expect(await text.exit, text.stderr).toBe(0);
    expect(text.stdout).toBe('{\n  "text": "hi",\n  "sizes": [\n    "1",\n    "2"\n  ]\n}\n');
    expect(text.stderr).toBe("");
    expect(await answers(lab.start("call", server.address, "acme.v1.Log.Add"))).toEqual([{}]);
    const defaults = await answers(lab.start("call", server.address, "acme.v1.Log/Upload", "--emit-defaults"));
    expect(defaults).toEqual([{ entries: 0 }]);
  });

  test("carries streams of answers, of requests and of both", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const at = (method: string, data: string): Run =>
      lab.start("call", server.address, `acme.v1.Log/${method}`, "--data", data);
    const file = lab.file("entries.jsonl", '{"text":"a"}\n{"text":"b"} {"text":"c"}\n');
    expect(await answers(at("Read", '{"entries":2}'))).toEqual([{ text: "entry 0" }, { text: "entry 1" }]);
    expect(await answers(at("Upload", `@${file}`))).toEqual([{ entries: 3 }]);
    expect(await answers(at("Talk", `@${file}`))).toEqual(
      ["a", "b", "c"].map((word) => ({ text: `you said ${word}` })),
    );
    // The server may end the call before it has read everything.
    expect(await answers(at("Talk", '{"text":"a"}{"text":"enough"}{"text":"b"}'))).toEqual([{ text: "you said a" }]);
  });

  test("shows metadata with -v, and sends headers, binary ones in base64", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const file = lab.file("headers", "who: me\n\n");
    const run = lab.start("call", server.address, "acme.v1.Log/Add", "-v", "-H", `@${file}`, "-H", "tag-bin: AAH/");
    expect(await run.exit, run.stderr).toBe(0);
    expect((await run.event("initial-metadata"))["entries"]).toContainEqual({ name: "seen", value: "me" });
    expect((await run.event("trailing-metadata"))["entries"]).toEqual([{ name: "tag-bin", value: "AAH/" }]);
    expect(await run.event("status")).toMatchObject({ status: "OK" });
    const text = lab.run(["call", server.address, "acme.v1.Log/Add", "--verbose"]);
    expect(await text.exit).toBe(0);
    expect(text.stderr).toContain("initial metadata:\n  seen: nobody\n");
    expect(text.stderr).toContain("trailing metadata: none\n");
  });

  test("reads a google.protobuf.Any of a type that only the reflection knows", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const extra = { "@type": "type.googleapis.com/acme.v1.Old", id: 3, color: "BLUE" };
    const data = JSON.stringify({ extra });
    expect(await answers(lab.start("call", server.address, "acme.v1.Log/Add", "-d", data))).toEqual([{ extra }]);
  });

  test("lists services and methods, and describes each kind of symbol", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const said = async (...args: readonly string[]): Promise<string> => {
      const run = lab.run(["call", server.address, ...args]);
      expect(await run.exit, run.stderr).toBe(0);
      return run.stdout;
    };
    expect(await said("--list")).toContain("acme.v1.Log\ngrpc.reflection.v1.ServerReflection\n");
    expect(await said("acme.v1.Log", "--list")).toBe(
      "acme.v1.Log/Add\nacme.v1.Log/Read\nacme.v1.Log/Upload\nacme.v1.Log/Talk\n",
    );
    expect(await said("--describe", "acme.v1.Log")).toContain(
      "  rpc Upload(stream acme.v1.Entry) returns (acme.v1.Count);\n",
    );
    expect(await said("--describe", "acme.v1.Log/Read")).toBe(
      "rpc Read(acme.v1.Count) returns (stream acme.v1.Entry);\n",
    );
    expect(await said("--describe", "acme.v1.Kind")).toContain("  KIND_BAD = -2;\n");
    const message = await said("--describe", "acme.v1.Entry");
    for (const line of [
      "  optional int32 level = 2;",
      "  oneof cause {\n    string user = 3;",
      "  map<string, acme.v1.Entry> parts = 5;",
      "  repeated int64 sizes = 7;",
      "  message Inner {\n    double ratio = 1;",
    ])
      expect(message).toContain(`${line}\n`);
    expect(await said("--describe", "acme.v1.Old")).toContain("  required int32 id = 1;\n");
    expect(await said("--describe", "acme.v1.more")).toContain("extend acme.v1.Old {");
  });
});

describe("call without reflection", () => {
  test("takes .proto files, or a descriptor set of protoc or buf", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer(false);
    const set = lab.file("log.binpb", execFileSync(buf, ["build", fixtures, "-o", "-"]));
    const data = '{"old":{"id":1,"color":"RED"},"trace":"AAE=","took":"1.500s"}';
    for (const files of [schema, ["--descriptor-set", set]]) {
      const run = lab.start("call", server.address, "acme.v1.Log/Add", "-d", data, ...files);
      expect(await answers(run)).toEqual([JSON.parse(data)]);
      const list = lab.run(["call", server.address, "--list", ...files]);
      expect(await list.exit, list.stderr).toBe(0);
      expect(list.stdout).toBe("acme.v1.Log\n");
    }
  });

  test("takes the reflection of version v1alpha where there is no other", async () => {
    await using lab = new InProcessLab();
    const full = new Server();
    addReflection(full);
    const v1alpha = full.services.find(
      (service) => "typeName" in service && String(service.typeName).includes("v1alpha"),
    );
    expect(v1alpha).toBeDefined();
    await full.close();
    const server = new Server();
    server.add(
      v1alpha as DescService,
      {
        async *serverReflectionInfo(requests: AsyncIterable<unknown>) {
          for await (const _ of requests)
            yield { messageResponse: { case: "listServicesResponse", value: { service: [{ name: "acme.v1.Log" }] } } };
        },
      } as never,
    );
    const address = await server.listen("127.0.0.1:0");
    const list = lab.run(["call", address, "--list"]);
    expect(await list.exit, list.stderr).toBe(0);
    expect(list.stdout).toBe("acme.v1.Log\n");
    await server.close({ closeTimeoutMs: 0 });
  });
});

describe("call --via", () => {
  test("reaches a server behind an exposed name", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    await lab.router();
    await lab.expose("lab/log", server.address);
    const run = lab.start("call", "--via", "lab/log", "acme.v1.Log/Read", "-d", '{"entries":3}');
    expect(await answers(run)).toHaveLength(3);
    const list = lab.run(["call", "--via", "lab/log", "--list"]);
    expect(await list.exit, list.stderr).toBe(0);
    expect(list.stdout).toContain("acme.v1.Log\n");
    const unknown = lab.run(["call", "--via", "other", "acme.v1.Log/Read", "--wait", "0"]);
    expect(await unknown.exit).toBe(68);
    expect(unknown.stderr).toContain('"other" is not exposed at ');
  });
});

describe("the way of a call", () => {
  afterEach(closeAll);

  const add = ["acme.v1.Log/Add", ...schema, "-d", '{"text":"hi"}'];
  const mutual = { ...certificateOf("server"), ca: authority, requestCert: true };

  test("has TLS with --tls-ca, shows the certificate of --tls-cert, and compares the name of --authority", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer(false, mutual);
    const ca = ["--tls-ca", lab.file("ca.pem", authority)];
    const { cert, key } = certificateOf("client");
    const own = ["--tls-cert", lab.file("client.pem", cert), "--tls-key", lab.file("client-key.pem", key)];
    const at = (host: string, ...more: readonly string[]): Run =>
      lab.start("call", server.address.replace("127.0.0.1", host), ...add, ...more);
    expect(await answers(at("localhost", ...ca, ...own))).toEqual([{ text: "hi" }]);
    const anonymous = at("localhost", ...ca);
    expect(await anonymous.exit).toBe(75);
    expect(anonymous.stdout).toContain("certificate");
    const untrusted = at("localhost", ...own);
    expect(await untrusted.exit).toBe(75);
    expect(untrusted.stdout).toContain("is signed by an authority that is not trusted");
    const misnamed = at("localhost", ...ca, ...own, "--authority", "far.example");
    expect(await misnamed.exit).toBe(75);
    expect(misnamed.stdout).toContain("certificate is not for");
    expect(await answers(at("127.0.0.1", ...ca, ...own, "--authority", "localhost:7"))).toEqual([{ text: "hi" }]);
  });

  test("has no TLS with --plaintext, and goes through the proxy of --proxy", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer(false);
    const proxy = await httpProxy({ port: Number(server.address.replace(/^.*:/, "")) });
    const url = `http://127.0.0.1:${proxy.address.port}`;
    const through = lab.start("call", "far.example:7", ...add, "--plaintext", "--proxy", url);
    expect(await answers(through)).toEqual([{ text: "hi" }]);
    expect(proxy.targets).toEqual(["far.example:7"]);
  });

  test("goes by --via with --server-ca over TLS to the server itself, whose name --authority gives", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer(false, certificateOf("server"));
    await lab.router();
    await lab.expose("log", server.address);
    const via = ["call", "--via", "log", ...add, "--server-ca", lab.file("ca.pem", authority)];
    expect(await answers(lab.start(...via))).toEqual([{ text: "hi" }]);
    const misnamed = lab.start(...via, "--authority", "far.example");
    expect(await misnamed.exit).toBe(75);
    expect(misnamed.stdout).toContain("far.example");
  });

  test("is sealed by --via with --identity and --peer-key or --peer-ca, and refused with another pin", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer(false);
    await lab.router();
    const pin = (name: "server" | "client"): string => pinOf(new X509Certificate(certificateOf(name).cert));
    const identity = (name: "server" | "client"): string =>
      lab.file(`${name}.pem`, `${certificateOf(name).cert}${certificateOf(name).key}`);
    await lab.expose("log", server.address, "--identity", identity("server"), "--allow-key", pin("client"));
    const via = ["call", "--via", "log", ...add, "--identity", identity("client")];
    expect(await answers(lab.start(...via, "--peer-key", pin("server")))).toEqual([{ text: "hi" }]);
    const ca = lab.file("ca.pem", authority);
    expect(await answers(lab.start(...via, "--peer-ca", ca))).toEqual([{ text: "hi" }]);
    const wrong = lab.run([...via, "--peer-key", pin("client")]);
    expect(await wrong.exit).toBe(77);
    expect(wrong.errorLines.at(-1)).toContain(`the key of the other side is ${pin("server")}, not ${pin("client")}`);
  });

  test("takes the router of --endpoint and the token of --token-file", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer(false);
    const { endpoint } = await lab.router();
    await lab.expose("log", server.address);
    const bare = lab.run(["token", "mint", "me"]);
    expect(await bare.exit, bare.stderr).toBe(0);
    const away = { HOME: `${lab.folder}/away`, XDG_RUNTIME_DIR: `${lab.folder}/away` };
    const via = ["call", "--via", "log", ...add, "--endpoint", endpoint, "--json"];
    const token = ["--token-file", lab.file("token", bare.stdout)];
    expect(await answers(lab.run([...via, ...token], away))).toEqual([{ text: "hi" }]);
    expect(await lab.run(via, away).exit).not.toBe(0);
  });
});

describe("a call that fails", () => {
  test("says the status and its details, with an exit code of the table, and steers no terminal", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const at = (text: string, ...more: readonly string[]): readonly string[] => [
      "call",
      server.address,
      "acme.v1.Log/Add",
      "-d",
      JSON.stringify({ text }),
      ...more,
    ];
    const run = lab.run(at("fail"));
    expect(await run.exit).toBe(76);
    expect(run.errorLines.at(-1)).toBe(
      `trunkline: ${server.address} answered INVALID_ARGUMENT: "no \\u{5c}u001b[31mgood"`.replace("\\u{5c}", "\\"),
    );
    expect(run.stderr).toContain('"description": "is \\u001b[31mred"');
    expect(run.stderr).toContain('"@type": "type.googleapis.com/acme.v1.Old"');
    expect(run.stderr).not.toContain("\u001b");
    const json = lab.start(...at("fail"));
    expect(await json.exit).toBe(76);
    expect(await json.event("status")).toMatchObject({
      status: "INVALID_ARGUMENT",
      details: [{ fieldViolations: [{ field: "text" }] }, { id: 7 }],
    });
    const late = lab.run(at("hang", "--timeout", "20ms"));
    expect(await late.exit).toBe(74);
    expect(late.stderr).toContain("DEADLINE_EXCEEDED");
    const forbidden = lab.run(at("forbidden"));
    expect(await forbidden.exit).toBe(77);
    expect(forbidden.stderr).toBe(`trunkline: ${server.address} answered PERMISSION_DENIED: not you\n`);
  });

  test("names an unknown service or method, and what is there", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    await using silent = await logServer(false);
    const failure = async (exitCode: number, ...args: readonly string[]): Promise<string> => {
      const run = lab.run(["call", ...args]);
      expect(await run.exit, run.stderr).toBe(exitCode);
      expect(run.errorLines).toHaveLength(1);
      return run.stderr;
    };
    const { address } = server;
    expect(await failure(68, address, "acme.v1.Log/Nope")).toContain(
      'acme.v1.Log has no method "Nope"; it has Add, Read, Upload, Talk',
    );
    expect(await failure(68, address, "acme.v2.Log/Add")).toContain(
      `the reflection of ${address} does not know "acme.v2.Log"`,
    );
    expect(await failure(68, address, "acme.v1.Entry/Add")).toContain("is of the kind message, and no service");
    expect(await failure(76, silent.address, "--list")).toContain(
      `${silent.address} has no reflection: describe its services by --proto or --descriptor-set`,
    );
    expect(await failure(75, "127.0.0.1:1", "--list")).toContain("cannot reach 127.0.0.1:1: connection refused");
  });

  test.each<[number, string, readonly string[]]>([
    [64, "an address is missing, or --via NAME", []],
    [64, "a method is missing, as acme.v1.Greeter/SayHello", ["127.0.0.1:1"]],
    [64, '"more" is one word too many', ["127.0.0.1:1", "a.B/C", "more"]],
    [64, '"a.B/C" is one word too many', ["--via", "x", "127.0.0.1:1", "a.B/C"]],
    [64, "--list and --describe exclude each other", ["127.0.0.1:1", "--list", "--describe", "x"]],
    [64, '"Add" must be a service and a method', ["127.0.0.1:1", "Add"]],
    [64, 'endpoint "nowhere" has no port', ["nowhere", "a.B/C"]],
    [64, "--token-file is for calls by --via", ["127.0.0.1:1", "a.B/C", "--token-file", "x"]],
    [64, "--server-ca is for calls by --via", ["127.0.0.1:1", "a.B/C", "--server-ca", "x"]],
    [64, "--identity is for calls by --via", ["127.0.0.1:1", "a.B/C", "--identity", "x"]],
    [64, "--peer-key is for calls by --via", ["127.0.0.1:1", "a.B/C", "--peer-key", "x"]],
    [64, "--peer-ca is for calls by --via", ["127.0.0.1:1", "a.B/C", "--peer-ca", "x"]],
    [64, "--profile is for calls by --via", ["127.0.0.1:1", "a.B/C", "--profile", "x"]],
    [64, "--endpoint is for calls by --via", ["127.0.0.1:1", "a.B/C", "--endpoint", "a:1"]],
    [64, "--tls-ca and --plaintext exclude each other", ["127.0.0.1:1", "a.B/C", "--tls-ca", "x", "--plaintext"]],
    [64, '--wait "soon" is no duration', ["--via", "x", "a.B/C", "--wait", "soon"]],
    [64, "--header has no colon", ["127.0.0.1:1", "a.B/C", "-H", "secret"]],
    [64, '--header "a-bin" ends in -bin, and its value is no base64', ["127.0.0.1:1", "a.B/C", "-H", "a-bin: ?"]],
    [64, '--header "te" gRPC sets it itself', ["127.0.0.1:1", "a.B/C", "-H", "te: x"]],
    [66, "cannot read the headers in /nowhere", ["127.0.0.1:1", "a.B/C", "-H", "@/nowhere"]],
    [64, '--timeout "soon" is no duration', ["127.0.0.1:1", "a.B/C", "--timeout", "soon"]],
    [64, "--import-path is for --proto", ["127.0.0.1:1", "a.B/C", "-I", "."]],
    [
      66,
      "cannot read the descriptor set /nowhere: there is no such file",
      ["a:1", "--list", "--descriptor-set", "/nowhere"],
    ],
    [66, "/nowhere.proto cannot be used", ["127.0.0.1:1", "a.B/C", "--proto", "/nowhere.proto"]],
    [64, "request 1 is no acme.v1.Entry: ", ["127.0.0.1:1", "acme.v1.Log/Add", ...schema, "-d", '{"txt":1}']],
    [64, "the data ends within a JSON value", ["127.0.0.1:1", "acme.v1.Log/Add", ...schema, "-d", '{"text":']],
    [64, "Add takes one request, and the data has more", ["127.0.0.1:1", "acme.v1.Log/Add", ...schema, "-d", "{}{}"]],
    [66, "cannot read the data file /nowhere", ["127.0.0.1:1", "acme.v1.Log/Add", ...schema, "-d", "@/nowhere"]],
  ])("with %i and %j by %j", async (exitCode, message, args) => {
    await using lab = new InProcessLab();
    const run = lab.run(["call", ...args]);
    expect(await run.exit, run.stderr).toBe(exitCode);
    expect(run.stderr).toContain(message);
    expect(run.errorLines).toHaveLength(1);
    expect(run.stderr).not.toContain("secret");
    expect(run.stdout).toBe("");
  });

  test("by a request that is wrong in the middle of a stream names its number", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const data = '{"text":"a"} {"text":1}';
    const run = lab.run(["call", server.address, "acme.v1.Log/Talk", "-d", data]);
    expect(await run.exit).toBe(64);
    expect(run.errorLines.at(-1)).toContain("request 2 is no acme.v1.Entry: ");
  });

  test("by SIGINT ends with 130", async () => {
    await using lab = new InProcessLab();
    await using server = await logServer();
    const run = lab.run(["call", server.address, "acme.v1.Log/Add", "-v", "-d", '{"text":"hang"}']);
    expect(await run.end("SIGINT")).toBe(130);
  });
});

describe("call in a process", () => {
  beforeAll(publishCommand, 120_000);

  test("requests come from standard input, too", async () => {
    await using lab = new ProcessLab();
    await using server = await logServer();
    const run = lab.run(
      ["call", server.address, "acme.v1.Log/Talk", "-d", "-", "--json"],
      {},
      '{"text":"a"}\n{"text":"b"}',
    );
    expect(await answers(run)).toEqual([{ text: "you said a" }, { text: "you said b" }]);
  });
});
