import { fileURLToPath } from "node:url";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, file_google_protobuf_descriptor } from "@bufbuild/protobuf/wkt";
import { loadPackageDefinition, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { file_google_rpc_status } from "../../src/gen/google/rpc/status_pb.js";
import { ServerReflection as reflectionV1Alpha } from "../../src/gen/grpc/reflection/v1alpha/reflection_pb.js";
import { Health } from "../../src/health/index.js";
import { Channel, createClient, Server } from "../../src/index.js";
import { addReflection, ServerReflection } from "../../src/reflection/index.js";
import { Echo, file_echo } from "../gen/echo_pb.js";
import { echo, rejection } from "../support.js";

let server: Server;
let channel: Channel;

beforeEach(async () => {
  server = new Server();
  server.add(Echo, echo);
  addReflection(server, { files: [file_google_protobuf_descriptor, file_google_rpc_status] });
  channel = new Channel(await server.listen("127.0.0.1:0"));
});
afterEach(async () => {
  await Promise.all([channel.close({ closeTimeoutMs: 0 }), server.close({ closeTimeoutMs: 0 })]);
});

type Request = { readonly case: string; readonly value: unknown };

function v1() {
  return createClient(ServerReflection, channel);
}

/** Asks one question, or several in one call. */
async function ask(...questions: Request[]) {
  const requests = questions.map((messageRequest) => ({ host: "here", messageRequest: messageRequest as never }));
  const answers = [];
  for await (const answer of v1().serverReflectionInfo(requests)) answers.push(answer);
  return answers.map(({ messageResponse }) => messageResponse);
}

/** The names of the files in an answer. */
function fileNames(answer: { case?: string | undefined; value?: unknown } | undefined): string[] {
  if (answer?.case !== "fileDescriptorResponse") throw new Error(`expected files, but got ${JSON.stringify(answer)}`);
  const { fileDescriptorProto } = answer.value as { fileDescriptorProto: Uint8Array[] };
  return fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe("reflection", () => {
  it("lists all services by name, its own and those added later included", async () => {
    new Health().addTo(server);
    const [answer] = await ask({ case: "listServices", value: "*" });
    expect(answer?.case === "listServicesResponse" && answer.value.service.map(({ name }) => name)).toEqual([
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      Echo.typeName,
    ]);
  });

  it.each([
    ["a service", Echo.typeName],
    ["a method", `${Echo.typeName}.${Echo.methods[0]?.name}`],
    ["a message", Echo.methods[0]?.input.typeName],
    ["a field", `${Echo.methods[0]?.input.typeName}.text`],
  ])("finds the file of %s", async (_, symbol) => {
    const [answer] = await ask({ case: "fileContainingSymbol", value: symbol });
    expect(fileNames(answer)).toEqual([file_echo.proto.name]);
  });

  it.each([
    ["an enum", "google.protobuf.FieldDescriptorProto.Type"],
    ["an enum's value, which is named beside the enum", "google.protobuf.FieldDescriptorProto.TYPE_DOUBLE"],
    ["a oneof's member and a nested message", "google.protobuf.DescriptorProto.ExtensionRange"],
  ])("finds the file of %s", async (_, symbol) => {
    const [answer] = await ask({ case: "fileContainingSymbol", value: symbol });
    expect(fileNames(answer)).toEqual(["google/protobuf/descriptor.proto"]);
  });

  it("sends a file with all that it imports, and no import twice in one call", async () => {
    const answers = await ask(
      { case: "fileByFilename", value: "google/rpc/status.proto" },
      { case: "fileContainingSymbol", value: "google.rpc.Status" },
      { case: "fileContainingSymbol", value: "google.protobuf.Any" },
    );
    expect(answers.map(fileNames)).toEqual([
      ["google/rpc/status.proto", "google/protobuf/any.proto"],
      ["google/rpc/status.proto"],
      ["google/protobuf/any.proto"],
    ]);
  });

  it("sends files from which the services can be built again", async () => {
    const [answer] = await ask({ case: "fileContainingSymbol", value: Echo.typeName });
    if (answer?.case !== "fileDescriptorResponse") throw new Error("no files");
    const file = fromBinary(FileDescriptorProtoSchema, answer.value.fileDescriptorProto[0] as Uint8Array);
    const rebuilt = createFileRegistry(file, () => undefined).getService(Echo.typeName);
    expect(rebuilt?.methods.map(({ name }) => name)).toEqual(Echo.methods.map(({ name }) => name));
  });

  it("answers with the numbers of a message's extensions, and none for a message without any", async () => {
    const [answer] = await ask({ case: "allExtensionNumbersOfType", value: Echo.methods[0]?.input.typeName });
    expect(answer).toMatchObject({
      case: "allExtensionNumbersResponse",
      value: { baseTypeName: Echo.methods[0]?.input.typeName, extensionNumber: [] },
    });
  });

  it.each([
    [{ case: "fileByFilename", value: "nowhere.proto" }, 5, 'file "nowhere.proto" is not known here'],
    [{ case: "fileContainingSymbol", value: "acme.Nothing" }, 5, 'symbol "acme.Nothing" is not known here'],
    [
      { case: "fileContainingExtension", value: { containingType: "acme.Nothing", extensionNumber: 7 } },
      5,
      'extension 7 of "acme.Nothing" is not known here',
    ],
    [{ case: "allExtensionNumbersOfType", value: "acme.Nothing" }, 5, 'message "acme.Nothing" is not known here'],
    [{ case: undefined, value: undefined }, 3, "the request asks for nothing that is known here"],
  ])("answers %j with an error, and goes on with the call", async (question, errorCode, errorMessage) => {
    const answers = await ask(question as unknown as Request, { case: "listServices", value: "" });
    expect(answers[0]).toMatchObject({ case: "errorResponse", value: { errorCode, errorMessage } });
    expect(answers[1]?.case).toBe("listServicesResponse");
  });

  it("repeats the host and the request in its answer", async () => {
    const messageRequest = { case: "fileByFilename", value: "nowhere.proto" } as const;
    for await (const answer of v1().serverReflectionInfo([{ host: "here", messageRequest }])) {
      expect(answer.validHost).toBe("here");
      expect(answer.originalRequest).toMatchObject({ host: "here", messageRequest });
    }
  });

  it("answers v1alpha as it answers v1", async () => {
    const client = createClient(reflectionV1Alpha, channel);
    const question = { containingType: "acme.Nothing", extensionNumber: 7 };
    const requests = [
      { messageRequest: { case: "fileContainingSymbol", value: Echo.typeName } },
      { messageRequest: { case: "fileContainingExtension", value: question } },
    ] as const;
    const answers = [];
    for await (const answer of client.serverReflectionInfo(requests)) answers.push(answer);
    expect(fileNames(answers[0]?.messageResponse)).toEqual([file_echo.proto.name]);
    expect(answers[1]?.originalRequest?.messageRequest.value).toMatchObject(question);
  });

  it("takes no request above 8,192 bytes", async () => {
    const question = { case: "fileByFilename", value: "x".repeat(8_192) };
    expect((await rejection(ask(question))).message).toContain("8192");
  });

  it("refuses one call more than maxReflectionCalls with RESOURCE_EXHAUSTED", async () => {
    const small = new Server().add(Echo, echo);
    addReflection(small, { maxReflectionCalls: 1 });
    await channel.close();
    channel = new Channel(await small.listen("127.0.0.1:0"));
    const open = v1().serverReflectionInfo.open();
    await open.send({ messageRequest: { case: "listServices", value: "" } });
    await open.receive();
    expect((await rejection(ask({ case: "listServices", value: "" }))).message).toContain(
      "no more may be (maxReflectionCalls)",
    );
    await open.sendEof();
    await open.receive();
    await small.close({ closeTimeoutMs: 0 });
    expect(() => addReflection(new Server(), { maxReflectionCalls: 0 })).toThrow(RangeError);
  });

  it("ends its calls when the server closes", async () => {
    const call = v1().serverReflectionInfo.open();
    await call.send({ messageRequest: { case: "listServices", value: "" } });
    await call.receive();
    const ended = rejection(call.receive());
    await server.close({ closeTimeoutMs: 3_600_000 });
    expect((await ended).message).toContain("the server is closing");
  });

  it("describes a service of proto-loader", async () => {
    const path = fileURLToPath(new URL("../service/greeter.proto", import.meta.url));
    const loaded = loadPackageDefinition(loadSync(path)) as unknown as Record<string, Record<string, never>>;
    const [name, definition] = serviceIn(loaded);
    server.add(definition as never, { sayHello: () => ({}) } as never);
    const [answer] = await ask({ case: "fileContainingSymbol", value: name });
    expect(fileNames(answer)).toEqual(["greeter_v1.proto"]);
  });
});

/** Finds the first service in what proto-loader gives. */
function serviceIn(loaded: object, scope = ""): [string, unknown] {
  for (const [name, value] of Object.entries(loaded)) {
    if (typeof value === "function") return [scope + name, (value as ServiceClientConstructor).service];
    if (typeof value !== "object" || value === null || "format" in value) continue;
    return serviceIn(value as object, `${scope}${name}.`);
  }
  throw new Error("no service");
}
