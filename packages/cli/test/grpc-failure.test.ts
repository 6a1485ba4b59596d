import { GrpcError, Status } from "@trunkline/grpc";
import { expect, test } from "vitest";
import { routerFailure } from "../src/grpc-failure.js";

const at = "the router at r:1";

test.each([
  [Status.NOT_FOUND, 68, '"web" is not exposed at r:1; begin with: trunkline expose web TARGET'],
  [Status.UNAUTHENTICATED, 77, `${at} does not accept the token: why`],
  [Status.PERMISSION_DENIED, 77, `${at} does not allow this: why`],
  [Status.INVALID_ARGUMENT, 64, "why"],
  // One who never had a name has not lost it.
  [Status.ALREADY_EXISTS, 73, `"web" is taken at ${at}: why`],
  [Status.ABORTED, 73, `"web" was taken over at ${at}: why`],
  [Status.RESOURCE_EXHAUSTED, 69, `${at} has met a limit: why`],
  [Status.UNIMPLEMENTED, 69, "there is no trunkline router at r:1: why"],
  [Status.UNAVAILABLE, 69, `cannot reach ${at}: why`],
])("status %d of a router is exit code %d", (status, exitCode, message) => {
  const failure = routerFailure(new GrpcError(status, "why"), { endpoint: "r:1", name: "web" });
  expect(failure).toMatchObject({ exitCode, message });
});

test("an error that comes from no router is a bug, and keeps its text", () => {
  expect(routerFailure(new Error("why"), { endpoint: "r:1" })).toMatchObject({ exitCode: 70, message: "why" });
});

test("a failure of end-to-end TLS that the other side tells is its words, and says what to give here", () => {
  const error = new GrpcError(Status.ABORTED, "the other side aborted the stream: end to end: this side wants it");
  expect(routerFailure(error, { endpoint: "r:1", name: "web" })).toMatchObject({
    exitCode: 77,
    message:
      '"web" cannot be reached: the other side aborted the stream: end to end: this side wants it; ' +
      "it needs --identity, and --peer-key or --peer-ca, at this side",
  });
});
