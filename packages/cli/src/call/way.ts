/** The way of a call to its gRPC server: to an address, or over a stream through a router to an exposed name. */
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { parseHostPort } from "@trunkline/base";
import { Channel, type ChannelOptions } from "@trunkline/grpc";
import { readCertificates } from "../certificates.js";
import { clientTls } from "../client-tls.js";
import { CommandError, reasonOf } from "../command-error.js";
import type { Context } from "../context.js";
import { dialPatiently } from "../dialling.js";
import { parseDuration } from "../duration.js";
import { ExitCode } from "../exit-codes.js";
import { checkExposedName } from "../exposed-name.js";
import { type AccessOptions, givenProxy, RouterAccess } from "../router-access.js";
import { isLocalAddress, parseEndpoint, printEndpoint } from "../target.js";

/** Options that say how a gRPC server is reached. */
export interface WayOptions extends AccessOptions {
  /** The exposed name behind which the server is. */
  readonly via?: string;
  readonly authority?: string;
  /** Certificates that the server behind the name is trusted by; they ask for TLS to it. */
  readonly serverCa?: string;
  readonly wait: string;
}

/** A channel to the server, and the address for messages. */
export interface Way extends AsyncDisposable {
  readonly channel: Channel;
  readonly address: string;
}

const maxWaitMs = 86_400_000;

/** Opens the way to the exposer of a name. @throws CommandError where the name cannot be reached */
export async function wayThroughRouter(name: string, options: WayOptions, context: Context): Promise<Way> {
  checkExposedName(name);
  const waitMs = parseDuration(options.wait, "--wait", maxWaitMs);
  const tls =
    options.serverCa === undefined ? undefined : { ca: await readCertificates(options.serverCa, "--server-ca") };
  const access = await RouterAccess.open(options, { graceMs: 0, resumeMs: 0 }, context);
  try {
    const stream = await dialPatiently(name, access, { waitMs, signal: context.signal, resume: false });
    const authority = options.authority ?? "localhost";
    const channel =
      tls === undefined
        ? new Channel({ transport: stream, authority }, limits)
        : new Channel({ connect: () => stream, authority }, { ...limits, authority, tls });
    return {
      channel,
      address: JSON.stringify(name),
      async [Symbol.asyncDispose]() {
        await channel.close({ closeTimeoutMs: 0 });
        await access[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await access[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens the way to an address. @throws CommandError for options that are wrong */
export async function wayToAddress(text: string, options: WayOptions, context: Context): Promise<Way> {
  for (const [flag, value] of Object.entries({
    "--profile": options.profile,
    "--endpoint": options.endpoint,
    "--token-file": options.tokenFile,
    "--identity": options.identity,
    "--peer-key": options.peerKey,
    "--peer-ca": options.peerCa,
    "--server-ca": options.serverCa,
  }))
    if (value !== undefined) throw new CommandError(`${flag} is for calls by --via, which is missing`, ExitCode.usage);
  const address = printEndpoint(text);
  const ofFiles = await clientTls(options, context);
  const isSecure = ofFiles !== undefined || (options.plaintext !== true && !isLocalAddress(parseEndpoint(text)));
  const server = options.authority === undefined ? undefined : serverName(options.authority);
  const tls = isSecure && server !== undefined ? async () => ({ ...(await ofFiles?.()), ...server }) : ofFiles;
  const proxy = givenProxy(options, {});
  const channelOptions: ChannelOptions = {
    ...limits,
    ...(options.plaintext === true && { plaintext: true }),
    ...(tls !== undefined && { tls }),
    ...(options.authority !== undefined && { authority: options.authority }),
    ...(proxy !== undefined && { proxy }),
  };
  const channel = openChannel(address, channelOptions);
  return { channel, address, [Symbol.asyncDispose]: () => channel.close({ closeTimeoutMs: 0 }) };
}

/** Returns the options of TLS by which the server's certificate must be for an authority. */
function serverName(authority: string): ConnectionOptions {
  const host = parseHostPort(authority)?.host ?? authority;
  return { host, servername: isIP(host) === 0 ? host : "" };
}

function openChannel(address: string, options: ChannelOptions): Channel {
  try {
    return new Channel(address, options);
  } catch (error) {
    throw new CommandError(reasonOf(error), ExitCode.usage, { cause: error });
  }
}

/** The largest message in either direction: a person looks at the answers. */
export const maxMessageBytes = 67_108_864;

const limits: ChannelOptions = { maxReceiveMessageBytes: maxMessageBytes, maxSendMessageBytes: maxMessageBytes };
