/** gRPC lets white space at the ends of header values be stripped; HTTP/2 by itself calls such a message malformed. */
import { clientPreface, Flag, FrameFactory } from "@trunkline/h2/testing";
import { describe, expect, it } from "vitest";
import { Channel, createClient, Server, Status } from "../../src/index.js";
import { requireBearerToken } from "../../src/interceptors/index.js";
import { duplexPair } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { echo, framed, until } from "../support.js";

const path = "/trunkline.test.v1.Echo/Say";
const field = (name: string, value: string) => ({ name, value });
const request = [
  field(":method", "POST"),
  field(":scheme", "http"),
  field(":path", path),
  field(":authority", "raw"),
  field("te", "trailers"),
  field("content-type", "application/grpc"),
];
/** The message `EchoRequest { text: "hi" }`. */
const hi = framed(Uint8Array.of(0x0a, 2, 0x68, 0x69));

/** Sends one request with these fields as they are, and waits until its call has ended. */
async function ask(server: Server, fields: readonly { name: string; value: string }[], ended: () => boolean) {
  const [clientSide, serverSide] = duplexPair();
  void server.serve(serverSide);
  clientSide.resume();
  const frames = new FrameFactory();
  clientSide.write(clientPreface);
  clientSide.write(frames.settings());
  clientSide.write(frames.headers(1, [...request, ...fields]));
  clientSide.write(frames.data(1, hi, Flag.END_STREAM));
  await until(ended, "the end of the call");
  clientSide.destroy();
  await server.close();
}

describe("white space at the ends of header values", () => {
  it("is stripped by a server", async () => {
    const seen: unknown[] = [];
    const server = new Server().add(Echo, {
      say(_request, call) {
        seen.push(call.metadata.get("note"), call.metadata.get("empty"), call.metadata.get("inner"));
        return {};
      },
    });
    const fields = [field("note", "\t value "), field("empty", " \t"), field("inner", "a  b")];
    await ask(server, fields, () => seen.length > 0);
    expect(seen).toEqual(["value", "", "a  b"]);
  });

  it("lets an empty bearer token reach the service, which answers UNAUTHENTICATED and not INTERNAL", async () => {
    const statuses: Status[] = [];
    const server = new Server({
      interceptors: [() => ({ onEnd: ({ status }) => void statuses.push(status) }), requireBearerToken(() => true)],
    }).add(Echo, echo);
    await ask(server, [field("authorization", "Bearer ")], () => statuses.length > 0);
    expect(statuses).toEqual([Status.UNAUTHENTICATED]);
  });

  it("is stripped by a client, also from grpc-status", async () => {
    const [clientSide, serverSide] = duplexPair();
    const frames = new FrameFactory();
    serverSide.write(frames.settings());
    serverSide.once("data", () => {
      serverSide.resume();
      const head = [field(":status", "200"), field("content-type", "application/grpc"), field("note", " value\t")];
      serverSide.write(frames.headers(1, head));
      serverSide.write(frames.data(1, hi));
      serverSide.write(frames.headers(1, [field("grpc-status", " 0 ")], Flag.END_HEADERS | Flag.END_STREAM));
    });
    const channel = new Channel({ transport: clientSide });
    const notes: unknown[] = [];
    const reply = await createClient(Echo, channel).say(
      {},
      { onInitialMetadata: (metadata) => void notes.push(metadata.get("note")) },
    );
    expect([reply.text, ...notes]).toEqual(["hi", "value"]);
    await channel.close({ closeTimeoutMs: 0 });
  });
});
