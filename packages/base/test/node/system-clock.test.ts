import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { AppointmentKind } from "../../src/index.js";
import { systemClock } from "../../src/node/index.js";

const built = new URL("../../dist/node/index.js", import.meta.url).href;

describe("systemClock", () => {
  test("keeps an appointment not before its time", async () => {
    const atMs = systemClock.nowMs() + 5;
    await new Promise<void>((resolve) => systemClock.at(atMs, resolve, "work"));
    expect(systemClock.nowMs()).toBeGreaterThanOrEqual(atMs);
  });

  test("keeps one whose time has passed soon, but not before at() has returned", async () => {
    let returned = false;
    await new Promise<void>((resolve) => {
      systemClock.at(
        systemClock.nowMs() - 1_000,
        () => {
          expect(returned).toBe(true);
          resolve();
        },
        "work",
      );
      returned = true;
    });
  });

  test("does not keep one that was taken back, nor one that is years away", async () => {
    let kept = false;
    const keep = (): void => {
      kept = true;
    };
    systemClock.at(systemClock.nowMs(), keep, "work")();
    const cancel = systemClock.at(systemClock.nowMs() + 1e12, keep, "work");
    await new Promise<void>((resolve) => systemClock.at(systemClock.nowMs() + 5, resolve, "work"));
    cancel();
    expect(kept).toBe(false);
  });
});

describe("an appointment of the systemClock", () => {
  const lived = (kind: AppointmentKind): string =>
    execFileSync(
      process.execPath,
      [
        "-e",
        `import(${JSON.stringify(built)}).then(({ systemClock: c }) => {
          c.at(c.nowMs() + 20, () => console.log("kept"), "${kind}");
        })`,
      ],
      { encoding: "utf8" },
    );

  test("for work keeps the process alive until its time", () => {
    expect(lived("work")).toBe("kept\n");
  });

  test("that watches lets the process end (chisel#374)", () => {
    expect(lived("watch")).toBe("");
  });
});
