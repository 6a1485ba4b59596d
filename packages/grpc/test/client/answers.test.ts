/** What a client makes of whatever a server may answer. */
import { gzipSync } from "node:zlib";
import { VirtualClock } from "@trunkline/base/testing";
import { ErrorCode, type HeaderField, type Http2Stream } from "@trunkline/h2";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Client, createClient, type GrpcError, Status } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, framed, okTrailers, RawServer, rejection, responseHeaders, settle, until } from "../support.js";

let server: RawServer;
let client: Client<typeof Echo>;

beforeEach(() => {
  server = new RawServer();
  client = createClient(Echo, server.channel);
});

afterEach(() => server.close());

type Fields = Readonly<Record<string, string>>;
const fieldsOf = (fields: Fields): HeaderField[] => Object.entries(fields).map(([name, value]) => ({ name, value }));
const end = { endStream: true };
const more = { endStream: false };
/** `EchoReply { text: "hi" }` */
const hi = framed(Uint8Array.of(0x0a, 2, 0x68, 0x69));

function answer(write: (stream: Http2Stream) => void): void {
  server.onWhole = ({ stream }) => {
    write(stream);
    stream.release();
  };
}

/** The error of a unary call that is answered by a header section alone. */
function headersOnly(fields: Fields): Promise<GrpcError> {
  answer((stream) => stream.sendHeaders(fieldsOf(fields), end));
  return rejection(client.say({}));
}

describe("an answer that is not gRPC's", () => {
  it.each([
    ["400", Status.INTERNAL],
    ["401", Status.UNAUTHENTICATED],
    ["403", Status.PERMISSION_DENIED],
    ["404", Status.UNIMPLEMENTED],
    ["429", Status.UNAVAILABLE],
    ["502", Status.UNAVAILABLE],
    ["503", Status.UNAVAILABLE],
    ["504", Status.UNAVAILABLE],
    ["500", Status.UNKNOWN],
    ["204", Status.UNKNOWN],
    ["800", Status.UNKNOWN],
  ])("with HTTP status %s has the gRPC status %d", async (httpStatus, status) => {
    expect(await headersOnly({ ":status": httpStatus })).toMatchObject({
      status,
      message: `the server answered with HTTP status ${httpStatus}`,
    });
  });

  it("is not waited for to the end, but at most for a second", async () => {
    server.onRequest = ({ stream }) => {
      stream.sendHeaders(fieldsOf({ ":status": "503", "content-type": "text/html" }), more);
      stream.sendData(new Uint8Array(10), more);
    };
    expect(await rejection(client.chat.open().receive())).toMatchObject({ status: Status.UNAVAILABLE });
    await until(() => server.requests[0]?.reset !== undefined, "RST_STREAM");
  });

  it("gives the error its status, its content-type and the first 1,000 characters of its text (grpc-go#7406)", async () => {
    const page = `<html>${"ü".repeat(2_000)}</html>`;
    answer((stream) => {
      stream.sendHeaders(fieldsOf({ ":status": "502", "content-type": "text/html" }), more);
      for (const part of [page.slice(0, 300), page.slice(300)]) stream.sendData(Buffer.from(part), more);
      stream.sendData(new Uint8Array(0), end);
    });
    const error = await rejection(client.say({}));
    const text = `${page.slice(0, 1_000)}…`;
    expect(error.status).toBe(Status.UNAVAILABLE);
    expect(error.message).toBe(
      `the server answered with HTTP status 502 and content-type "text/html": ${JSON.stringify(text)}`,
    );
    expect(error.cause).toMatchObject({ name: "HttpAnswerError", httpStatus: 502, contentType: "text/html", text });
  });

  it("whose text never ends is waited for at most one second", async () => {
    const clock = new VirtualClock();
    const slow = new RawServer({ clock });
    slow.onRequest = ({ stream }) => {
      stream.sendHeaders(fieldsOf({ ":status": "502", "content-type": "text/plain" }), more);
      stream.sendData(Buffer.from("upstream "), more);
    };
    let error: GrpcError | undefined;
    const failed = rejection(createClient(Echo, slow.channel).say({})).then((reason) => {
      error = reason;
    });
    await until(() => slow.requests.length > 0, "the request");
    await settle();
    clock.advance(999);
    await settle();
    expect(error).toBeUndefined();
    clock.advance(1);
    await failed;
    expect(error?.message).toContain(': "upstream "');
    await slow.close();
  });

  it("whose text is compressed, or is cut off by a reset, keeps its status", async () => {
    answer((stream) => {
      stream.sendHeaders(fieldsOf({ ":status": "502", "content-encoding": "gzip" }), more);
      stream.sendData(gzipSync("page"), end);
    });
    expect((await rejection(client.say({}))).message).toBe("the server answered with HTTP status 502");
    server.onWhole = ({ stream }) => {
      stream.sendHeaders(fieldsOf({ ":status": "502", "content-type": "text/plain" }), more);
      stream.sendData(Buffer.from("half"), more);
      stream.reset(ErrorCode.INTERNAL_ERROR);
    };
    expect(await rejection(client.say({}))).toMatchObject({ status: Status.UNAVAILABLE });
  });

  it("with another content-type is UNKNOWN", async () => {
    answer((stream) => {
      stream.sendHeaders(fieldsOf({ ":status": "200", "content-type": "text/plain" }), more);
      stream.sendData(Buffer.from("hello"), end);
    });
    const error = await rejection(client.say({}));
    expect(error.status).toBe(Status.UNKNOWN);
    expect(error.message).toBe(`the server's answer is not gRPC: content-type "text/plain": "hello"`);
    expect((await headersOnly({ ":status": "200" })).message).toBe("the server's answer is not gRPC: no content-type");
    expect((await headersOnly({ ":status": "200", "content-type": "application/grpc-web" })).status).toBe(
      Status.UNKNOWN,
    );
  });

  it("but has a grpc-status all the same ends with that", async () => {
    expect(await headersOnly({ ":status": "503", "grpc-status": "5", "grpc-message": "none" })).toMatchObject({
      status: Status.NOT_FOUND,
      message: "none",
    });
  });
});

