import { describe, expect, test } from "vitest";
import { Metadata, MetadataError, reservedKeyReason } from "../src/index.js";

describe("keys", () => {
  test.each(["a", "0", "_", ".", "-", "x-request.id_7", "-bin", "authorization", "cookie"])("%j is allowed", (key) => {
    expect(reservedKeyReason(key)).toBeUndefined();
    const metadata = new Metadata().append(key, key.endsWith("-bin") ? new Uint8Array([1]) : "1");
    expect(metadata.has(key)).toBe(true);
  });

  test.each(["", "a b", "ä", "a:", "a\n", "a,b", "\u0130", "\u212Aelvin"])("%j is refused as malformed", (key) => {
    expect(() => new Metadata().append(key, "1")).toThrow(
      `metadata key ${JSON.stringify(key)} is not allowed: a key is one or more of the characters 0-9 a-z _ . -`,
    );
  });

  test.each([
    ["grpc-timeout", "belong to gRPC"],
    ["GRPC-Anything-bin", "belong to gRPC"],
    [":path", "pseudo-header fields belong to HTTP/2"],
    [":", "pseudo-header fields belong to HTTP/2"],
    ["te", "gRPC sets it itself"],
    ["Content-Type", "gRPC sets it itself"],
    ["content-length", "no length known beforehand"],
    ["user-agent", "an option of the channel"],
    ["host", "an option of its channel"],
    ["connection", "about the connection"],
    ["keep-alive", "about the connection"],
    ["proxy-connection", "about the connection"],
    ["transfer-encoding", "about the connection"],
    ["upgrade", "about the connection"],
    ["http2-settings", "about the connection"],
    ["trailer", "without announcing them"],
  ])("%j is reserved, and the error says why", (key, why) => {
    expect(reservedKeyReason(key.toLowerCase())).toContain(why);
    try {
      new Metadata().set(key, "1");
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(MetadataError);
      expect(error).toMatchObject({ code: "METADATA_KEY", key });
      expect((error as Error).message).toContain(why);
      expect((error as Error).message).toContain(key.toLowerCase());
    }
  });

  test("reading a key that cannot exist finds nothing", () => {
    expect(Metadata.empty.get("a b")).toBeUndefined();
    expect(Metadata.empty.getAll("grpc-status")).toEqual([]);
    expect(Metadata.empty.has(":path")).toBe(false);
  });
});
