import { test } from "vitest";
import { type ComplianceOptions, complianceTests } from "../../src/testing/index.js";

/** Runs the compliance suite as vitest tests. */
export function suite(options: ComplianceOptions): void {
  for (const { title, run } of complianceTests(options)) test(title, run);
}
