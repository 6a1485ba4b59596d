import { describe, expect, test } from "vitest";
import { CommandError, reasonOf, systemCode } from "../src/command-error.js";
import { ExitCode } from "../src/exit-codes.js";

const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });

describe("the reason of an error", () => {
  test("is in words where the system's code is known, however deep it lies", () => {
    expect(reasonOf(refused)).toBe("connection refused");
    expect(reasonOf(new Error("outer", { cause: new Error("middle", { cause: refused }) }))).toBe("connection refused");
    expect(reasonOf(new AggregateError([new Error("first"), refused], ""))).toBe("connection refused");
  });

  test("is the message otherwise, on one line", () => {
    expect(reasonOf(new Error("first line\n  second line\n"))).toBe("first line second line");
    expect(reasonOf(Object.assign(new Error("read EODD"), { code: "EODD" }))).toBe("read EODD");
    expect(reasonOf("just text")).toBe("just text");
    expect(reasonOf(new Error(""))).toBe("for no known reason");
  });

  test("of a message for the user is that message, whatever it was caused by", () => {
    const message = "cannot reach the target x:1: connection refused";
    expect(reasonOf(new CommandError(message, ExitCode.targetUnavailable, { cause: refused }))).toBe(message);
  });

  test("words that are no code of the system are none", () => {
    expect(systemCode(Object.assign(new Error("x"), { code: "ABORTED" }))).toBeUndefined();
    expect(systemCode(undefined)).toBeUndefined();
    expect(systemCode(new AggregateError([]))).toBeUndefined();
  });
});
