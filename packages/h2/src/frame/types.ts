/** Frame types and flags (RFC 9113 §6). */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;

export const Flag = {
  /** A flag of DATA and HEADERS. */
  END_STREAM: 0x1,
  /** A flag of SETTINGS and PING. */
  ACK: 0x1,
  /** A flag of HEADERS, CONTINUATION and PUSH_PROMISE. */
  END_HEADERS: 0x4,
  /** A flag of DATA, HEADERS and PUSH_PROMISE. */
  PADDED: 0x8,
  /** A flag of HEADERS. */
  PRIORITY: 0x20,
} as const;

/** Largest window, stream identifier and increment: 31 bits. */
export const max31Bit: number = 2 ** 31 - 1;
