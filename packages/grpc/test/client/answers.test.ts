/** The answers and statuses that a server may give, as a client takes them. */
import { gzipSync } from "node:zlib";
import { VirtualClock } from "@trunkline/base/testing";
import { ErrorCode } from "@trunkline/h2";
import { describe, expect, it } from "vitest";
import { createClient, type GrpcError, Status } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, okTrailers, RawServer, rejection, responseHeaders, settle, until } from "../support.js";
import { answer, client, end, fieldsOf, headersOnly, hi, more, server, useRawServer } from "./support/raw-answers.js";

useRawServer();

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

  it("gives the error its status, content-type and the first 1,000 characters (grpc-go#7406)", async () => {
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
