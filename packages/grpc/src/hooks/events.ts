/** The objects that hooks are given. Metadata is copied when a hook first reads it, since most hooks read none. */
import type { Metadata } from "@trunkline/metadata";
import type { AttributeKey } from "@trunkline/streams";
import type { Deadline } from "../contract/deadline.js";
import { Status } from "../wire/status.js";
import { type Detail, noDetails, type PackedDetails } from "../wire/status-details.js";
import type { CallAttempt, CallMetadata, CallRequest, CallStatus } from "./interceptor.js";

/** Metadata on its way through the hooks. */
export class MetadataEvent implements CallMetadata {
  readonly #given: () => Metadata;
  /** The copy that hooks have read or replaced; undefined if no hook has read the metadata. */
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

/** An attempt on its way through the hooks. */
export class AttemptEvent extends MetadataEvent implements CallAttempt {
  readonly previousAttempts: number;
  readonly transparent: boolean;

  constructor(given: () => Metadata, previousAttempts: number, transparent: boolean) {
    super(given);
    this.previousAttempts = previousAttempts;
    this.transparent = transparent;
  }
}

/** A request on its way through the hooks. */
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

/** A status on its way through the hooks. */
export class StatusEvent extends MetadataEvent implements CallStatus {
  status: Status;
  message: string;
  readonly #given: GivenStatus | undefined;
  #details: readonly Detail[] | undefined = undefined;

  /** @param given the status on its way; undefined stands for OK */
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

  /** True if no hook has changed anything. */
  get untouched(): boolean {
    const { status, message } = this.#given ?? { status: Status.OK, message: "" };
    return (
      this.status === status && this.message === message && this.changed === undefined && this.#details === undefined
    );
  }
}