describe("a status", () => {
  const grpc = { ":status": "200", "content-type": "application/grpc" };

  it("of every number is what it is", async () => {
    for (let status = 1; status <= 16; status++) {
      expect(await headersOnly({ ...grpc, "grpc-status": String(status), "grpc-message": "a%20b" })).toMatchObject({
        status,
        message: "a b",
      });
    }
  });

  it.each(["", "17", "abc", "-1", "00", "0x0", "1e0", "0 0"])("of %j is never OK", async (value) => {
    const error = await headersOnly({ ...grpc, "grpc-status": value, "grpc-message": "text" });
    expect(error).toMatchObject({
      status: Status.UNKNOWN,
      message: `the server ended the call with the unknown grpc-status ${JSON.stringify(value)}: text`,
    });
  });

  it("that is missing is UNKNOWN", async () => {
    expect(await headersOnly(grpc)).toMatchObject({
      status: Status.UNKNOWN,
      message: "the server ended the call without grpc-status",
    });
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendHeaders(fieldsOf({ "some-thing": "else" }), end);
    });
    const error = await rejection(client.say({}));
    expect(error.status).toBe(Status.UNKNOWN);
    expect(error.metadata.get("some-thing")).toBe("else");
  });

  it("OK without the response message, or with two, is UNIMPLEMENTED", async () => {
    expect(await headersOnly({ ...grpc, "grpc-status": "0" })).toMatchObject({
      status: Status.UNIMPLEMENTED,
      message: "the server ended the call with OK but without its response message",
    });
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData([hi, hi], more);
      stream.sendHeaders(okTrailers, end);
    });
    expect(await rejection(client.say({}))).toMatchObject({
      status: Status.UNIMPLEMENTED,
      message: "a second response message came where the method has one",
    });
    expect(await rejection(client.collect([]))).toMatchObject({ status: Status.UNIMPLEMENTED });
    expect((await collect(client.expand({}))).map(({ text }) => text)).toEqual(["hi", "hi"]);
  });

  it("other than OK counts even after a message", async () => {
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(hi, more);
      stream.sendHeaders(fieldsOf({ "grpc-status": "10" }), end);
    });
    expect(await rejection(client.say({}))).toMatchObject({ status: Status.ABORTED, message: "" });
    const responses: string[] = [];
    const error = await rejection(
      (async () => {
        for await (const { text } of client.expand({})) responses.push(text);
      })(),
    );
    expect(responses).toEqual(["hi"]);
    expect(error.status).toBe(Status.ABORTED);
  });
});

