/** Servers with TLS for tests, ours and Node's own, and what a client of ours finds there. */
import type { Socket } from "node:net";
import tls from "node:tls";
import { expect } from "vitest";
import {
  createSocketServer,
  HttpConnection,
  type HttpHandler,
  type SocketServer,
  type SocketTarget,
  type TransportError,
} from "../../src/node/index.js";
import { authority, certificateOf } from "./certificates.js";
import { request } from "./endpoint.js";
import { Cleanup, listen } from "./sockets.js";

/** Closes everything that these functions open; to be run after each test. */
export const cleanup: Cleanup = new Cleanup();

export const echo: HttpHandler = async (stream) => {
  stream.sendHeaders([{ name: ":status", value: "200" }]);
  for await (const chunk of stream) await stream.send(chunk);
  stream.sendHeaders([], true);
};

/** Old versions and suites are beyond what OpenSSL takes by default. */
export const anyCipher = "ALL:@SECLEVEL=0";

export interface SecureServer {
  readonly server: SocketServer;
  readonly target: SocketTarget;
  /** Sockets that were given out. */
  readonly accepted: Socket[];
  /** The next refusal. */
  refused(): Promise<TransportError>;
}

export async function secureServer(options: tls.TlsOptions = {}): Promise<SecureServer> {
  const accepted: Socket[] = [];
  const refusals: TransportError[] = [];
  const waiting: ((error: TransportError) => void)[] = [];
  const onRefused = (error: TransportError): void => {
    const tell = waiting.shift();
    if (tell === undefined) refusals.push(error);
    else tell(error);
  };
  const server = createSocketServer({ tls: { ...certificateOf("server"), ...options }, onRefused }, (socket) => {
    accepted.push(socket);
    HttpConnection.accept(socket, echo);
  });
  return {
    server,
    accepted,
    target: await listen(server, "tcp", cleanup),
    refused: async () => refusals.shift() ?? (await new Promise<TransportError>((resolve) => waiting.push(resolve))),
  };
}

/**
 * A server of Node's own, which takes what ours would not. It does nothing with the sockets that it gets but what
 * `then` says.
 */
export async function foreignServer(
  options: tls.TlsOptions,
  then: (raw: Socket) => void = () => {},
): Promise<SocketTarget> {
  const raw: Socket[] = [];
  const server = tls.createServer({ ...certificateOf("server"), ALPNProtocols: ["h2"], ...options }, (socket) => {
    socket.on("error", () => {});
    for (const one of raw) then(one);
  });
  server.on("connection", (socket: Socket) => raw.push(socket));
  server.on("tlsClientError", () => {});
  return await listen(server, "tcp", cleanup);
}

export const trusting = { ca: authority };

export async function failureOf(connecting: Promise<unknown>): Promise<TransportError> {
  return await connecting.then(
    () => {
      throw new Error("it connected");
    },
    (error) => error,
  );
}

export async function roundTrip(socket: Socket): Promise<void> {
  const client = HttpConnection.connect(socket);
  cleanup.add(() => client.driver.destroy());
  const stream = await client.request(request);
  await stream.send(Buffer.from("hello"), true);
  expect(Buffer.from(await stream.body()).toString()).toBe("hello");
  stream.release();
}

/** Returns the message with which the connection of a client ends that the server refuses after the handshake. */
export async function endOf(socket: Socket): Promise<string> {
  const client = HttpConnection.connect(socket);
  cleanup.add(() => client.driver.destroy());
  const failed = await client
    .request(request, true)
    .then((stream) => stream.headers())
    .catch((error) => error);
  await client.driver.done;
  expect(failed).toBeInstanceOf(Error);
  return client.error?.message ?? "";
}
