import type { HeaderField } from "@trunkline/h2";
import { Metadata } from "@trunkline/metadata";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createClient, GrpcError, Status } from "../../src/index.js";
import { type StatusToSend, statusFields } from "../../src/server/status-fields.js";
import { channelFor } from "../../src/testing/index.js";
import { listBytes } from "../../src/wire/headers.js";
import { errorOfTrailers } from "../../src/wire/wire-status.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection } from "../support.js";

const details = (bytes: number): StatusToSend["details"] => [
  { $typeName: "google.protobuf.Any", typeUrl: "type.googleapis.com/test.Detail", value: new Uint8Array(bytes) },
];

/** Text of up to 3,000 characters of any kind. Repeated, it takes a tenth of the time to make. */
const longText = fc
  .tuple(fc.string({ unit: "binary", maxLength: 50 }), fc.integer({ min: 1, max: 60 }))
  .map(([text, times]) => text.repeat(times));

/** Reads trailers as a client does. */
function read(fields: readonly HeaderField[]): GrpcError {
  const error = errorOfTrailers(fields, () =>
    Metadata.fromWire(fields.filter(({ name }) => !name.startsWith("grpc-"))),
  );
  if (error === undefined) throw new Error("the status is OK");
  return error;
}

describe("a status that is larger than the client takes", () => {
  it("keeps its code; its message is cut and says so (grpc-node#1533)", async () => {
    await using served = channelFor([
      [
        Echo,
        {
          say() {
            throw new GrpcError(Status.ABORTED, "x".repeat(200_000), {
              metadata: { retry: "no" },
              details: details(9),
            });
          },
        },
      ],
    ]);
    const error = await rejection(createClient(Echo, served.channel).say({}));
    expect(error).toMatchObject({ status: Status.ABORTED });
    expect(error.message).toMatch(
      /^x{20000,65000} \[cut from 200000 to \d+ characters: the client takes header sections of 65536 bytes\]$/,
    );
    expect((error as GrpcError).metadata.get("retry")).toBe("no");
    expect((error as GrpcError).details.length).toBe(1);
  });

  it("loses its details before its message is cut short, then its metadata, and says so", () => {
    const metadata = new Metadata({ key: "value" });
    const long = { status: Status.ABORTED, message: "m".repeat(1_000), details: details(8_000) };
    const without = read(statusFields(long, metadata, 4_096));
    expect(without.message).toBe(
      `${"m".repeat(1_000)} [without the details of the error: the client takes header sections of 4096 bytes]`,
    );
    expect(without.metadata.get("key")).toBe("value");
    const bare = read(statusFields(long, new Metadata({ key: "v".repeat(9_000) }), 4_096));
    expect(bare.status).toBe(Status.ABORTED);
    expect(bare.message).toContain("without the details of the error and the trailing metadata");
    expect(bare.metadata.size).toBe(0);
  });

  it("of a call that succeeded never loses metadata: the call fails instead", () => {
    const ok = { status: Status.OK, message: "", details: [] };
    expect(read(statusFields(ok, new Metadata({ key: "v".repeat(9_000) }), 4_096)).status).toBe(
      Status.RESOURCE_EXHAUSTED,
    );
  });

  it("always fits and always keeps its code, whatever its parts", () => {
    fc.assert(
      fc.property(
        fc.record({
          message: longText,
          detailBytes: fc.option(fc.nat(3_000)),
          value: fc.nat(3_000).map((length) => "z".repeat(length)),
          maxBytes: fc.integer({ min: 300, max: 9_000 }),
        }),
        ({ message, detailBytes, value, maxBytes }) => {
          const sent = {
            status: Status.ABORTED,
            message,
            details: detailBytes === null ? [] : details(detailBytes),
          };
          const fields = statusFields(sent, value === "" ? undefined : new Metadata({ key: value }), maxBytes);
          expect(listBytes(fields)).toBeLessThanOrEqual(maxBytes);
          const error = read(fields);
          expect(error.status).toBe(Status.ABORTED);
          if (error.message.includes("[")) expect(error.message.length).toBeLessThan(message.length + 200);
        },
      ),
      { numRuns: 300 },
    );
  });
});
