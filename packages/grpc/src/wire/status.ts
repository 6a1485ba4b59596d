/** The seventeen status codes of gRPC, by name. */
export const Status = {
  /** The call succeeded. */
  OK: 0,
  /** The call was cancelled, typically by its caller. */
  CANCELLED: 1,
  /** The call failed for a reason that is not known. */
  UNKNOWN: 2,
  /** The request is wrong whatever the state of the system. */
  INVALID_ARGUMENT: 3,
  /** The deadline passed before the call had ended. */
  DEADLINE_EXCEEDED: 4,
  /** The requested thing does not exist. */
  NOT_FOUND: 5,
  /** The thing that was to be made exists already. */
  ALREADY_EXISTS: 6,
  /** The caller is known and may not do this. */
  PERMISSION_DENIED: 7,
  /** A quota, a size limit or space is used up. */
  RESOURCE_EXHAUSTED: 8,
  /** The system is not in the state that the call needs. */
  FAILED_PRECONDITION: 9,
  /** The operation was aborted, typically because of a concurrent one. */
  ABORTED: 10,
  /** The operation went past the valid range, for example beyond the end of a file. */
  OUT_OF_RANGE: 11,
  /** The server does not implement the method, or the requested option of it. */
  UNIMPLEMENTED: 12,
  /** An invariant of the server was broken, or a message or the protocol was malformed. */
  INTERNAL: 13,
  /** The service, or the connection to it, is not available at present. */
  UNAVAILABLE: 14,
  /** Data is lost or corrupted and cannot be recovered. */
  DATA_LOSS: 15,
  /** The caller is not known. */
  UNAUTHENTICATED: 16,
} as const;

/** One of the status codes of gRPC, as a number. */
export type Status = (typeof Status)[keyof typeof Status];

/** The stable word for a status, for example `"NOT_FOUND"`. */
export type StatusName = keyof typeof Status;

const names = Object.keys(Status) as StatusName[];

/** Returns the word for a status: `statusName(5)` is `"NOT_FOUND"`. */
export function statusName(status: Status): StatusName {
  return names[status] as StatusName;
}

/** Returns true for a whole number from 0 to 16. */
export function isStatus(value: number): value is Status {
  return names[value] !== undefined;
}
