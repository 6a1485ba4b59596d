import * as grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { collect, echo } from "../support.js";
import { ourClientOfTheirServer, theirClientOfOurServer, theirEchoImplementation } from "./grpc-js.js";

const text = "compressible ".repeat(1_000);
const algorithms = [
  ["gzip", grpc.compressionAlgorithms.gzip],
  ["deflate", grpc.compressionAlgorithms.deflate],
] as const;

describe.each(algorithms)("messages compressed with %s", (name, algorithm) => {
  it("by grpc-js as a client are read by our server, and the other way round", async () => {
    const options = { server: { compression: name }, client: { "grpc.default_compression_algorithm": algorithm } };
    await using ends = await theirClientOfOurServer(echo, options);
    const unary = await ends.client.say({ text }).outcome;
    expect(unary.messages.map((reply) => reply.text)).toEqual([text]);
    expect(unary.status.code).toBe(0);
    const { call, outcome } = ends.client.chat();
    for (const one of [text, "", text]) call.write({ text: one });
    call.end();
    expect((await outcome).messages.map((reply) => reply.text)).toEqual([text, "", text]);
  });

  it("by our client are read by grpc-js as a server, and the other way round", async () => {
    const options = { server: { "grpc.default_compression_algorithm": algorithm }, channel: { compression: name } };
    await using ends = await ourClientOfTheirServer(theirEchoImplementation, options);
    expect((await ends.client.say({ text })).text).toBe(text);
    expect((await ends.client.collect([{ text }, { text: "b" }])).text).toBe(`${text},b`);
    const call = ends.client.chat.open();
    await call.send({ text }, { compress: false });
    await call.send({ text });
    await call.sendEof();
    expect((await collect(call)).map((reply) => reply.text)).toEqual([text, text]);
  });
});
