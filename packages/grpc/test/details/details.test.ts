import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema, anyPack, DurationSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  BadRequestSchema,
  DebugInfoSchema,
  detail,
  ErrorInfoSchema,
  HelpSchema,
  LocalizedMessageSchema,
  PreconditionFailureSchema,
  QuotaFailureSchema,
  RequestInfoSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
  RpcStatusSchema,
  unpackDetails,
} from "../../src/details/index.js";
import {
  type Client,
  createClient,
  GrpcError,
  type GrpcErrorOptions,
  registerDetails,
  Status,
} from "../../src/index.js";
import { type ChannelForServices, channelFor } from "../../src/testing/index.js";
import { decodeStatusDetails, encodeStatusDetails } from "../../src/wire/status-details.js";
import { Echo, EchoReplySchema, EchoRequestSchema } from "../gen/echo_pb.js";
import { RawServer, rejection, responseHeaders } from "../support.js";

let served: ChannelForServices | undefined;

afterEach(async () => {
  await served?.close();
  served = undefined;
});

/** A client of a server whose handler fails so. */
function failing(options: GrpcErrorOptions): Client<typeof Echo> {
  served = channelFor([
    [
      Echo,
      {
        say() {
          throw new GrpcError(Status.INVALID_ARGUMENT, "wrong", options);
        },
        chat: {
          open: (call) =>
            call.sendTrailingMetadata(
              { own: "1" },
              { status: Status.ABORTED, message: "stopped", details: options.details },
            ),
        },
      },
    ],
  ]);
  return createClient(Echo, served.channel);
}

const all: Message[] = [
  create(BadRequestSchema, {
    fieldViolations: [
      {
        field: "user.name",
        description: "empty",
        reason: "EMPTY",
        localizedMessage: { locale: "de", message: "leer" },
      },
    ],
  }),
  create(DebugInfoSchema, { stackEntries: ["a", "b"], detail: "d" }),
  create(ErrorInfoSchema, { reason: "API_DISABLED", domain: "example.com", metadata: { one: "1" } }),
  create(HelpSchema, { links: [{ description: "manual", url: "https://example.com" }] }),
  create(LocalizedMessageSchema, { locale: "en-US", message: "Süß" }),
  create(PreconditionFailureSchema, {
    violations: [{ type: "TOS", subject: "example.com", description: "not accepted" }],
  }),
  create(QuotaFailureSchema, {
    violations: [
      {
        subject: "project:1",
        description: "used up",
        quotaDimensions: { region: "eu" },
        quotaValue: 7n,
        futureQuotaValue: 9n,
      },
    ],
  }),
  create(RequestInfoSchema, { requestId: "r-1", servingData: "s" }),
  create(ResourceInfoSchema, { resourceType: "file", resourceName: "/a", owner: "me", description: "gone" }),
  create(RetryInfoSchema, { retryDelay: { seconds: 3n, nanos: 500_000_000 } }),
];

describe("details of an error", () => {
  it("go from the server to the client, of all types, typed", async () => {
    const error = await rejection(failing({ details: all, metadata: { own: "1" } }).say({}));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", message: "wrong" });
    expect(error.metadata.toJSON()).toEqual([["own", "1"]]);
    expect(unpackDetails(error)).toEqual(all);
    expect(error.detail(BadRequestSchema)?.fieldViolations[0]?.field).toBe("user.name");
    expect(error.detail(RetryInfoSchema)?.retryDelay?.seconds).toBe(3n);
    expect(error.details.map(({ typeUrl }) => typeUrl)).toContain("type.googleapis.com/google.rpc.QuotaFailure");
  });

  it("go out with a status that a handler sends itself", async () => {
    const call = failing({ details: [detail(ErrorInfoSchema, { reason: "ENOUGH" })] }).chat.open();
    const error = await rejection(call.receiveTrailingMetadata());
    expect(error).toMatchObject({ code: "ABORTED", message: "stopped" });
    expect(error.detail(ErrorInfoSchema)?.reason).toBe("ENOUGH");
    expect(error.detail(HelpSchema)).toBeUndefined();
    expect(call.trailingMetadata?.toJSON()).toEqual([["own", "1"]]);
  });

  it("may be messages of any type, given with their schema, packed, or registered", async () => {
    const own = create(EchoRequestSchema, { text: "own" });
    const packed = anyPack(DurationSchema, create(DurationSchema, { seconds: 1n }));
    const error = await rejection(
      failing({ details: [[EchoRequestSchema, own], detail(EchoReplySchema, { text: "init" }), packed] }).say({}),
    );
    expect(error.detail(EchoRequestSchema)).toEqual(own);
    expect(error.detail(EchoReplySchema)?.text).toBe("init");
    expect(error.detail(DurationSchema)?.seconds).toBe(1n);
    // Not known by itself: it stays packed, until it is.
    expect(unpackDetails(error).map(({ $typeName }) => $typeName)).toEqual(Array(3).fill("google.protobuf.Any"));
    expect(() => new GrpcError(Status.ABORTED, "", { details: [own] })).toThrow(
      "details of type trunkline.test.v1.EchoRequest are not known: give [schema, message], " +
        'or import "@trunkline/grpc/details" for those of google.rpc',
    );
    registerDetails(EchoRequestSchema);
    expect(unpackDetails(error)[0]).toEqual(own);
    expect(new GrpcError(Status.ABORTED, "", { details: [own] }).detail(EchoRequestSchema)).toEqual(own);
  });

  it("must be details", () => {
    for (const wrong of [null, {}, "text"]) {
      expect(() => new GrpcError(Status.ABORTED, "", { details: [wrong as never] })).toThrow(
        "a detail of an error is a message, or [schema, init]",
      );
    }
  });

  it("pass on when the error of one call ends another", async () => {
    const inner = await rejection(failing({ details: all }).say({}));
    await using outer = channelFor([
      [
        Echo,
        {
          say() {
            throw inner;
          },
        },
      ],
    ]);
    expect(unpackDetails(await rejection(createClient(Echo, outer.channel).say({})))).toEqual(all);
  });

  it("can be seen and changed by interceptors on both sides", async () => {
    const seen: (string | undefined)[] = [];
    const { channel } = channelFor(
      [
        [
          Echo,
          {
            say() {
              throw new GrpcError(Status.ABORTED, "", { details: [detail(ErrorInfoSchema, { reason: "ONE" })] });
            },
          },
        ],
      ],
      {
        server: {
          interceptors: [
            () => ({ onStatus: (status) => void Object.assign(status, { details: [...status.details, all[0]] }) }),
          ],
        },
        channel: {
          interceptors: [
            () => ({
              onStatus(status) {
                seen.push(...status.details.map((one) => (one as Any).typeUrl));
                status.details = [...status.details, detail(HelpSchema, {})];
              },
            }),
          ],
        },
      },
    );
    const error = await rejection(createClient(Echo, channel).say({}));
    expect(seen).toEqual(["type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.BadRequest"]);
    expect(error.details.length).toBe(3);
    await channel.close();
  });

  it("are left out where the client would not take them, but the status is not", async () => {
    const large = [detail(DebugInfoSchema, { detail: "x".repeat(10_000) })];
    served = channelFor(
      [
        [
          Echo,
          {
            say() {
              throw new GrpcError(Status.NOT_FOUND, "no such thing", { details: large, metadata: { own: "1" } });
            },
          },
        ],
      ],
      { channel: { http2: { settings: { maxHeaderListSize: 8_192 } } } },
    );
    const error = await rejection(createClient(Echo, served.channel).say({}));
    expect(error.code).toBe("NOT_FOUND");
    expect(error.details).toEqual([]);
    expect(error.message).toBe(
      "no such thing [without the details of the error: the client takes header sections of 8192 bytes]",
    );
    expect(error.metadata.get("own")).toBe("1");
  });
});

