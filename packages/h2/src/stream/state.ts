/**
 * The life of a stream, as two tables.
 *
 * Three things decide what a stream is and what becomes of it:
 *
 * 1. its state on the wire (RFC 9113 §5.1), which both sides see: idle, open, half-closed on either side, closed. There
 *    is no server
 *    push, so there are no reserved states.
 * 2. whether its user has released it. A stream counts against `maxConcurrentStreams` until it is closed and released,
 *    whatever the peer
 *    resets: this is the defence against rapid reset (CVE-2023-44487). A released stream has no more events.
 * 3. whether its user has given its END_STREAM. It may still be queued behind data that the peer's windows do not let
 *    through, so that the
 *    state on the wire follows later.
 *
 * Events change the first by the table `transitions`. A missing entry is an error of the side that caused the event.
 *
 * The second table, `afterRelease`, is looked at whenever a released stream has changed. Its entries say what keeps the
 * stream: what was given for sending is still delivered (`wait`), a stream that is of no more use is reset
 * (`cancel`, or `stop` where a server has answered in full and wants no more of the request, RFC 9113 §8.1), and a
 * closed one is forgotten (`remove`).
 *
 * The difference between the roles is in one row: a server that has answered waits until its answer is out though the
 * request goes on, while a client that has released a stream wants no answer, so that there is nothing to wait for.
 */

/** The state of a stream on the wire. */
export type StreamState = "idle" | "open" | "halfClosedLocal" | "halfClosedRemote" | "closed";

/** An event that changes the state of a stream. */
export type StreamEvent = "sendHeaders" | "receiveHeaders" | "sendEndStream" | "receiveEndStream" | "reset";

type Transitions = Readonly<Record<StreamState, Readonly<Partial<Record<StreamEvent, StreamState>>>>>;

/** The next state, by state and event. */
export const transitions: Transitions = {
  idle: { sendHeaders: "open", receiveHeaders: "open", reset: "closed" },
  open: { sendEndStream: "halfClosedLocal", receiveEndStream: "halfClosedRemote", reset: "closed" },
  halfClosedLocal: { receiveEndStream: "closed", reset: "closed" },
  halfClosedRemote: { sendEndStream: "closed", reset: "closed" },
  closed: {},
};

/** The fate of a released stream. */
export type Fate = "wait" | "cancel" | "stop" | "remove";

interface ByEnd {
  /** The user has given END_STREAM. */
  readonly given: Fate;
  /** The user has not. */
  readonly open: Fate;
}

/** The fate of a released stream, by role, state and whether its end was given. */
export const afterRelease: Readonly<Record<"client" | "server", Readonly<Record<StreamState, ByEnd>>>> = {
  client: {
    idle: { given: "cancel", open: "cancel" },
    open: { given: "cancel", open: "cancel" },
    halfClosedLocal: { given: "cancel", open: "cancel" },
    halfClosedRemote: { given: "wait", open: "cancel" },
    closed: { given: "remove", open: "remove" },
  },
  server: {
    idle: { given: "cancel", open: "cancel" },
    open: { given: "wait", open: "cancel" },
    halfClosedLocal: { given: "stop", open: "cancel" },
    halfClosedRemote: { given: "wait", open: "cancel" },
    closed: { given: "remove", open: "remove" },
  },
};

/** Returns the state after the event, or undefined where the event must not happen. */
export function nextState(state: StreamState, event: StreamEvent): StreamState | undefined {
  return transitions[state][event];
}
