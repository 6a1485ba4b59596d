/** The requests that a client may send, as a server takes them. */
import { gzipSync } from "node:zlib";
import { ErrorCode } from "@trunkline/h2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GrpcError, Server, Status } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, framed, type RawAnswer, RawClient, settle, until } from "../support.js";

let server: Server;
let client: RawClient;
let errors: Error[];
const base = "/trunkline.test.v1.Echo/";

beforeEach(() => {
  errors = [];
  server = new Server({ maxReceiveMessageBytes: 100, onError: (error) => errors.push(error) });
  client = new RawClient();
  void server.serve(client.serverSide);
});

afterEach(async () => {
  client.driver.destroy();
  await server.close();
});

async function ended(answer: RawAnswer): Promise<RawAnswer> {
  await until(() => answer.ended || answer.reset !== undefined, "the answer");
  return answer;
}

/** The message `EchoRequest { text: "hi" }`. */
const hi = framed(Uint8Array.of(0x0a, 2, 0x68, 0x69));
const end = { endStream: true };
const more = { endStream: false };

describe("a request", () => {
  it("of a method or service that is not there is UNIMPLEMENTED, and says which", async () => {
    server.add(Echo, { say: echo.say });
    const method = await ended(client.request(`${base}Expand`, {}, true));
    expect(method.headers).toMatchObject({
      ":status": "200",
      "grpc-status": "12",
      "grpc-message": "method /trunkline.test.v1.Echo/Expand is not implemented here",
    });
    const service = await ended(client.request("/other.Service/Say", {}, true));
    expect(service.headers["grpc-message"]).toBe("service other.Service is not implemented here");
    for (const path of ["/", "//", "/trunkline.test.v1.Echo", `${base}Say/`, `${base}say`]) {
      expect((await ended(client.request(path, {}, true))).headers["grpc-status"], path).toBe("12");
    }
  });

  it.each([
    ["", "415"],
    ["text/plain", "415"],
    ["application/grpc-web", "415"],
    ["application/grpcx", "415"],
    ["application/grpc+thrift", "415"],
  ])("with content-type %j is refused with HTTP status %s", async (contentType, status) => {
    server.add(Echo, echo);
    const answer = await ended(client.request(`${base}Say`, { "content-type": contentType }));
    expect(answer.headers).toEqual({ ":status": status });
    answer.stream.sendData(hi, end);
    await settle();
    expect(client.http2.closed).toBe(false);
  });

  it.each(["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8", "Application/GRPC"])(
    "with content-type %j is served, and the answer has the same sort",
    async (contentType) => {
      server.add(Echo, echo);
      const answer = client.request(`${base}Say`, { "content-type": contentType });
      answer.stream.sendData(hi, end);
      await ended(answer);
      expect(answer.trailers).toEqual({ "grpc-status": "0" });
      expect(answer.headers["content-type"]).toBe(
        contentType.includes("+proto") ? "application/grpc+proto" : "application/grpc",
      );
    },
  );

  it("that is no POST is refused with HTTP status 405", async () => {
    server.add(Echo, echo);
    const answer = await ended(client.request(`${base}Say`, { ":method": "GET" }, true));
    expect(answer.headers).toEqual({ ":status": "405" });
  });

  it("without its message, or with two, is UNIMPLEMENTED, and the handler is not called", async () => {
    server.add(Echo, { say: () => expect.unreachable(), expand: () => expect.unreachable() });
    for (const method of ["Say", "Expand"]) {
      const none = await ended(client.request(base + method, {}, true));
      expect(none.headers).toMatchObject({
        "grpc-status": "12",
        "grpc-message": "the request ended without its message",
      });
      const two = client.request(base + method);
      two.stream.sendData([hi, hi], end);
      await ended(two);
      expect(two.headers).toMatchObject({
        "grpc-status": "12",
        "grpc-message": "a second request message came where the method has one",
      });
    }
  });

  it("larger than the limit is refused by its prefix", async () => {
    server.add(Echo, echo);
    const answer = client.request(`${base}Say`);
    answer.stream.sendData(framed(new Uint8Array(0), 0, 101), more);
    await ended(answer);
    expect(answer.headers).toMatchObject({
      "grpc-status": "8",
      "grpc-message": "request message of 101 bytes is larger than maxReceiveMessageBytes (100)",
    });
    await until(() => client.http2.activeStreams === 0 || answer.reset !== undefined, "the stream's end");
  });

  it("too large in a stream fails the handler's receive and the call", async () => {
    const seen: unknown[] = [];
    server.add(Echo, {
      async collect(requests, call) {
        call.signal.addEventListener("abort", () => seen.push(call.signal.reason.code));
        try {
          for await (const request of requests) seen.push(request.text);
        } catch (error) {
          seen.push((error as GrpcError).code);
          throw error;
        }
        return {};
      },
    });
    const answer = client.request(`${base}Collect`);
    answer.stream.sendData(hi, more);
    await until(() => seen.length === 1, "the first message");
    answer.stream.sendData(framed(new Uint8Array(101)), more);
    await ended(answer);
    expect(answer.headers["grpc-status"] ?? answer.trailers["grpc-status"]).toBe("8");
    await until(() => seen.length === 3, "the handler");
    expect(seen).toEqual(["hi", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]);
    expect(errors).toEqual([]);
  });

  it("that stops within a message, or is no message, is INTERNAL", async () => {
    server.add(Echo, echo);
    const cut = client.request(`${base}Say`);
    cut.stream.sendData(hi.subarray(0, 8), end);
    await ended(cut);
    expect(cut.headers).toMatchObject({
      "grpc-status": "13",
      "grpc-message": "the last request message is not complete",
    });
    const broken = client.request(`${base}Say`);
    broken.stream.sendData(framed(Uint8Array.of(0xff)), end);
    await ended(broken);
    expect(broken.headers).toMatchObject({
      "grpc-status": "13",
      "grpc-message": "request message could not be decoded",
    });
  });

  it("compressed with gzip is served; in an unknown encoding it is UNIMPLEMENTED and told what is known", async () => {
    server.add(Echo, echo);
    const gzip = client.request(`${base}Say`, { "grpc-encoding": "gzip" });
    gzip.stream.sendData(framed(gzipSync(hi.subarray(5)), 1), end);
    await ended(gzip);
    expect(gzip.trailers).toEqual({ "grpc-status": "0" });
    const snappy = await ended(client.request(`${base}Say`, { "grpc-encoding": "snappy" }, true));
    expect(snappy.headers).toMatchObject({
      "grpc-status": "12",
      "grpc-message": 'grpc-encoding "snappy" is not known here (identity,gzip,deflate)',
      "grpc-accept-encoding": "identity,gzip,deflate",
    });
    const lying = client.request(`${base}Say`, { "grpc-encoding": "identity" });
    lying.stream.sendData(framed(hi.subarray(5), 1), end);
    await ended(lying);
    expect(lying.headers).toMatchObject({ "grpc-status": "13" });
  });

  it("with more headers than the server takes is reset with RESOURCE_EXHAUSTED; the connection lives", async () => {
    server.add(Echo, echo);
    const large = await ended(client.request(`${base}Say`, { "a-key": "a".repeat(20_000) }, true));
    expect(large.reset?.errorCode).toBe(ErrorCode.ENHANCE_YOUR_CALM);
    const small = client.request(`${base}Say`, { "a-key": "a".repeat(10_000) });
    small.stream.sendData(hi, end);
    expect((await ended(small)).trailers).toEqual({ "grpc-status": "0" });
  });

  it("that ends with trailers ends there", async () => {
    server.add(Echo, echo);
    const answer = client.request(`${base}Say`);
    answer.stream.sendData(hi, more);
    answer.stream.sendHeaders([{ name: "some", value: "trailer" }], end);
    await ended(answer);
    expect(answer.trailers).toEqual({ "grpc-status": "0" });
  });
});

