/**
 * An HTTP answer to a gRPC request that is not gRPC's, for example a proxy's error page. Its text says what is wrong,
 * so the error of the call holds the beginning of it (grpc-go#7406).
 */
import { decodeUtf8 } from "#platform";
import { GrpcError } from "./errors.js";
import { Status } from "./status.js";

/** The number of characters of the text that the error holds. Longer texts are pages, which say the same at length. */
const maxTextCharacters = 1_000;
/** The number of bytes that are kept for that: a character of UTF-8 has at most four. */
const maxTextBytes = 4 * maxTextCharacters;

/** The table of gRPC's document: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md. */
const statusOfHttp: Readonly<Record<string, Exclude<Status, 0>>> = {
  "400": Status.INTERNAL,
  "401": Status.UNAUTHENTICATED,
  "403": Status.PERMISSION_DENIED,
  "404": Status.UNIMPLEMENTED,
  "429": Status.UNAVAILABLE,
  "502": Status.UNAVAILABLE,
  "503": Status.UNAVAILABLE,
  "504": Status.UNAVAILABLE,
};

/** The answer of a server or proxy that did not speak gRPC. It is the `cause` of the `GrpcError` of the call. */
export class HttpAnswerError extends Error {
  override name = "HttpAnswerError";
  /** The HTTP status, for example 502. */
  readonly httpStatus: number;
  /** The `content-type` of the answer, if it had one. */
  readonly contentType: string | undefined;
  /** The first 1,000 characters of the answer's text; empty if there was none, or if it was compressed. */
  readonly text: string;

  constructor(message: string, answer: { httpStatus: number; contentType: string | undefined; text: string }) {
    super(message);
    this.httpStatus = answer.httpStatus;
    this.contentType = answer.contentType;
    this.text = answer.text;
  }
}

/** Collects the text of such an answer and makes the error of the call. */
export class HttpAnswer {
  readonly #httpStatus: string;
  readonly #contentType: string | undefined;
  readonly #readable: boolean;
  readonly #text: Uint8Array[] = [];
  #bytes = 0;

  /** @param contentEncoding the `content-encoding` of the answer: a compressed text is not read */
  constructor(httpStatus: string, contentType: string | undefined, contentEncoding?: string) {
    this.#httpStatus = httpStatus;
    this.#contentType = contentType;
    this.#readable = contentEncoding === undefined || contentEncoding === "identity";
  }

  /** Takes a part of the text. @returns true if no more is needed */
  push(data: Uint8Array): boolean {
    const part = data.slice(0, maxTextBytes - this.#bytes);
    this.#text.push(part);
    this.#bytes += part.length;
    return this.complete;
  }

  /** True once the rest of the text would not be used. */
  get complete(): boolean {
    return !this.#readable || this.#bytes >= maxTextBytes;
  }

  /** Returns the error that the call ends with. */
  error(): GrpcError {
    const text = this.#textSoFar();
    const contentType = this.#contentType;
    const what = contentType === undefined ? "no content-type" : `content-type ${JSON.stringify(contentType)}`;
    const isPlainError = this.#httpStatus !== "200";
    const said = isPlainError
      ? `the server answered with HTTP status ${this.#httpStatus}${contentType === undefined ? "" : ` and ${what}`}`
      : `the server's answer is not gRPC: ${what}`;
    const message = text === "" ? said : `${said}: ${JSON.stringify(text)}`;
    const status = isPlainError ? (statusOfHttp[this.#httpStatus] ?? Status.UNKNOWN) : Status.UNKNOWN;
    const httpStatus = Number(this.#httpStatus);
    return new GrpcError(status, message, { cause: new HttpAnswerError(said, { httpStatus, contentType, text }) });
  }

  #textSoFar(): string {
    if (!this.#readable) return "";
    const bytes = new Uint8Array(this.#bytes);
    let offset = 0;
    for (const part of this.#text) {
      bytes.set(part, offset);
      offset += part.length;
    }
    const characters = [...decodeUtf8(bytes)];
    return characters.length > maxTextCharacters
      ? `${characters.slice(0, maxTextCharacters).join("")}…`
      : characters.join("");
  }
}
