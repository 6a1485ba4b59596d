import { VirtualClock } from "@trunkline/base/testing";
import { expect, it } from "vitest";
import { Appointments } from "../../src/session/appointments.js";

function setUp() {
  const clock = new VirtualClock();
  const appointments = new Appointments<"retry" | "give up">(clock);
  const calls: string[] = [];
  return { clock, appointments, calls };
}

it.each([false, true])(
  "an appointment takes the place of an earlier one of its name (keeps the process: %s)",
  (keeps) => {
    const { clock, appointments, calls } = setUp();
    appointments.set("retry", 10, () => calls.push("first"), keeps);
    appointments.set("retry", 20, () => calls.push("second"), keeps);
    appointments.set("give up", 15, () => calls.push("other"), keeps);
    clock.advance(15);
    expect(calls).toEqual(["other"]);
    expect([appointments.has("retry"), appointments.has("give up")]).toEqual([true, false]);
    clock.advance(5);
    expect(calls).toEqual(["other", "second"]);
    expect(appointments.has("retry")).toBe(false);
  },
);

it("no appointment is made for Infinity, which cancels the one of that name", () => {
  const { clock, appointments, calls } = setUp();
  appointments.set("retry", 10, () => calls.push("retry"));
  appointments.set("retry", Number.POSITIVE_INFINITY, () => calls.push("never"));
  expect(appointments.has("retry")).toBe(false);
  expect(clock.pending).toBe(0);
});

it("the end cancels all, and none is made after it", () => {
  const { clock, appointments, calls } = setUp();
  appointments.set("retry", 10, () => calls.push("retry"));
  appointments.set("give up", 10, () => calls.push("give up"), true);
  appointments.end();
  appointments.set("retry", 10, () => calls.push("late"));
  expect([appointments.has("retry"), appointments.has("give up")]).toEqual([false, false]);
  expect(clock.pending).toBe(0);
  clock.advance(20);
  expect(calls).toEqual([]);
});
