import { afterEach, describe, expect, it } from "vitest";
import { type Client, createClient, Deadline, GrpcError, Status } from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { collect, until } from "../support.js";

let served: ChannelForServices | undefined;

function failing(): Client<typeof Echo> {
  const refuse = (): never => {
    throw new GrpcError(Status.NOT_FOUND, "no such thing");
  };
  const later = async (): Promise<never> => {
    await new Promise((resolve) => setImmediate(resolve));
    return refuse();
  };
  served = channelFor([
    [
      Echo,
      {
        say: later,
        async *expand() {
          yield {};
          await later();
        },
        collect: later,
        chat: { open: later },
      },
    ],
  ]);
  return createClient(Echo, served.channel);
}

afterEach(async () => {
  await served?.close();
  served = undefined;
});

const ways: [string, (client: Client<typeof Echo>) => Promise<unknown>][] = [
  ["a unary call", async (client) => await client.say({})],
  ["responses", async (client) => await collect(client.expand({}))],
  [
    "for await",
    async (client) => {
      for await (const _ of client.expand({}));
    },
  ],
  ["a client's stream", async (client) => await client.collect([{}])],
  ["receive", async (client) => await client.chat.open().receive()],
  ["receiveTrailingMetadata", async (client) => await client.chat.open().receiveTrailingMetadata()],
  ["a deadline", async (client) => await client.say({}, { deadline: Deadline.after(0.01) })],
];

describe("the stack of an error", () => {
  it.each(ways)("shows who waited for it: %s", async (_name, way) => {
    const client = failing();
    async function theCaller(): Promise<unknown> {
      return await way(client);
    }
    const error: GrpcError = await theCaller().then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(GrpcError);
    expect(error.stack).toMatch(/^GrpcError: /);
    expect(error.stack).toMatch(/theCaller .*caller-stack\.test\.ts/);
  });

  it("shows it too when the call had ended before", async () => {
    const call = failing().chat.open();
    await call.start();
    await until(() => call.trailingMetadata !== undefined, "the end of the call");
    async function theCaller(): Promise<unknown> {
      return await call.receive();
    }
    const error: GrpcError = await theCaller().then(
      () => expect.unreachable(),
      (thrown) => thrown,
    );
    expect(error.stack).toMatch(/theCaller /);
  });

  it("stays as it is where the program's own code threw it", async () => {
    function theThrower(): never {
      throw new GrpcError(Status.ABORTED, "by hand");
    }
    const client = failing();
    const thrown: GrpcError[] = [];
    const note = (error: GrpcError): void => void thrown.push(error);
    await client.say({}, { interceptors: [() => ({ onRequest: theThrower })] }).catch(note);
    await client.say({}, { interceptors: [() => ({ onStatus: theThrower })] }).catch(note);
    await client.chat
      .open({ interceptors: [() => ({ onRequest: theThrower })] })
      .receive()
      .catch(note);
    async function* requests(): AsyncGenerator<{}> {
      yield {};
      theThrower();
    }
    await client.collect(requests()).catch(note);
    expect(thrown.map(({ message }) => message)).toEqual(Array(4).fill("by hand"));
    for (const { stack } of thrown) expect(stack).toContain("theThrower");
  });
});
