/** The file of a policy: its schema is that of the router. */
import { policyProblems, type RouterPolicy } from "@trunkline/router";
import type { FileSource } from "./file-watch.js";
import { type YamlSchema, yamlFile } from "./yaml-file.js";

/** The schema of a policy. */
export const policySchema: YamlSchema = {
  what: "a policy",
  checkedBy: "trunkline check",
  problemsOf: policyProblems,
};

/** Returns the policy file as a source that can be read again and again. */
export function policyFile(path: string): FileSource<RouterPolicy> {
  return yamlFile(path, "the policy", policySchema);
}