describe("details that came", () => {
  async function told(value: string): Promise<GrpcError> {
    const server = new RawServer();
    server.onWhole = ({ stream }) => {
      stream.sendHeaders(
        [
          ...responseHeaders,
          { name: "grpc-status", value: "5" },
          { name: "grpc-message", value: "gone" },
          { name: "grpc-status-details-bin", value },
        ],
        { endStream: true },
      );
    };
    const error = await rejection(createClient(Echo, server.channel).say({}));
    await server.close();
    return error;
  }

  it.each([
    ["nothing", ""],
    ["no base64", "!!!"],
    ["no protobuf", Buffer.from([0xff, 0xff, 0xff]).toString("base64")],
    ["a detail that is cut short", Buffer.from([0x1a, 0x10, 0x0a]).toString("base64")],
    ["a length beyond all bounds", Buffer.from([0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f]).toString("base64")],
  ])("as %s hide nothing of the status", async (_what, value) => {
    const error = await told(value);
    expect(error).toMatchObject({ code: "NOT_FOUND", message: "gone", details: [] });
    expect(error.detail(ErrorInfoSchema)).toBeUndefined();
  });

  it("with a known type but malformed stay packed", async () => {
    const packed = create(AnySchema, {
      typeUrl: "type.googleapis.com/google.rpc.ErrorInfo",
      value: Uint8Array.of(0xff),
    });
    const status = create(RpcStatusSchema, { code: 5, message: "gone", details: [packed] });
    const error = await told(Buffer.from(toBinary(RpcStatusSchema, status)).toString("base64"));
    expect(error.detail(ErrorInfoSchema)).toBeUndefined();
    expect(unpackDetails(error)).toEqual([packed]);
  });

  it("are read only once, in either alphabet of base64", async () => {
    const status = toBinary(
      RpcStatusSchema,
      create(RpcStatusSchema, { details: [anyPack(ErrorInfoSchema, create(ErrorInfoSchema))] }),
    );
    const error = await told(Buffer.from(status).toString("base64url"));
    expect(error.details.length).toBe(1);
    expect(error.details).toBe(error.details);
  });

  it("are written and read as protobuf-es does", () => {
    const any = fc.record({ typeUrl: fc.string(), value: fc.uint8Array() });
    fc.assert(
      fc.property(fc.nat(16), fc.string({ unit: "grapheme" }), fc.array(any), (code, message, details) => {
        const expected = create(RpcStatusSchema, { code, message, details });
        const written = encodeStatusDetails(code, message, expected.details);
        expect(decodeStatusDetails(written)).toEqual(expected.details);
        const theirs = Buffer.from(toBinary(RpcStatusSchema, expected)).toString("base64");
        expect(decodeStatusDetails(theirs)).toEqual(expected.details);
        if (code !== 0) expect(written).toBe(theirs.replace(/=+$/, ""));
      }),
    );
  });

  it("of any bytes never fail", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) =>
        Array.isArray(decodeStatusDetails(Buffer.from(bytes).toString("base64"))),
      ),
    );
  });
});
