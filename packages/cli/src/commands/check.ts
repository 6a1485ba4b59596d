/** `trunkline check FILE`: the mistakes of a policy file, each with its place. */
import { CommandError } from "../command-error.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";
import { policyFile, problemText, readPolicy } from "../operation/policy-file.js";

/** Prints all mistakes, or that there are none. @throws CommandError where there are any */
export async function check(path: string, { output }: Pick<Context, "output">): Promise<void> {
  const [bytes] = await policyFile(path).read();
  const { policy, problems } = readPolicy(bytes as Uint8Array);
  if (policy !== undefined) {
    const { rules, denied } = policy;
    const identities = denied?.identities?.length ?? 0;
    const tokens = denied?.tokenIds?.length ?? 0;
    const counts = `rules: ${rules.length}, denied identities: ${identities}, denied tokens: ${tokens}`;
    const event = {
      event: "policy",
      file: path,
      rules: rules.length,
      deniedIdentities: identities,
      deniedTokens: tokens,
    };
    output.result(event, `${path} can be used; ${counts}`);
    return;
  }
  for (const problem of problems)
    output.result({ event: "policy-problem", file: path, ...problem }, problemText(path, problem));
  const count = problems.length === 1 ? "a mistake" : `${problems.length} mistakes`;
  throw new CommandError(`the policy ${path} has ${count}`, ExitCode.unreadable);
}
