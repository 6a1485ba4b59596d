/** A server that answers calls by header sections and frames of the test's choice, and a client of it. */
import type { HeaderField, Http2Stream } from "@trunkline/h2";
import { afterEach, beforeEach } from "vitest";
import { type Client, createClient, type GrpcError } from "../../../src/index.js";
import { Echo } from "../../gen/echo_pb.js";
import { framed, RawServer, rejection } from "../../support.js";

/** The server and the client of the test that runs. */
export let server: RawServer;
export let client: Client<typeof Echo>;

/** Gives each test of a file a server and a client of its own. */
export function useRawServer(): void {
  beforeEach(() => {
    server = new RawServer();
    client = createClient(Echo, server.channel);
  });
  afterEach(() => server.close());
}

export type Fields = Readonly<Record<string, string>>;

/** Returns header fields with the names and values of an object. */
export function fieldsOf(fields: Fields): HeaderField[] {
  return Object.entries(fields).map(([name, value]) => ({ name, value }));
}

export const end = { endStream: true };
export const more = { endStream: false };
/** The message `EchoReply { text: "hi" }`. */
export const hi: Uint8Array = framed(Uint8Array.of(0x0a, 2, 0x68, 0x69));

/** Answers each call by `write`, and is done with its stream then. */
export function answer(write: (stream: Http2Stream) => void): void {
  server.onWhole = ({ stream }) => {
    write(stream);
    stream.release();
  };
}

/** Returns the error of a unary call that is answered by a header section alone. */
export function headersOnly(fields: Fields): Promise<GrpcError> {
  answer((stream) => stream.sendHeaders(fieldsOf(fields), end));
  return rejection(client.say({}));
}