describe("what a handler throws", () => {
  it("is the status, message and metadata of a GrpcError, and UNKNOWN without its text for anything else", async () => {
    const secret = new Error("the password is 1234");
    server.add(Echo, {
      say() {
        throw new GrpcError(Status.OUT_OF_RANGE, "über 100%", { metadata: { more: "here" } });
      },
      expand() {
        throw secret;
      },
      async collect() {
        throw "a string";
      },
      chat: {
        async open(call) {
          await call.send({});
          throw secret;
        },
      },
    });
    const say = client.request(`${base}Say`);
    say.stream.sendData(hi, end);
    await ended(say);
    expect(say.headers).toMatchObject({ "grpc-status": "11", "grpc-message": "%C3%BCber 100%25", more: "here" });
    const expand = client.request(`${base}Expand`);
    expand.stream.sendData(hi, end);
    await ended(expand);
    expect(expand.headers).toMatchObject({ "grpc-status": "2", "grpc-message": "the handler failed" });
    const collect = await ended(client.request(`${base}Collect`, {}, true));
    expect(collect.headers).toMatchObject({ "grpc-status": "2" });
    const chat = await ended(client.request(`${base}Chat`));
    expect(chat.trailers).toEqual({ "grpc-status": "2", "grpc-message": "the handler failed" });
    expect(errors[0]).toBe(secret);
    expect(errors[1]?.message).toBe("a string");
    expect(errors[2]).toBe(secret);
  });

  it("comes after the messages that it had sent, however slowly they are read", async () => {
    server.add(Echo, {
      async *expand() {
        for (let index = 0; index < 3; index++) yield { payload: new Uint8Array(60_000) };
        throw new GrpcError(Status.DATA_LOSS, "that was all");
      },
    });
    const answer = client.request(`${base}Expand`);
    answer.stream.sendData(hi, end);
    await ended(answer);
    expect(answer.data.reduce((bytes, data) => bytes + data.length, 0)).toBeGreaterThan(180_000);
    expect(answer.trailers).toMatchObject({ "grpc-status": "15" });
  });
});

