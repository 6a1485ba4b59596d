/** Bodies of `fetch`: that of a response as a stream, and a stream as that of a request. */
import { checkOptionNames } from "@trunkline/base";
import { type AttributeKey, totalBytes } from "../contract/attributes.js";
import { BrokenStreamError } from "../contract/errors.js";
import type { ReceiveStream } from "../contract/stream.js";
import { receiveStream } from "../endpoints/receive-stream.js";
import { streamFromReadable, type WebOptions, webOptionNames } from "./from-web.js";
import { toReadable } from "./to-web.js";

/**
 * Makes a stream of bytes of the body of a response, or of a request that a server received. The attribute `totalBytes`
 * is its `content-length`, if it has one and the body is not encoded; a body of any other length is a
 * `BrokenStreamError` with code `CONTENT_LENGTH_MISMATCH`, never an end. A response without a body ends at once. The
 * caller checks its status.
 * @throws TypeError if the body has been used
 */
export function streamFromResponse(message: Response | Request, options: WebOptions = {}): ReceiveStream<Uint8Array> {
  checkOptionNames("streamFromResponse", options, webOptionNames);
  if (message.bodyUsed) throw new TypeError("the body of this message has been used already");
  const expected = message.body === null ? undefined : contentLength(message.headers);
  const attributes = new Map<AttributeKey<unknown>, unknown>(options.attributes);
  if (expected !== undefined) attributes.set(totalBytes, expected);
  if (message.body === null) return receiveStream<Uint8Array>({ pull: () => Promise.resolve(undefined), attributes });
  const body = streamFromReadable<Uint8Array>(message.body, { ...options, attributes });
  return expected === undefined ? body : exactly(body, expected);
}

/**
 * Returns the options that make a stream the body of a `fetch`:
 * `fetch(url, { method: "POST", ...requestBody(stream) })`. A stream that is aborted fails the request. `fetch` cannot
 * follow a redirect that needs the body a second time. Browsers send such a body over HTTP/2 and HTTP/3 only: over
 * HTTP/1.1 the request fails with a TypeError.
 */
export function requestBody(stream: ReceiveStream<Uint8Array>): { body: ReadableStream<Uint8Array>; duplex: "half" } {
  return { body: toReadable(stream), duplex: "half" };
}

function contentLength(headers: Headers): number | undefined {
  // With a content-encoding the length counts the encoded bytes, which `fetch` has decoded.
  const encoding = headers.get("content-encoding");
  const text = headers.get("content-length");
  if (text === null || !/^\d{1,15}$/.test(text) || (encoding !== null && encoding !== "identity")) return undefined;
  return Number(text);
}

/** Makes a stream whose end counts only after exactly `expected` bytes. */
function exactly(inner: ReceiveStream<Uint8Array>, expected: number): ReceiveStream<Uint8Array> {
  let received = 0;
  const mismatch = (what: string): BrokenStreamError =>
    new BrokenStreamError(`the body ${what} ${received} bytes, but its content-length is ${expected}`, {
      code: "CONTENT_LENGTH_MISMATCH",
    });
  return receiveStream<Uint8Array>({
    async pull() {
      const chunk = await inner.receive();
      if (chunk === undefined) {
        if (received === expected) return undefined;
        throw mismatch("ended after");
      }
      received += chunk.byteLength;
      if (received <= expected) return chunk;
      const error = mismatch("has at least");
      inner.abort(error);
      throw error;
    },
    cancel: (reason) => inner.abort(reason),
    attributes: inner.extraAttributes,
  });
}
