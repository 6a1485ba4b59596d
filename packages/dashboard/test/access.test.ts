import { expect, test } from "vitest";
import { Access, cookieLifetimeMs, cookieOf, linkLifetimeMs } from "../src/access.js";

const key = new Uint8Array(32).fill(7);

test("a link is good once", () => {
  const access = new Access(key, () => 0);
  const token = access.newToken("act");
  expect(access.rightsOf(access.redeem(token))).toBe("act");
  expect(access.redeem(token)).toBeUndefined();
  expect(access.redeem("")).toBeUndefined();
});

test("a link is good for five minutes, and a cookie for twelve hours", () => {
  let now = 0;
  const access = new Access(key, () => now);
  const [early, late] = [access.newToken("see"), access.newToken("see")];
  now = linkLifetimeMs - 1;
  const cookie = access.redeem(early);
  expect(access.rightsOf(cookie)).toBe("see");
  now = linkLifetimeMs;
  expect(access.redeem(late)).toBeUndefined();
  now = linkLifetimeMs - 1 + cookieLifetimeMs;
  expect(access.rightsOf(cookie)).toBeUndefined();
});

test("of many links the last hundred are good", () => {
  const access = new Access(key, () => 0);
  const tokens = Array.from({ length: 101 }, () => access.newToken("see"));
  expect(access.redeem(String(tokens[0]))).toBeUndefined();
  expect(access.redeem(String(tokens[1]))).toBeDefined();
});

test("a cookie that was changed, or signed with another key, gives no right", () => {
  const access = new Access(key, () => 0);
  const cookie = String(access.redeem(access.newToken("see")));
  const [until, , signature] = cookie.split(".");
  for (const forged of [`${until}.act.${signature}`, `9${cookie}`, `${cookie}x`, `${cookie}.x`, "..", ""])
    expect(access.rightsOf(forged)).toBeUndefined();
  expect(
    new Access(
      key.map(() => 8),
      () => 0,
    ).rightsOf(cookie),
  ).toBeUndefined();
  expect(new Access(key, () => 0).rightsOf(cookie)).toBe("see");
});

test("a cookie is found by its whole name", () => {
  expect(cookieOf("xa=1; a=2;b=3", "a")).toBe("2");
  expect(cookieOf("b=3", "a")).toBeUndefined();
  expect(cookieOf(undefined, "a")).toBeUndefined();
});
