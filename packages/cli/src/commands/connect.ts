/** `trunkline connect NAME --listen ADDRESS`: each connection to the address goes to whoever exposes the name. */
import { Connections } from "../connections.js";
import { type Context, type GraceOption, graceMsOf } from "../context.js";
import { dialPatiently } from "../dialling.js";
import { routerFailure, unknownName } from "../grpc-failure.js";
import { type AccessOptions, RouterAccess } from "../router-access.js";
import { listenOn, peerOf } from "../sockets.js";
import { isLocal, parseListen, printAddress } from "../target.js";
import { endCarrying } from "./ending.js";

export interface ConnectOptions extends AccessOptions, GraceOption {
  readonly listen: string;
}

/** Runs until interrupted. @throws CommandError */
export async function connect(name: string, options: ConnectOptions, context: Context): Promise<void> {
  const { output, signal } = context;
  const address = parseListen(options.listen);
  const graceMs = graceMsOf(options);
  await using access = await RouterAccess.open(options, context.env);
  const endpoint = await requireName(name, access, signal);
  await using listener = await listenOn(address, (error) => {
    output.note(
      "error",
      { event: "listen-error", error: error.message },
      `trouble at ${printAddress(listener.address)}: ${error.message}`,
    );
  });
  signal.addEventListener("abort", () => void listener.close(), { once: true });
  signal.throwIfAborted();
  const bound = printAddress(listener.address);
  output.result(
    { event: "listening", address: bound, ...listener.address, name, endpoint },
    `listening on ${bound}, for ${JSON.stringify(name)} at ${endpoint}`,
  );
  if (!isLocal(listener.address)) {
    const warning = `${bound} can be reached from other machines, and what goes through it is not encrypted up to here`;
    output.note("warn", { event: "open-to-network", address: bound }, warning);
  }
  const connections = new Connections((level, event, text) => output.note(level, event, text), name);
  for await (const socket of listener)
    connections.carry(socket, peerOf(socket), (aborted) => dialPatiently(name, access, aborted));
  await endCarrying(connections, graceMs, context);
}

/** The endpoint. @throws CommandError when the router is not there, does not let us in, or nobody exposes the name */
async function requireName(name: string, access: RouterAccess, signal: AbortSignal): Promise<string> {
  const client = await access.client();
  const { endpoint } = client;
  try {
    const names = await client.list({ signal });
    if (names.some((listed) => listed.name === name)) return endpoint;
  } catch (error) {
    throw signal.aborted ? signal.reason : routerFailure(error, { endpoint, name });
  }
  throw unknownName(name, endpoint);
}