describe("a stream", () => {
  it("that ends without trailers is never an end", async () => {
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(hi, end);
    });
    const error = {
      status: Status.INTERNAL,
      message: "the server's answer ended without trailers, so without a status",
    };
    expect(await rejection(client.say({}))).toMatchObject(error);
    expect(await rejection(collect(client.expand({})))).toMatchObject(error);
  });

  it("that ends within a message is INTERNAL, whatever the status says", async () => {
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(hi.subarray(0, 7), more);
      stream.sendHeaders(okTrailers, end);
    });
    expect(await rejection(client.say({}))).toMatchObject({
      status: Status.INTERNAL,
      message: "the last response message is not complete",
    });
    expect(await rejection(collect(client.expand({})))).toMatchObject({ status: Status.INTERNAL });
  });

  it.each([
    ["NO_ERROR", ErrorCode.NO_ERROR, Status.INTERNAL],
    ["PROTOCOL_ERROR", ErrorCode.PROTOCOL_ERROR, Status.INTERNAL],
    ["INTERNAL_ERROR", ErrorCode.INTERNAL_ERROR, Status.INTERNAL],
    ["CANCEL", ErrorCode.CANCEL, Status.CANCELLED],
    ["ENHANCE_YOUR_CALM", ErrorCode.ENHANCE_YOUR_CALM, Status.RESOURCE_EXHAUSTED],
    ["INADEQUATE_SECURITY", ErrorCode.INADEQUATE_SECURITY, Status.PERMISSION_DENIED],
    ["0x99", 0x99, Status.INTERNAL],
  ])("that is reset with %s", async (name, code, status) => {
    answer((stream) => stream.reset(code));
    expect(await rejection(client.say({}))).toMatchObject({
      status,
      message: `the server reset the call with ${name}: the peer reset the stream`,
    });
  });

  it("that is reset after messages gives them first", async () => {
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData([hi, hi], more);
      stream.reset(ErrorCode.INTERNAL_ERROR);
    });
    const call = client.expand.open();
    await call.send({});
    expect(await rejection(call.receiveTrailingMetadata())).toMatchObject({ status: Status.INTERNAL });
    expect((await call.receive())?.text).toBe("hi");
    expect((await call.receive())?.text).toBe("hi");
    expect(await rejection(call.receive())).toMatchObject({ status: Status.INTERNAL });
  });

  it("whose message is too large is cancelled before it is kept", async () => {
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(framed(new Uint8Array(10), 0, 4_194_305), more);
    });
    expect(await rejection(client.say({}))).toMatchObject({
      status: Status.RESOURCE_EXHAUSTED,
      message: "response message of 4194305 bytes is larger than maxReceiveMessageBytes (4194304)",
    });
    expect(await rejection(client.say({}, { maxReceiveMessageBytes: 20 }))).toMatchObject({
      message: "response message of 4194305 bytes is larger than maxReceiveMessageBytes (20)",
    });
  });

  it("whose message is not what the method says is INTERNAL", async () => {
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(framed(Uint8Array.of(0xff, 0xff)), more);
    });
    expect(await rejection(client.say({}))).toMatchObject({
      status: Status.INTERNAL,
      message: "response message could not be decoded",
    });
  });

  it("may be compressed", async () => {
    answer((stream) => {
      stream.sendHeaders([...responseHeaders, { name: "grpc-encoding", value: "gzip" }], more);
      stream.sendData(framed(gzipSync(hi.subarray(5)), 1), more);
      stream.sendHeaders(okTrailers, end);
    });
    expect((await client.say({})).text).toBe("hi");
    expect(server.requests[0]?.fields).toContainEqual(
      expect.objectContaining({ name: "grpc-accept-encoding", value: "identity,gzip,deflate" }),
    );
  });

  it("compressed in a way that is not known here is INTERNAL, unless no message is", async () => {
    let flags = 1;
    answer((stream) => {
      stream.sendHeaders([...responseHeaders, { name: "grpc-encoding", value: "snappy" }], more);
      stream.sendData(framed(hi.subarray(5), flags), more);
      stream.sendHeaders(okTrailers, end);
    });
    expect(await rejection(client.say({}))).toMatchObject({
      status: Status.INTERNAL,
      message: 'message in grpc-encoding "snappy", which is not known here (identity,gzip,deflate)',
    });
    flags = 0;
    expect((await client.say({})).text).toBe("hi");
  });

  it("that the server has not begun to work on is sent again", async () => {
    let refused = 0;
    server.onRequest = ({ stream }) => {
      if (refused++ < 2) stream.reset(ErrorCode.REFUSED_STREAM);
    };
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(hi, more);
      stream.sendHeaders(okTrailers, end);
    });
    expect((await client.say({ text: "again" })).text).toBe("hi");
    expect(server.requests.length).toBe(3);
    expect(Buffer.concat(server.requests[2]?.data ?? []).toString("latin1")).toContain("again");
  });

  it("that is refused again and again is UNAVAILABLE", async () => {
    server.onRequest = ({ stream }) => stream.reset(ErrorCode.REFUSED_STREAM);
    expect(await rejection(client.say({}))).toMatchObject({
      status: Status.UNAVAILABLE,
      message: "the server reset the call with REFUSED_STREAM: the peer reset the stream",
    });
    expect(server.requests.length).toBe(3);
  });

  it("that is refused after messages were sent, which are not kept, is UNAVAILABLE", async () => {
    server.onRequest = () => {};
    const call = client.chat.open();
    await call.send({ text: "one" });
    await until(() => (server.requests[0]?.data.length ?? 0) > 0, "the message");
    server.requests[0]?.stream?.reset(ErrorCode.REFUSED_STREAM);
    expect(await rejection(call.receive())).toMatchObject({ status: Status.UNAVAILABLE });
    expect(server.requests.length).toBe(1);
  });

  it("on a connection that is going away is finished there, and new ones go elsewhere", async () => {
    const call = client.chat.open();
    await call.send({ text: "one" });
    await until(() => (server.requests[0]?.data.length ?? 0) > 0, "the message");
    const first = server.requests[0]?.stream;
    server.driver.close();
    await until(() => server.channel.state === "idle", "the channel to notice");
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(hi, more);
      stream.sendHeaders(okTrailers, end);
    });
    expect((await client.say({})).text).toBe("hi");
    expect(server.connections.length).toBe(2);
    first?.sendHeaders(responseHeaders, more);
    first?.sendData(hi, more);
    expect((await call.receive())?.text).toBe("hi");
    first?.sendHeaders(okTrailers, end);
    expect(await call.receive()).toBeUndefined();
  });

  it("that crosses the server's GOAWAY is sent again on a new connection", async () => {
    await settle();
    answer((stream) => {
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(hi, more);
      stream.sendHeaders(okTrailers, end);
    });
    await client.say({});
    const first = server.requests.length;
    // GOAWAY at once, naming no stream that is still to come.
    server.http2.goAway(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings");
    expect((await client.say({})).text).toBe("hi");
    expect(server.requests.length).toBe(first + 1);
  });
});