describe("the place of a call in its connection", () => {
  it("is taken until its handler has ended, even when the client has cancelled", async () => {
    const small = new Server({ maxConcurrentStreams: 1, onError: () => {} });
    const other = new RawClient();
    void small.serve(other.serverSide);
    let finish = (): void => {};
    let called = 0;
    small.add(Echo, {
      chat: {
        async open() {
          called += 1;
          await new Promise<void>((resolve) => {
            finish = resolve;
          });
        },
      },
    });
    await settle();
    const first = other.request(`${base}Chat`);
    await until(() => called === 1, "the handler");
    first.stream.reset(ErrorCode.CANCEL);
    const second = other.request(`${base}Chat`);
    await until(() => second.reset !== undefined, "the refusal");
    expect(second.reset).toMatchObject({ errorCode: ErrorCode.REFUSED_STREAM, unprocessed: true });
    finish();
    await settle();
    const third = other.request(`${base}Chat`);
    await until(() => called === 2, "the handler again");
    finish();
    await ended(third);
    other.driver.destroy();
    await small.close();
  });

  it("is free after an early answer, and what the client still sends is let pass", async () => {
    server.add(Echo, { collect: () => ({ text: "enough" }) });
    const answer = client.request(`${base}Collect`);
    await ended(answer);
    expect(answer.trailers).toEqual({ "grpc-status": "0" });
    answer.stream.sendData(new Uint8Array(1_000), more);
    const next = await ended(client.request(`${base}Collect`));
    expect(next.trailers).toEqual({ "grpc-status": "0" });
  });

  it("that is answered early is reset with NO_ERROR after its status, or with CANCEL instead of it", async () => {
    server.add(Echo, {
      collect: () => ({ text: "enough" }),
      chat: {
        async open(call) {
          await call.send({ payload: new Uint8Array(200_000) }); // more than the client takes unread
          await new Promise((resolve) => call.signal.addEventListener("abort", resolve));
        },
      },
    });
    const answered = client.request(`${base}Collect`);
    await until(() => answered.reset !== undefined, "the reset");
    expect(answered).toMatchObject({
      ended: true,
      trailers: { "grpc-status": "0" },
      reset: { errorCode: ErrorCode.NO_ERROR },
    });
    client.acknowledges = false;
    const late = client.request(`${base}Chat`, { "grpc-timeout": "30m" });
    await until(() => late.reset !== undefined, "the reset");
    expect(late).toMatchObject({ ended: false, reset: { errorCode: ErrorCode.CANCEL } });
  });
});

describe("a service", () => {
  it("is added once, with at least one of its methods, and handlers that are some", () => {
    server.add(Echo, echo);
    expect(() => server.add(Echo, echo)).toThrow("service trunkline.test.v1.Echo was added already");
    const other = new Server();
    expect(() => other.add(Echo, {})).toThrow(
      "the implementation of trunkline.test.v1.Echo has none of its methods (say, expand, collect, chat)",
    );
    expect(() => other.add(Echo, null as never)).toThrow(
      "the implementation of trunkline.test.v1.Echo must be an object",
    );
    expect(() => other.add(Echo, { say: "hello" as never })).toThrow(
      "the handler of /trunkline.test.v1.Echo/Say must be a function or { open(call) }",
    );
  });
});
