import { describe, expect, test } from "vitest";
import { callObserver, whenRejected } from "../src/index.js";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const no = new Error("no");

describe("callObserver", () => {
  test("gives on what a call throws, and what its promise rejects with", async () => {
    const failures: unknown[] = [];
    const note = (error: unknown): void => void failures.push(error);
    callObserver(() => {
      throw no;
    }, note);
    expect(failures).toEqual([no]);
    callObserver(() => Promise.reject(no), note);
    callObserver(() => Promise.resolve(), note);
    callObserver(() => 5, note);
    await turn();
    expect(failures).toEqual([no, no]);
  });

  test("drops both where nothing is to be told of them", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on("unhandledRejection", note);
    callObserver(() => {
      throw no;
    });
    callObserver(() => Promise.reject(no));
    await turn();
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });
});

test("whenRejected takes a thenable that is no Promise, and ignores other values", () => {
  const failures: unknown[] = [];
  // biome-ignore lint/suspicious/noThenProperty: a thenable is the point of it
  const thenable = { then: (_: unknown, onRejected: (error: unknown) => void) => onRejected(no) };
  for (const value of [undefined, null, "text", {}, thenable]) whenRejected(value, (error) => failures.push(error));
  expect(failures).toEqual([no]);
});