describe("header sections of an answer", () => {
  it.each(["100", "103"])("that are informational (%s) are passed over", async (status) => {
    answer((stream) => {
      stream.sendHeaders(fieldsOf({ ":status": status, "grpc-status": "5", "a-key": "early" }), more);
      stream.sendHeaders([...responseHeaders, { name: "a-key", value: "real" }], more);
      stream.sendData(hi, more);
      stream.sendHeaders(okTrailers, end);
    });
    const call = client.say.open();
    await call.send({});
    expect((await call.receiveInitialMetadata()).getAll("a-key")).toEqual(["real"]);
    expect((await call.receive())?.text).toBe("hi");
    await call.receiveTrailingMetadata();
  });

  it("larger than this side takes end their call with RESOURCE_EXHAUSTED and the limit, and the connection lives", async () => {
    const large = { name: "a-key", value: "a".repeat(100_000) };
    const places = {
      initial: [[...responseHeaders, large], okTrailers],
      trailing: [responseHeaders, [...okTrailers, large]],
    };
    for (const [initial, trailing] of Object.values(places)) {
      answer((stream) => {
        stream.sendHeaders(initial as HeaderField[], more);
        stream.sendData(hi, more);
        stream.sendHeaders(trailing as HeaderField[], end);
      });
      const error = await rejection(client.say({}));
      expect(error.code).toBe("RESOURCE_EXHAUSTED");
      expect(error.message).toMatch(/header list of 100\d+ bytes is larger than maxHeaderListSize \(65536\)$/);
    }
    expect((await headersOnly({ ":status": "200", "content-type": "application/grpc", "grpc-status": "5" })).code).toBe(
      "NOT_FOUND",
    );
    expect(server.connections.length).toBe(1);
  });

  it("give metadata as it was sent: duplicates in order, commas, empty values, bytes joined by commas or padded", async () => {
    answer((stream) => {
      const pairs = [
        ["b-bin", "AQ==,Ag"],
        ["text", "a, b"],
        ["b-bin", ""],
        ["text", ""],
        ["b-bin", "AwQF"],
        ["broken-bin", "not base64!"],
      ] as const;
      stream.sendHeaders(responseHeaders, more);
      stream.sendData(hi, more);
      stream.sendHeaders([...okTrailers, ...pairs.map(([name, value]) => ({ name, value }))], end);
    });
    const call = client.say.open();
    await call.send({});
    const trailing = await call.receiveTrailingMetadata();
    expect(trailing.getAll("text")).toEqual(["a, b", ""]);
    expect(trailing.getAll("b-bin").map((bytes) => [...bytes])).toEqual([[1], [2], [], [3, 4, 5]]);
    expect(() => trailing.get("broken-bin")).toThrow(/broken-bin/);
  });
});

it("messages that came before one that cannot be are delivered first", async () => {
  answer((stream) => {
    stream.sendHeaders(responseHeaders, more);
    stream.sendData([hi, hi, framed(new Uint8Array(0), 9)], more);
  });
  const responses: string[] = [];
  const failed = (async () => {
    for await (const { text } of client.expand({})) responses.push(text);
  })();
  expect(await rejection(failed)).toMatchObject({
    status: Status.INTERNAL,
    message: "response message has the unknown flags 9",
  });
  expect(responses).toEqual(["hi", "hi"]);
});
