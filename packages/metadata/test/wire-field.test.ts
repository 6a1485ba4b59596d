import { expect, test } from "vitest";
import { wireFieldProblem } from "../src/index.js";

test.each([
  ["a", ""],
  ["a", "x"],
  ["a", "two  words\tand a tab"],
  ["a", "caf\u00e9"],
  ["0_.-z", "!~"],
  ["a-bin", "no base64!"],
])("a field %j with the value %j can be metadata", (name, value) => {
  expect(wireFieldProblem({ name, value })).toBeUndefined();
});

test.each([
  ["", "x", 'field "" has a name that metadata cannot have'],
  ["A", "x", 'field "A" has a name that metadata cannot have'],
  ["a b", "x", 'field "a b" has a name that metadata cannot have'],
  [":path", "/", 'field ":path" has a name that metadata cannot have'],
  ["a".repeat(100).concat("\n"), "x", `field "${"a".repeat(64)}" has a name that metadata cannot have`],
  ["te", "x", 'field "te" is reserved: gRPC sets it itself'],
  ["grpc-status", "0", 'field "grpc-status" is reserved: keys that start with "grpc-" belong to gRPC itself'],
  ["a", " x", 'the value of field "a" has octets that a header field cannot have'],
  ["a", "x\t", 'the value of field "a" has octets that a header field cannot have'],
  ["a", "x\r\ny: z", 'the value of field "a" has octets that a header field cannot have'],
  ["a", "\u0000", 'the value of field "a" has octets that a header field cannot have'],
  ["a", "\u007f", 'the value of field "a" has octets that a header field cannot have'],
  ["a-bin", "AQI\n", 'the value of field "a-bin" has octets that a header field cannot have'],
  ["a", "\u0100", 'the value of field "a" has octets that a header field cannot have'],
])("a field %j with the value %j cannot", (name, value, problem) => {
  expect(wireFieldProblem({ name, value })).toBe(problem);
});
