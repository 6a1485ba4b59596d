/** What the server has said about a call in header sections, and what it means. Metadata is made of it when somebody looks. */
import type { HeaderField } from "@trunkline/h2";
import type { Metadata } from "@trunkline/metadata";
import type { GrpcError } from "../wire/errors.js";
import { isGrpcContentType, isGrpcJsonContentType, metadataOf, readResponse } from "../wire/headers.js";
import { errorOfHttp, errorOfTrailers } from "../wire/wire-status.js";

export class Answer {
  readonly #json: boolean;
  #initialFields: readonly HeaderField[] | undefined = undefined;
  #trailingFields: readonly HeaderField[] | undefined = undefined;
  #initialMetadata: Metadata | undefined = undefined;
  #trailingMetadata: Metadata | undefined = undefined;
  /** `grpc-encoding` of its messages. */
  encoding: string | undefined = undefined;

  /** `json`: the messages are expected in the JSON form of protobuf. */
  constructor(json: boolean) {
    this.#json = json;
  }

  #isGrpc(contentType: string | undefined): boolean {
    return isGrpcContentType(contentType) || (this.#json && isGrpcJsonContentType(contentType));
  }

  /** Anything has come. */
  get begun(): boolean {
    return this.#initialFields !== undefined || this.#trailingFields !== undefined;
  }

  get initialMetadata(): Metadata | undefined {
    if (this.#initialFields === undefined) return undefined;
    this.#initialMetadata ??= metadataOf(this.#initialFields);
    return this.#initialMetadata;
  }

  /** As interceptors have changed it. */
  set initialMetadata(metadata: Metadata) {
    this.#initialMetadata = metadata;
  }

  get trailingMetadata(): Metadata | undefined {
    if (this.#trailingFields === undefined) return undefined;
    this.#trailingMetadata ??= metadataOf(this.#trailingFields);
    return this.#trailingMetadata;
  }

  /** As interceptors have changed it. */
  set trailingMetadata(metadata: Metadata) {
    this.#trailingMetadata = metadata;
  }

  /** Response headers that messages follow. @returns why they are not gRPC's */
  readInitial(fields: readonly HeaderField[]): GrpcError | undefined {
    const { httpStatus, contentType, encoding } = readResponse(fields);
    if (httpStatus !== "200" || !this.#isGrpc(contentType)) return errorOfHttp(httpStatus, contentType);
    this.encoding = encoding;
    this.#initialFields = fields;
    return undefined;
  }

  /** Response headers that are the trailers too. @returns how the call has failed */
  readTrailersOnly(fields: readonly HeaderField[]): GrpcError | undefined {
    const { httpStatus, contentType } = readResponse(fields);
    const isGrpc = httpStatus === "200" && this.#isGrpc(contentType);
    if (!isGrpc && !fields.some(({ name }) => name === "grpc-status")) return errorOfHttp(httpStatus, contentType);
    return this.readTrailers(fields);
  }

  /** @returns how the call has failed */
  readTrailers(fields: readonly HeaderField[]): GrpcError | undefined {
    this.#trailingFields = fields;
    return errorOfTrailers(fields, () => metadataOf(fields));
  }
}
