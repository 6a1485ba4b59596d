import { test } from "vitest";
import { isLarge, quickOf } from "../../../base/test/support/sizes.js";
import { type ComplianceOptions, complianceTests } from "../../src/testing/index.js";

/**
 * Options for streams that buffer some items or some kilobytes: blocks of a few kilobytes fill them as well as larger
 * ones, and are many times as quick.
 */
export const small: Pick<ComplianceOptions, "maxItemBytes" | "maxUnreadBytes"> = isLarge
  ? { maxItemBytes: 1024 * 1024, maxUnreadBytes: 8 * 1024 * 1024 }
  : { maxItemBytes: 100_000, maxUnreadBytes: 1024 * 1024 };

/** Runs the compliance suite as vitest tests. */
export function suite(options: ComplianceOptions): void {
  for (const { title, run } of complianceTests(options)) test(title, run);
}

/** Runs the suite on a stream that holds megabytes: in the quick suite it is filled in one direction only. */
export function quickSuite(options: ComplianceOptions): void {
  for (const { title, run } of quickOf(complianceTests(options))) test(title, run);
}
