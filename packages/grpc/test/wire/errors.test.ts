import { inspect } from "node:util";
import { BrokenStreamError } from "@trunkline/streams";
import { describe, expect, it, vi } from "vitest";
import { createClient, GrpcError, isStatus, Status, statusName } from "../../src/index.js";
import { channelFor } from "../../src/testing/index.js";
import { Echo } from "../gen/echo_pb.js";
import { rejection } from "../support.js";

/** Loads the module of the errors a second time, as a second installed copy of the package would. */
async function secondCopy(): Promise<typeof import("../../src/index.js")> {
  vi.resetModules();
  return await import("../../src/index.js");
}

describe("a GrpcError", () => {
  it("has its status as a number and as a word, its message as it is, metadata and a cause", () => {
    const cause = new Error("why");
    const error = new GrpcError(Status.NOT_FOUND, "no such thing", { metadata: { a: "b" }, cause });
    expect(error).toBeInstanceOf(BrokenStreamError);
    expect(error).toMatchObject({ name: "GrpcError", status: 5, code: "NOT_FOUND", message: "no such thing", cause });
    expect(error.metadata.get("a")).toBe("b");
    expect(new GrpcError(Status.ABORTED)).toMatchObject({ message: "", code: "ABORTED" });
    expect(new GrpcError(Status.ABORTED).metadata.size).toBe(0);
  });

  it("of a second installed copy of the package, or of another realm, is recognised (connect-es#544)", async () => {
    const copy = await secondCopy();
    const theirs = new copy.GrpcError(copy.Status.NOT_FOUND, "no such thing");
    expect(copy.GrpcError).not.toBe(GrpcError);
    expect(theirs instanceof GrpcError).toBe(true);
    expect(new GrpcError(Status.ABORTED) instanceof copy.GrpcError).toBe(true);
    expect(new Error("plain") instanceof GrpcError).toBe(false);
    expect([undefined, null, 1, {}].some((value) => (value as unknown) instanceof GrpcError)).toBe(false);
  });

  it("of a second copy is a handler's status as ours is", async () => {
    const copy = await secondCopy();
    await using served = channelFor([
      [
        Echo,
        {
          say() {
            throw new copy.GrpcError(copy.Status.NOT_FOUND, "no such thing", { metadata: { key: "value" } });
          },
        },
      ],
    ]);
    const error = await rejection(createClient(Echo, served.channel).say({}));
    expect(error.code).toBe("NOT_FOUND");
    expect(error.message).toBe("no such thing");
    expect(error.metadata.get("key")).toBe("value");
  });

  it("is no instance of a subclass that it does not belong to", () => {
    class Special extends GrpcError {}
    expect(new GrpcError(Status.ABORTED) instanceof Special).toBe(false);
    expect(new Special(Status.ABORTED) instanceof Special).toBe(true);
    expect(new Special(Status.ABORTED) instanceof GrpcError).toBe(true);
  });

  it("is shown with its status, its message and its metadata, secrets shortened", () => {
    const shown = inspect(
      new GrpcError(Status.NOT_FOUND, "no such thing", {
        metadata: { "trace-id": "abc", authorization: "Bearer very-long-secret-token" },
        details: [{ $typeName: "google.protobuf.Any", typeUrl: "type.googleapis.com/x.Y", value: new Uint8Array(3) }],
        cause: new Error("the reason"),
      }),
    );
    expect(shown).toMatch(/^GrpcError: no such thing\n {4}at /);
    for (const part of ["status: 5", "code: 'NOT_FOUND'", "trace-id", "abc", "type.googleapis.com/x.Y", "the reason"])
      expect(shown).toContain(part);
    expect(shown).not.toContain("very-long-secret-token");
    expect(inspect({ a: { b: { c: new GrpcError(Status.ABORTED, "deep") } } })).toContain("[GrpcError: deep]");
  });

  it.each([0, 17, -1, 1.5, Number.NaN, "NOT_FOUND"])("cannot have the status %s", (status) => {
    expect(() => new GrpcError(status as never)).toThrow(
      `the status of a GrpcError must be from 1 to 16, not ${status}`,
    );
  });

  it("cannot have metadata that cannot be sent", () => {
    expect(() => new GrpcError(Status.ABORTED, "", { metadata: { "grpc-status": "0" } })).toThrow(
      /metadata key "grpc-status" is reserved/,
    );
  });
});

it("every status has its number and its name", () => {
  expect(Object.keys(Status).length).toBe(17);
  for (const [name, status] of Object.entries(Status)) {
    expect(statusName(status)).toBe(name);
    expect(isStatus(status)).toBe(true);
  }
  expect(isStatus(17)).toBe(false);
  expect(isStatus(0.5)).toBe(false);
});
