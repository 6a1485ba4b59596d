/** What hooks are given. Metadata is copied when a hook first looks at it: most look at none. */
import type { Metadata } from "@trunkline/metadata";
import type { AttributeKey } from "@trunkline/streams";
import type { Deadline } from "../deadline.js";
import type { CallMetadata, CallRequest, CallStatus } from "../interceptor.js";
import type { Status } from "../status.js";

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

  constructor(given: () => Metadata, deadline: Deadline | undefined, provide: <T>(key: AttributeKey<T>, value: T) => void) {
    super(given);
    this.deadline = deadline;
    this.#provide = provide;
  }

  provide<T>(key: AttributeKey<T>, value: T): void {
    this.#provide(key, value);
  }
}

export class StatusEvent extends MetadataEvent implements CallStatus {
  status: Status;
  message: string;

  constructor(given: () => Metadata, status: Status, message: string) {
    super(given);
    this.status = status;
    this.message = message;
  }
}
