/** `trunkline connect NAME --stdio`: one connection to the exposer of the name, over standard input and output. */
import { GrpcError, Status } from "@trunkline/grpc";
import { forward } from "@trunkline/streams";
import { stdio } from "@trunkline/streams/node";
import { CommandError, reasonOf } from "../command-error.js";
import type { Context } from "../context.js";
import { dialPatiently } from "../dialling.js";
import { ExitCode } from "../exit-codes.js";
import type { RouterAccess } from "../router-access.js";

/**
 * Carries one connection until both directions have ended: the way in which `ssh -o ProxyCommand` uses it.
 * @throws CommandError when the name cannot be reached, or the stream breaks
 */
export async function connectStdio(
  name: string,
  access: RouterAccess,
  waitMs: number,
  context: Context,
): Promise<void> {
  const { signal, output } = context;
  const stream = await dialPatiently(name, access, { waitMs, signal });
  output.note("debug", { event: "connected", name }, `connected to ${JSON.stringify(name)}`);
  output.handOver();
  try {
    await forward(stdio(), stream, { signal });
    await stream.close();
  } catch (error) {
    signal.throwIfAborted();
    const refused = error instanceof GrpcError && error.status === Status.PERMISSION_DENIED;
    const fate = refused ? "was refused" : "broke";
    const message = `the connection to ${JSON.stringify(name)} ${fate}: ${reasonOf(error)}`;
    throw new CommandError(message, refused ? ExitCode.denied : ExitCode.broken, { cause: error });
  }
}
