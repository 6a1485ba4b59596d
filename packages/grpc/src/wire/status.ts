/** The seventeen status codes of gRPC, by name. */
export const Status = {
  /** Not an error. */
  OK: 0,
  /** The call was cancelled, typically by its caller. */
  CANCELLED: 1,
  /** An error that nothing more is known about. */
  UNKNOWN: 2,
  /** The request is wrong whatever the state of the system. */
  INVALID_ARGUMENT: 3,
  /** The deadline passed before the call had ended. */
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  /** The caller is known and may not do this. */
  PERMISSION_DENIED: 7,
  /** A quota, a size limit or space is used up. */
  RESOURCE_EXHAUSTED: 8,
  /** The system is not in the state that the call needs. */
  FAILED_PRECONDITION: 9,
  /** The operation was given up, typically because of a concurrent one. */
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  /** The method, or what it was asked for, does not exist here. */
  UNIMPLEMENTED: 12,
  /** Something that must hold did not; also a broken message or protocol. */
  INTERNAL: 13,
  /** The service, or the way to it, is not there now. */
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  /** The caller is not known. */
  UNAUTHENTICATED: 16,
} as const;

export type Status = (typeof Status)[keyof typeof Status];

/** `"NOT_FOUND"`, the stable word for a status. */
export type StatusName = keyof typeof Status;

const names = Object.keys(Status) as StatusName[];

export function statusName(status: Status): StatusName {
  return names[status] as StatusName;
}

/** True for a whole number from 0 to 16. */
export function isStatus(value: number): value is Status {
  return names[value] !== undefined;
}
