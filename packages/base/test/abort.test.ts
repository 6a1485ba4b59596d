import { describe, expect, test } from "vitest";
import { abortable, onAbort } from "../src/index.js";

describe("onAbort", () => {
  test("many listeners on one signal bring no MaxListenersExceededWarning (connect-es#476)", async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => {
      warnings.push(warning.name);
    };
    process.on("warning", onWarning);
    const { signal } = new AbortController();
    const forget = Array.from({ length: 50 }, () => onAbort(signal, () => {}));
    const waits = Array.from({ length: 50 }, () =>
      abortable(new Promise<void>((resolve) => setImmediate(resolve)), signal),
    );
    await Promise.all(waits);
    for (const one of forget) one();
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  test("calls each listener once, in order, and none that was taken off", () => {
    const controller = new AbortController();
    const called: string[] = [];
    const forgetFirst = onAbort(controller.signal, () => called.push("first"));
    onAbort(controller.signal, () => {
      called.push("second");
      forgetThird();
    });
    const forgetThird = onAbort(controller.signal, () => called.push("third"));
    onAbort(controller.signal, () => called.push("fourth"));
    forgetFirst();
    controller.abort();
    expect(called).toEqual(["second", "fourth"]);
  });

  test("leaves no listener on the signal when the last one is taken off", () => {
    const listeners = new Set<() => void>();
    const signal = {
      aborted: false,
      addEventListener: (_: "abort", listener: () => void) => void listeners.add(listener),
      removeEventListener: (_: "abort", listener: () => void) => void listeners.delete(listener),
    };
    const forget = [onAbort(signal, () => {}), onAbort(signal, () => {})];
    expect(listeners.size).toBe(1);
    for (const one of forget) one();
    expect(listeners.size).toBe(0);
  });
});

describe("abortable", () => {
  test("rejects at once when the signal has fired already", async () => {
    await expect(abortable(new Promise(() => {}), AbortSignal.abort(new Error("too late")))).rejects.toThrow(
      "too late",
    );
  });
});
