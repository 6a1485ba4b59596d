/** `trunkline completion SHELL`: the script that completes the command line in a shell. */
import type { Command } from "commander";
import { refuseClosedOutput } from "../closed-output.js";
import { CommandError } from "../command-error.js";
import { completionScript, type Shell, shells } from "../completion.js";
import type { Context } from "../context.js";
import { ExitCode } from "../exit-codes.js";

/** Prints the script for the grammar of `program`. @throws CommandError for another shell */
export async function completion(shell: string, program: Command, { output }: Context): Promise<void> {
  if (!shells.includes(shell as Shell)) {
    const message = `there is no completion for ${JSON.stringify(shell)}; the shells are ${shells.join(", ")}`;
    throw new CommandError(message, ExitCode.usage);
  }
  refuseClosedOutput(output, "the script");
  const script = completionScript(program, shell as Shell);
  output.result({ event: "completion", shell, script }, script.trimEnd());
}
