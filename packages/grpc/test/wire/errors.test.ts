import { BrokenStreamError } from "@trunkline/streams";
import { describe, expect, it } from "vitest";
import { GrpcError, isStatus, Status, statusName } from "../../src/index.js";

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
