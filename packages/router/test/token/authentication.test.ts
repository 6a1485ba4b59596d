/** Jumpstarter's cases (every one UNAUTHENTICATED there too), and the subject that it lets through. */
import { GrpcError, Status } from "@trunkline/grpc";
import { Metadata } from "@trunkline/metadata";
import { describe, expect, it } from "vitest";
import { bearerToken } from "../../src/token/bearer.js";
import { jwt, streamClaims, testRouter } from "../support/router.js";

const nowS = Math.floor(Date.now() / 1_000);
const claims = streamClaims("s");
const bearer = (changes: object, options?: Parameters<typeof jwt>[1]): [string, string][] => [
  ["authorization", `Bearer ${jwt({ ...claims, ...changes }, options)}`],
];

async function statusOf(authorization: [string, string][]): Promise<{ status: number; message: string }> {
  await using test = testRouter();
  const { createClient } = await import("@trunkline/grpc");
  const { RouterService } = await import("../../src/index.js");
  await using call = createClient(RouterService, test.connect()).stream.open({ metadata: authorization });
  const error = await call.receive().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GrpcError);
  return error as GrpcError;
}

describe("the router refuses", () => {
  const cases: [title: string, authorization: [string, string][]][] = [
    ["no authorization", []],
    ["an empty one", [["authorization", ""]]],
    ["another scheme", [["authorization", "Basic abc"]]],
    [
      "two of them",
      [
        ["authorization", "Bearer a"],
        ["authorization", "Bearer b"],
      ],
    ],
    ["a scheme alone", [["authorization", "Bearer"]]],
    ["garbage", [["authorization", "Bearer garbage"]]],
    ["a token that expired a second ago", bearer({ exp: nowS - 1 })],
    ["a token without exp", bearer({ exp: undefined })],
    ["a wrong audience", bearer({ aud: "https://jumpstarter.dev/controller" })],
    ["no audience", bearer({ aud: undefined })],
    ["a wrong issuer", bearer({ iss: "https://example.com" })],
    ["a wrong key", bearer({}, { key: "another key" })],
    ["nbf in the future", bearer({ nbf: nowS + 600 })],
    ["iat in the future", bearer({ iat: nowS + 600 })],
    ["alg none", bearer({}, { alg: "none" })],
    ["no subject", bearer({ sub: undefined })],
    ["an empty subject", bearer({ sub: "" })],
  ];
  for (const [title, authorization] of cases) {
    it(`${title}, with UNAUTHENTICATED, and never repeats the token`, async () => {
      const { status, message } = await statusOf(authorization);
      expect(status).toBe(Status.UNAUTHENTICATED);
      for (const [, value] of authorization) {
        const token = value.split(" ")[1];
        if (token !== undefined && token.length > 10) expect(message).not.toContain(token);
      }
    });
  }
});

describe("a good token", () => {
  it("is refused where it comes twice, as Jumpstarter's router does", async () => {
    const [good] = bearer({}) as [[string, string]];
    const { status, message } = await statusOf([good, good]);
    expect(status).toBe(Status.UNAUTHENTICATED);
    expect(message).toContain("multiple authorization headers");
  });
});

describe("an authorization without a token", () => {
  // gRPC lets white space at the edges of a value be stripped, so "Bearer " may arrive without its space.
  for (const value of ["Bearer", "bearer"]) {
    it(`(${JSON.stringify(value)}) is an invalid token, as Jumpstarter's router says of "Bearer "`, async () => {
      const { status, message } = await statusOf([["authorization", value]]);
      expect(status).toBe(Status.UNAUTHENTICATED);
      expect(message).toContain("invalid jwt token");
    });
  }

  it("is empty, whether its space has come or not", () => {
    for (const value of ["Bearer", "Bearer ", "Bearer  "]) {
      expect(bearerToken(Metadata.fromWire([{ name: "authorization", value }]))).toBe("");
    }
  });
});

describe("the router lets in", () => {
  const cases: [title: string, changes: object, options?: Parameters<typeof jwt>[1]][] = [
    ["an audience that is no list", { aud: "https://jumpstarter.dev/router" }],
    ["HS384", {}, { alg: "HS384" }],
    ["HS512", {}, { alg: "HS512" }],
    ["a token without iat, nbf and jti", { iat: undefined, nbf: undefined, jti: undefined }],
  ];
  for (const [title, changes, options] of cases) {
    it(title, async () => {
      await using test = testRouter();
      const authorization = `bearer ${jwt({ ...claims, ...changes }, options)}`;
      const first = test.plainCall("s", { authorization });
      const second = test.plainCall("s");
      await first.send({ payload: new Uint8Array([1]), frameType: 0 });
      expect((await second.receive())?.payload).toEqual(new Uint8Array([1]));
      first.cancel();
      second.cancel();
    });
  }
});
