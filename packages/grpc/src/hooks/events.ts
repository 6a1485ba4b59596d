/** What hooks are given. Metadata is copied when a hook first looks at it: most look at none. */
import type { Metadata } from "@trunkline/metadata";
import type { AttributeKey } from "@trunkline/streams";
import type { Deadline } from "../contract/deadline.js";
import { Status } from "../wire/status.js";
import { type Detail, noDetails, type PackedDetails } from "../wire/status-details.js";
import type { CallMetadata, CallRequest, CallStatus } from "./interceptor.js";

export class MetadataEvent implements CallMetadata {
  readonly #given: () => Metadata;
  /** What is to be used in place of what was given; undefined where no hook has looked. */
  changed: Metadata | undefined = undefined;

  constructor(given: () => Metadata) {
    this.#given = given;
  }

  get metadata(): Metadata {
    this.changed ??= this.#given().clone();
    return this.changed;
  }

  set metadata(metadata: Metadata) {
    this.changed = metadata;
  }
}

export class RequestEvent extends MetadataEvent implements CallRequest {
  deadline: Deadline | undefined;
  readonly #provide: <T>(key: AttributeKey<T>, value: T) => void;

  constructor(
    given: () => Metadata,
    deadline: Deadline | undefined,
    provide: <T>(key: AttributeKey<T>, value: T) => void,
  ) {
    super(given);
    this.deadline = deadline;
    this.#provide = provide;
  }

  provide<T>(key: AttributeKey<T>, value: T): void {
    this.#provide(key, value);
  }
}

interface GivenStatus {
  readonly status: Status;
  readonly message: string;
  readonly details: PackedDetails;
}

export class StatusEvent extends MetadataEvent implements CallStatus {
  status: Status;
  message: string;
  readonly #given: GivenStatus | undefined;
  #details: readonly Detail[] | undefined = undefined;

  /** `given`: OK where there is none. */
  constructor(metadata: () => Metadata, given: GivenStatus | undefined) {
    super(metadata);
    this.#given = given;
    this.status = given?.status ?? Status.OK;
    this.message = given?.message ?? "";
  }

  get details(): readonly Detail[] {
    return this.#details ?? this.#given?.details ?? noDetails;
  }

  set details(details: readonly Detail[]) {
    this.#details = details;
  }

  /** Whether it is still what was given. */
  get untouched(): boolean {
    const { status, message } = this.#given ?? { status: Status.OK, message: "" };
    return (
      this.status === status && this.message === message && this.changed === undefined && this.#details === undefined
    );
  }
}
