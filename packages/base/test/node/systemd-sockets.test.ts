import { expect, test } from "vitest";
import { parseSystemdAddress, SystemdSockets } from "../../src/node/systemd-sockets.js";

test("sockets are taken once, by name or all that are left, and the variables are removed", () => {
  const env: Record<string, string | undefined> = {
    LISTEN_PID: "7",
    LISTEN_FDS: "3",
    LISTEN_FDNAMES: "a:b:a",
    HOME: "/",
  };
  const sockets = new SystemdSockets(env, 7);
  expect(env).toEqual({ HOME: "/" });
  expect(sockets.take("a").map(({ fd }) => fd)).toEqual([3, 5]);
  expect(() => sockets.take("a")).toThrow("the sockets of systemd named a are in use already");
  expect(() => sockets.take("c")).toThrow('systemd passed no socket named "c": it passed a, b');
  expect(sockets.take(undefined)).toEqual([{ fd: 4, name: "b" }]);
  expect(() => sockets.take(undefined)).toThrow("the sockets of systemd are in use already");
});

test("an error says which variable is missing or wrong", () => {
  const take = (env: Record<string, string | undefined>) => () => new SystemdSockets(env, 7).take(undefined);
  expect(take({})).toThrow("no sockets were passed by systemd: LISTEN_FDS is not set");
  expect(take({ LISTEN_FDS: "1" })).toThrow("LISTEN_PID is not set");
  expect(take({ LISTEN_FDS: "1", LISTEN_PID: "8" })).toThrow('LISTEN_PID is "8", and this process is 7');
  expect(take({ LISTEN_FDS: "x", LISTEN_PID: "7" })).toThrow('LISTEN_FDS is "x", not a number from 1 to 1024');
});

test("only systemd: begins an address of systemd", () => {
  expect(parseSystemdAddress("systemd:")).toEqual({ name: undefined });
  expect(parseSystemdAddress("systemd:web")).toEqual({ name: "web" });
  expect(parseSystemdAddress("unix:/systemd:")).toBeUndefined();
});
