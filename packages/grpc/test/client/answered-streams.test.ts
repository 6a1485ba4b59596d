/** The streams and header sections of answers, as a client takes them. */
import { gzipSync } from "node:zlib";
import { ErrorCode, type HeaderField } from "@trunkline/h2";
import { describe, expect, it } from "vitest";
import { Status } from "../../src/index.js";
import { collect, framed, okTrailers, rejection, responseHeaders, settle, until } from "../support.js";
import { answer, client, end, fieldsOf, headersOnly, hi, more, server, useRawServer } from "./support/raw-answers.js";

useRawServer();

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
    await until(() => server.channel.state === "IDLE", "the channel to notice");
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

  it("larger than this side takes end their call with RESOURCE_EXHAUSTED; the connection lives", async () => {
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

  it("give metadata as it was sent: duplicates in order, commas, empty values, joined or padded bytes", async () => {
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
