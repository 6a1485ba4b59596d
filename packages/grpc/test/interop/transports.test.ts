import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, it } from "vitest";
import { Channel, createClient, Server, Status } from "../../src/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, rejection } from "../support.js";
import { bindTheirServer, TheirClient, theirEchoImplementation } from "./grpc-js.js";

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const key = fixture("localhost.key.pem");
const cert = fixture("localhost.cert.pem");

describe("over TLS", () => {
  it("grpc-js calls our server, and refuses one that it does not trust", async () => {
    await using server = new Server().add(Echo, echo);
    const address = await server.listen("localhost:0", { tls: { key, cert } });
    const port = address.slice(address.lastIndexOf(":") + 1);
    const trusting = new TheirClient(`localhost:${port}`, {}, grpc.credentials.createSsl(cert));
    const strict = new TheirClient(`localhost:${port}`, {}, grpc.credentials.createSsl());
    const plain = new TheirClient(`localhost:${port}`);
    try {
      expect((await trusting.say({ text: "sealed" }).outcome).messages).toMatchObject([{ text: "sealed" }]);
      expect((await strict.say({}).outcome).status.code).toBe(grpc.status.UNAVAILABLE);
      expect((await plain.say({}).outcome).status.code).toBe(grpc.status.UNAVAILABLE);
    } finally {
      for (const client of [trusting, strict, plain]) client.close();
    }
  });

  it("our client calls a grpc-js server, and refuses one that it does not trust", async () => {
    const credentials = grpc.ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }]);
    await using server = await bindTheirServer(theirEchoImplementation, {}, "localhost:0", credentials);
    await using trusting = new Channel(`localhost:${server.port}`, { tls: { ca: cert } });
    await using strict = new Channel(`localhost:${server.port}`, { tls: {} });
    await using plain = new Channel(`localhost:${server.port}`);
    expect(await createClient(Echo, trusting).say({ text: "sealed" })).toMatchObject({ text: "sealed" });
    expect((await rejection(createClient(Echo, strict).say({}))).status).toBe(Status.UNAVAILABLE);
    expect((await rejection(createClient(Echo, plain).say({}))).status).toBe(Status.UNAVAILABLE);
  });
});

describe("over a Unix socket", () => {
  it("grpc-js calls our server, and our client a grpc-js server", async () => {
    const folder = mkdtempSync(join(tmpdir(), "trunkline-"));
    try {
      await using ours = new Server().add(Echo, echo);
      const client = new TheirClient(await ours.listen(`unix:${join(folder, "ours")}`));
      expect((await client.say({ text: "by path" }).outcome).messages).toMatchObject([{ text: "by path" }]);
      client.close();

      await using _theirs = await bindTheirServer(theirEchoImplementation, {}, `unix:${join(folder, "theirs")}`);
      await using channel = new Channel(`unix:${join(folder, "theirs")}`);
      expect(await createClient(Echo, channel).say({ text: "by path" })).toMatchObject({ text: "by path" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("compressed by gzip", () => {
  it("grpc-js sends requests that our server understands", async () => {
    await using server = new Server().add(Echo, echo);
    const client = new TheirClient(await server.listen("127.0.0.1:0"), {
      "grpc.default_compression_algorithm": grpc.compressionAlgorithms.gzip,
    });
    const text = "again and again ".repeat(1_000);
    expect((await client.say({ text }).outcome).messages).toMatchObject([{ text }]);
    const { call, outcome } = client.chat();
    for (let count = 0; count < 3; count++) call.write({ text, count });
    call.end();
    expect((await outcome).messages).toMatchObject([0, 1, 2].map((count) => ({ text, count })));
    client.close();
  });
});
