/**
 * The end of a connection by GOAWAY (RFC 9113 §6.8), sent and received. A server closes gracefully in two steps, so
 * that no request which crosses the first one is lost: the first names no stream; the second, a round trip later, names
 * the last one that will be served.
 */
import { ErrorCode, errorCodeName } from "../error-code.js";
import { connectionError, H2Error } from "../errors.js";
import type { GoAwayFrame } from "../frame/go-away.js";
import { max31Bit } from "../frame/types.js";
import type { Output } from "./output.js";
import type { Pings } from "./pings.js";

export class GoAway {
  readonly #output: Output;
  readonly #pings: Pings;
  /** The last stream that our GOAWAY promised to serve; undefined before we sent one. */
  sentLastStreamId: number | undefined = undefined;
  /** The last GOAWAY of the peer. */
  received: GoAwayFrame | undefined = undefined;
  /** The error that the peer ends the connection with; undefined where it says that nothing is wrong. */
  error: H2Error | undefined = undefined;
  /** The PING whose answer begins the second step, and when it was sent. */
  #pingId: number | undefined = undefined;
  #announcedAt = 0;

  constructor(output: Output, pings: Pings) {
    this.#output = output;
    this.#pings = pings;
  }

  get sent(): boolean {
    return this.sentLastStreamId !== undefined;
  }

  /** True between the two steps: streams that the peer opens now are still served. */
  get betweenSteps(): boolean {
    return this.#pingId !== undefined;
  }

  /** The time of the first step, as long as the second is to come. */
  get announcedAt(): number | undefined {
    return this.betweenSteps ? this.#announcedAt : undefined;
  }

  /** Takes the first step of a graceful shutdown of a server. */
  announce(now: number, debug?: string): void {
    if (this.sent) return;
    this.sentLastStreamId = max31Bit;
    this.#output.goAway(max31Bit, ErrorCode.NO_ERROR, debug);
    this.#pingId = this.#pings.send(now, true);
    this.#announcedAt = now;
  }

  /** Returns whether the answer to PING `pingId` begins the second step. */
  waitsFor(pingId: number): boolean {
    return pingId === this.#pingId;
  }

  /** Sends the second GOAWAY of a graceful shutdown, or the only one of a client or of an error. */
  send(lastStreamId: number, errorCode: ErrorCode, debug?: string): void {
    this.#pingId = undefined;
    // §6.8: what a GOAWAY promised not to serve, a later one does not promise to.
    this.sentLastStreamId = Math.min(lastStreamId, this.sentLastStreamId ?? lastStreamId);
    this.#output.goAway(this.sentLastStreamId, errorCode, debug);
  }

  /** @throws H2Error where a later GOAWAY names a higher stream, which §6.8 forbids. */
  receive(frame: GoAwayFrame): void {
    if (this.received !== undefined && frame.lastStreamId > this.received.lastStreamId) {
      throw connectionError(
        ErrorCode.PROTOCOL_ERROR,
        `GOAWAY names stream ${frame.lastStreamId} after an earlier one named ${this.received.lastStreamId}`,
      );
    }
    this.received = { ...frame, debugData: frame.debugData.slice() };
    const { errorCode } = frame;
    if (errorCode !== ErrorCode.NO_ERROR) {
      this.error = new H2Error(
        `the peer ended the connection with ${errorCodeName(errorCode)}${quoted(frame.debugData)}`,
        { errorCode },
      );
    }
  }
}

/** The number of octets of debug data that are shown, each as it is where it is printable. */
const maxShownOctets = 256;

function quoted(debugData: Uint8Array): string {
  if (debugData.length === 0) return "";
  let text = "";
  for (const octet of debugData.subarray(0, maxShownOctets))
    text += octet >= 0x20 && octet < 0x7f ? String.fromCharCode(octet) : "?";
  return `: "${text}"`;
}
