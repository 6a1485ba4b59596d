/**
 * A session: one stream as its two users see it, carried by one attachment after the other. This is what each peer
 * knows, decides and says. It has no clock, no calls and no promises: its owner tells it what has happened, and asks
 * what to do and what to write.
 *
 * Both directions are the same. The sender numbers its records from 0 and keeps each until the other side has
 * acknowledged it. The receiver takes the record that it lacks and skips those that it has. What one of them knows of
 * the other is never more than this: all before a number has arrived. So it does not matter which attachment a record
 * came by, how often it was sent, or what became of the router between them.
 *
 * An attachment goes through these phases. A frame that the table does not name breaks the attachment, which costs
 * another attempt and never a byte; on an old one it is ignored.
 *
 * | phase    | this side                                   | what it understands                                   |
 * |----------|---------------------------------------------|-------------------------------------------------------|
 * | asked    | has asked the exchange for the way          | the call is open                                      |
 * | open     | has an open call and has said nothing       | both halves are joined: it says hello                 |
 * | greeting | has said hello                              | hello of the other side: the attachment is live       |
 * | live     | has heard the other side's hello            | start, records, acknowledgements, PING, drain         |
 * | old      | has said hello on a newer attachment        | nothing but an abort                                  |
 *
 * Why the bytes are safe, whatever routers do:
 * - *Fence.* A hello says how many records have arrived. From then on nothing may arrive by an older attachment, or the
 *   other side would send it twice or drop it too early. So saying hello makes all older attachments old.
 * - *Order.* A hello counts only if its number is above all that the other side has shown before. An old call that a
 *   router joins late, or an echo, breaks its attachment and changes nothing.
 * - *Proof.* A hello carries the checksum over all records that have arrived. Where it is not that of what was sent, or
 *   where the other side lacks what it had acknowledged, it has lost its memory or is another peer: the session ends
 *   with an error (`unresumable`), since going on would join the halves of two different streams.
 *
 * The first attachment of a peer needs none of this: it has sent nothing before, so its hello and its first records,
 * which begin at 0 without a start, go out before the other side is there. That saves the round trip on every stream
 * that never needs to resume.
 */
import { Fifo, reasonText } from "@trunkline/base";
import { GrpcError, Status } from "@trunkline/grpc";
import type { Ping } from "../gen/trunkline/v1/frames_pb.js";
import { encodeFrame, type Frame, RouterFrameType } from "../stream/frame.js";
import { decodeAbort, decodePing, encodeAbort, encodePing, peerAbort } from "../stream/payloads.js";
import {
  type Ack,
  AttachmentError,
  decodeAck,
  decodeHello,
  decodeStart,
  encodeAck,
  encodeHello,
  encodeStart,
} from "./frames.js";
import { firstWindowBytes, type ReceiveWindow } from "./receive-window.js";
import { costOf, RecordCount } from "./records.js";
import { ReplayBuffer } from "./replay-buffer.js";

/** The properties of a session that never change. */
export interface SessionOptions {
  /** The name of the session, which both sides say in their hello. */
  readonly name: string;
  /** True at the side that has dialled. */
  readonly dialler: boolean;
  /** The bytes of unacknowledged records that are kept; a sender waits beyond it. */
  readonly maxReplayBytes: number;
  readonly window: ReceiveWindow;
}

/** The end of an attachment. */
export type AttachmentEnd =
  /** The call ended with OK. It is in order only where this side had ended its half. */
  | { readonly kind: "ok" }
  /** The call broke, could not be made, or its end says nothing about the session. */
  | { readonly kind: "cut"; readonly cause: Error }
  /** The other side has left the session, with this status (0: both directions were complete) and message. */
  | { readonly kind: "unknown"; readonly status: number; readonly message: string }
  /** A later attempt of this role has taken the place. */
  | { readonly kind: "superseded"; readonly byAttempt: number; readonly cause: Error }
  /** The policy does not allow the session, or the ticket is good no more. */
  | { readonly kind: "denied"; readonly cause: GrpcError };

type Phase = "asked" | "open" | "greeting" | "live" | "old";

type Input = "hello" | "start" | "record" | "ack" | "ping" | "abort" | "drain" | "other";

/** An attachment, as this side sees it. */
interface Attachment {
  readonly attempt: number;
  phase: Phase;
  /** True once the hello was written. */
  helloWritten: boolean;
  /**
   * True once the start was written, or where none is needed; `next` and `nextCost` are the number and the place of the
   * next record then.
   */
  startWritten: boolean;
  next: number;
  nextCost: number;
  /** The number of the record that comes next, once that is known: by a start, or by the hello of a first attempt. */
  expected: number | undefined;
  /** A PING that has to be answered. */
  question: Ping | undefined;
  /** A PING that has to be asked. */
  ask: bigint | undefined;
  abortWritten: boolean;
  halfClosed: boolean;
}

/** The end of a session for its user. */
export interface Outcome {
  /** The error; undefined where both directions were complete. */
  readonly error: Error | undefined;
}

const inputs: Readonly<Record<number, Input>> = {
  [RouterFrameType.SETTINGS]: "hello",
  [RouterFrameType.CONTINUATION]: "start",
  [RouterFrameType.DATA]: "record",
  [RouterFrameType.HEADERS]: "record",
  [RouterFrameType.GOAWAY]: "record",
  [RouterFrameType.WINDOW_UPDATE]: "ack",
  [RouterFrameType.PING]: "ping",
  [RouterFrameType.RST_STREAM]: "abort",
  [RouterFrameType.ALTSVC]: "drain",
};

type Step = (session: Session, attachment: Attachment, frame: Frame) => void;

const ends: Step = (session, _, { payload }) => session.onAbort(payload);
const ignores: Step = () => {};

/** The table: what a frame does in each phase. */
const steps: Readonly<Record<Phase, Partial<Record<Input, Step>>>> = {
  asked: {},
  open: { drain: ignores, abort: ends, other: ignores },
  greeting: {
    hello: (session, attachment, frame) => session.onHello(attachment, frame),
    abort: ends,
    drain: ignores,
    other: ignores,
  },
  live: {
    start: (session, attachment, frame) => session.onStart(attachment, frame),
    record: (session, attachment, frame) => session.onRecord(attachment, frame),
    ack: (session, _, frame) => session.onAck(frame),
    ping: (session, attachment, frame) => session.onPing(attachment, frame),
    drain: (session) => session.onDrain(),
    abort: ends,
    other: ignores,
  },
  old: { abort: ends },
};

/** The state of one side of a session. */
export class Session {
  readonly name: string;
  readonly dialler: boolean;
  readonly replay: ReplayBuffer = new ReplayBuffer();
  /** The count over all records that have arrived. */
  readonly received: RecordCount = new RecordCount();
  /** The records that have arrived and were not read, with the end of the session behind them. */
  readonly unread: Fifo<Frame> = new Fifo();
  readonly window: ReceiveWindow;
  /** The end for the user, once there is one. */
  outcome: Outcome | undefined;
  /** True once the other side has said hello for the first time. */
  met = false;
  /** True while the router of the live attachment has asked to move. */
  moving = false;
  /** The error by which the last attachment broke. */
  lastCause: Error | undefined;
  readonly #maxReplayBytes: number;
  readonly #attachments: Map<number, Attachment> = new Map();
  #attempts = 0;
  /** The highest number of an attachment that the other side has shown. */
  #shown = 0;
  /** The cost of records that the other side takes in all. */
  #credit: number;
  /** The size of the other side's replay buffer. */
  #otherReplayBytes = Number.POSITIVE_INFINITY;
  /** The count and the credit that the other side was told last. */
  #told = { records: 0, cost: 0, credit: 0 };
  #ackDue = false;
  /** The number of records up to the own end and including it, once that was sent. */
  #ownEnd: number | undefined;
  #otherEnded = false;
  /** The error that the other side has to be told. */
  #abort: GrpcError | undefined;
  /** True once nothing is left to say or to hear. */
  #over = false;

  constructor({ name, dialler, maxReplayBytes, window }: SessionOptions) {
    this.name = name;
    this.dialler = dialler;
    this.window = window;
    this.#maxReplayBytes = maxReplayBytes;
    this.#credit = firstWindowBytes; // the same at both sides, so that the first records need not wait for a hello
    this.#told.credit = window.credit;
  }

  /** The number of attempts so far. */
  get attempts(): number {
    return this.#attempts;
  }

  /** True while an attachment is live. */
  get isAttached(): boolean {
    return this.#live !== undefined;
  }

  /** The number of the live attachment. */
  get liveAttempt(): number | undefined {
    return this.#live?.attempt;
  }

  /** True once both directions are complete: each side has all of the other one's records. */
  get isComplete(): boolean {
    return this.#otherEnded && this.endAcknowledged;
  }

  /** True once the other side has this side's end and all before it. */
  get endAcknowledged(): boolean {
    return this.#ownEnd !== undefined && this.replay.acknowledged >= this.#ownEnd;
  }

  /** True once the session can be forgotten. */
  get isOver(): boolean {
    return this.#over;
  }

  /** True where another attempt has to be made: nothing carries the session, or it has to move. */
  get wantsAttempt(): boolean {
    if (this.#over || this.#abort !== undefined || (this.outcome !== undefined && !this.isComplete)) return false;
    const fresh = [...this.#attachments.values()].filter(({ phase }) => phase !== "old");
    return this.moving ? !fresh.some(({ phase }) => phase !== "live") : fresh.length === 0;
  }

  /** True where an acknowledgement is due soon, and nothing else will bring it. */
  get owesAck(): boolean {
    return !this.#over && (this.received.records > this.#told.records || this.window.credit > this.#told.credit);
  }

  /** True where an acknowledgement is due now. */
  get isAckDue(): boolean {
    return this.#ackDue;
  }

  /** True where an abort can reach the other side only through the exchange. */
  get mustLeave(): boolean {
    return this.#abort !== undefined && !this.#over && this.#attachments.size === 0;
  }

  /** The status and the message for the exchange, where a session has ended by an error. */
  get leaveReason(): GrpcError | undefined {
    return this.#abort;
  }

  /** Returns true while the attachment is of use; its call is to be left once it is not. */
  has(attempt: number): boolean {
    return this.#attachments.has(attempt);
  }

  phaseOf(attempt: number): Phase | undefined {
    return this.#attachments.get(attempt)?.phase;
  }

  // The user's side.

  /** True while one more record may be sent. One always may be while none is kept. */
  get hasRoom(): boolean {
    return this.replay.isEmpty || this.replay.bytes < this.#maxReplayBytes;
  }

  /** Takes a record, which is kept until it was acknowledged. */
  send(frame: Frame): void {
    this.replay.add(frame);
    if (frame.frameType === RouterFrameType.GOAWAY) this.#ownEnd = this.replay.sent.records;
  }

  /** Returns the next record that has arrived, undefined while there is none. */
  read(): Frame | undefined {
    const frame = this.unread.shift();
    if (frame === undefined) return undefined;
    this.window.onRead(costOf(frame));
    if (this.window.credit - this.#told.credit >= this.window.bytes / 4) this.#ackDue = true;
    return frame;
  }

  /** Ends the session with an error, of which the other side is told. What has arrived may still be read. */
  abort(error: GrpcError): void {
    if (this.outcome !== undefined) return;
    this.outcome = { error };
    if (this.isComplete) return; // the other side has everything, and there is nothing to tell it
    this.#abort = error;
    this.replay.drop();
    // What was not joined cannot carry the abort, and what is old must not be written on.
    for (const [attempt, { phase }] of this.#attachments)
      if (phase !== "live" && phase !== "greeting") this.#attachments.delete(attempt);
  }

  /** Forgets the session: its owner has no more use for it. */
  forget(): void {
    this.#attachments.clear();
    this.#finish();
  }

  // The attachments.

  /** Begins an attempt. Returns its number. */
  begin(): number {
    this.#attempts += 1;
    const attempt = this.#attempts;
    this.#attachments.set(attempt, {
      attempt,
      phase: "asked",
      helloWritten: false,
      // The first attempt sends none: its records begin at 0.
      startWritten: attempt === 1,
      next: 0,
      nextCost: 0,
      expected: undefined,
      question: undefined,
      ask: undefined,
      abortWritten: false,
      halfClosed: false,
    });
    return attempt;
  }

  /** The call of an attempt is on its way. On the first one this side says hello at once. */
  opened(attempt: number): void {
    const attachment = this.#attachments.get(attempt);
    if (attachment?.phase !== "asked") return;
    attachment.phase = "open";
    if (attempt === 1) this.#greet(attachment);
  }

  /** The router has joined both halves. */
  joined(attempt: number): void {
    const attachment = this.#attachments.get(attempt);
    if (attachment?.phase === "open") this.#greet(attachment);
  }

  /** A frame has come. Returns why the attachment is broken by it, if it is: its call has to be cancelled. */
  frame(attempt: number, frame: Frame): AttachmentError | undefined {
    const attachment = this.#attachments.get(attempt);
    if (attachment === undefined || this.#over) return undefined;
    const input = inputs[frame.frameType] ?? "other";
    const step = steps[attachment.phase][input];
    try {
      if (step !== undefined) step(this, attachment, frame);
      else if (attachment.phase !== "old")
        throw new AttachmentError(`a frame of type ${frame.frameType} came in the phase "${attachment.phase}"`);
    } catch (error) {
      const broken = error instanceof AttachmentError ? error : new AttachmentError(reasonText(error));
      this.closed(attempt, { kind: "cut", cause: broken });
      return broken;
    }
    return undefined;
  }

  /** An attachment has ended, or could not be made. */
  closed(attempt: number, end: AttachmentEnd): void {
    const attachment = this.#attachments.get(attempt);
    if (attachment === undefined || this.#over) return;
    this.#attachments.delete(attempt);
    if (end.kind === "unknown") this.#onUnknown(end);
    else if (end.kind === "denied") this.#conclude(end.cause);
    else if (attachment.phase !== "old") this.#onLost(attachment, end);
  }

  #onLost(attachment: Attachment, end: Exclude<AttachmentEnd, { kind: "unknown" | "denied" }>): void {
    if (end.kind === "superseded" && end.byAttempt > this.#attempts) {
      const message = `another holder of this session's ticket has taken its place (attempt ${end.byAttempt})`;
      this.#conclude(new GrpcError(Status.ABORTED, message, { cause: end.cause }));
      return;
    }
    if (attachment.phase === "live") this.moving = false;
    // Nothing can come of the old ones any more, and the other side learns only by their end that it has to come back.
    for (const [older, { phase }] of this.#attachments) if (phase === "old") this.#attachments.delete(older);
    if (end.kind === "ok" && attachment.halfClosed && (this.isComplete || this.outcome !== undefined)) {
      this.#finish();
      return;
    }
    this.lastCause =
      end.kind === "ok" ? new GrpcError(Status.UNAVAILABLE, "the call of the session ended too early") : end.cause;
    // An error that came from the other side need not be told to it.
    if (this.outcome !== undefined && !this.isComplete && this.#abort === undefined) this.#finish();
  }

  /**
   * Returns the next message for the call of an attachment, `"end"` where its half is to be ended, undefined while
   * there is nothing to write. Each call returns another one.
   */
  write(attempt: number): Uint8Array | "end" | undefined {
    const attachment = this.#attachments.get(attempt);
    if (attachment === undefined || attachment.halfClosed || this.#over) return undefined;
    const { phase } = attachment;
    if (phase === "asked" || phase === "old") return undefined;
    if (this.outcome !== undefined && !this.isComplete) return this.#writeAbort(attachment);
    if (phase === "open") return undefined;
    if (!attachment.helloWritten) return this.#writeHello(attachment);
    if (phase === "live") {
      const control = this.#writeControl(attachment);
      if (control !== undefined) return control;
    } else if (attachment.attempt !== 1) {
      return undefined;
    }
    const record = this.#writeRecord(attachment);
    if (record !== undefined || !this.isComplete || phase !== "live") return record;
    attachment.halfClosed = true;
    return "end";
  }

  /** Asks the other side for a sign of life on the live attachment. */
  ask(id: bigint): void {
    const live = this.#live;
    if (live !== undefined) live.ask = id;
  }

  /** An acknowledgement goes out with the next message. */
  acknowledgeSoon(): void {
    this.#ackDue = true;
  }

  get #live(): Attachment | undefined {
    for (const attachment of this.#attachments.values()) if (attachment.phase === "live") return attachment;
    return undefined;
  }

  /** Returns all that decides what this side does next: two sides with equal descriptions behave alike. */
  describe(): unknown {
    return [
      this.#attempts,
      this.#shown,
      this.#credit,
      this.#told,
      this.#ackDue,
      this.#ownEnd,
      this.#otherEnded,
      this.#abort?.message,
      this.#over,
      this.outcome?.error?.message ?? this.outcome !== undefined,
      this.moving,
      this.met,
      this.replay.acknowledged,
      this.replay.sent.crc32,
      this.received.crc32,
      this.unread.size,
      this.window.credit,
      [...this.#attachments.values()],
    ];
  }

  // What is written.

  #writeHello(attachment: Attachment): Uint8Array {
    attachment.helloWritten = true;
    const { records: received, credit } = this.#tell();
    const { crc32: receivedCrc32 } = this.received;
    const { name: session, dialler } = this;
    const { attempt } = attachment;
    const replayBytes = this.#maxReplayBytes;
    const payload = encodeHello({ session, dialler, attempt, received, receivedCrc32, replayBytes, credit });
    return encodeFrame({ frameType: RouterFrameType.SETTINGS, payload });
  }

  #writeControl(attachment: Attachment): Uint8Array | undefined {
    const { question, ask } = attachment;
    if (question !== undefined) {
      attachment.question = undefined;
      return ping({ id: question.id, answer: true });
    }
    if (ask !== undefined) {
      attachment.ask = undefined;
      return ping({ id: ask, answer: false });
    }
    if (!this.#ackDue || !this.owesAck) return undefined;
    return encodeFrame({ frameType: RouterFrameType.WINDOW_UPDATE, payload: encodeAck(this.#tell()) });
  }

  /** Returns what this side has received and takes in all, of which the other side is told now. */
  #tell(): Ack {
    const { records, cost } = this.received;
    this.#told = { records, cost, credit: this.window.credit };
    this.#ackDue = false;
    return this.#told;
  }

  #writeRecord(attachment: Attachment): Uint8Array | undefined {
    if (!attachment.startWritten) {
      attachment.startWritten = true;
      return encodeFrame({ frameType: RouterFrameType.CONTINUATION, payload: encodeStart(attachment.next) });
    }
    // A record may begin within the credit, so that one that is larger than the window is no standstill.
    if (attachment.nextCost >= this.#credit) return undefined;
    const record = this.replay.at(attachment.next);
    if (record === undefined) return undefined;
    attachment.next += 1;
    attachment.nextCost = record.cost;
    return record.message;
  }

  #writeAbort(attachment: Attachment): Uint8Array | "end" {
    if (this.#abort !== undefined && !attachment.abortWritten) {
      attachment.abortWritten = true;
      return encodeFrame({ frameType: RouterFrameType.RST_STREAM, payload: encodeAbort(this.#abort) });
    }
    attachment.halfClosed = true;
    return "end";
  }

  // The steps of the table.

  /** Says hello: nothing is taken from older attachments, or sent on them, from now on. */
  #greet(attachment: Attachment): void {
    attachment.phase = "greeting";
    if (attachment.attempt > 1) this.replay.leaveToOlder();
    for (const other of this.#attachments.values()) if (other.attempt < attachment.attempt) other.phase = "old";
  }

  onHello(attachment: Attachment, { payload }: Frame): void {
    const hello = decodeHello(payload);
    if (hello.session !== this.name)
      throw new AttachmentError(`the other side is of the session "${hello.session.slice(0, 64)}"`);
    if (hello.dialler === this.dialler) throw new AttachmentError("the hello is an echo of this side's own one");
    if (hello.attempt <= this.#shown) {
      throw new AttachmentError(
        `the other side's hello is of its attempt ${hello.attempt}, after one of its attempt ${this.#shown}`,
      );
    }
    const { received, receivedCrc32 } = hello;
    const { acknowledged, sent } = this.replay;
    if (received < acknowledged) this.#unresumable(`it has ${received} records, after it had ${acknowledged}`);
    else if (received > sent.records) this.#unresumable(`it has ${received} records, and ${sent.records} were sent`);
    else if (this.replay.crc32After(received) !== receivedCrc32)
      this.#unresumable(`its first ${received} records have another checksum`);
    else this.#meet(attachment, hello);
  }

  #meet(attachment: Attachment, { attempt, received, replayBytes, credit }: ReturnType<typeof decodeHello>): void {
    this.#shown = attempt;
    this.met = true;
    this.moving = false;
    attachment.phase = "live";
    // The records of the other side's first attempt follow its hello, and begin at 0.
    if (attempt === 1) attachment.expected = 0;
    for (const older of this.#attachments.keys()) if (older < attachment.attempt) this.#attachments.delete(older);
    this.#credit = Math.max(this.#credit, credit);
    this.#otherReplayBytes = Math.max(1, replayBytes);
    this.replay.acknowledge(received);
    if (attachment.startWritten) return;
    attachment.next = received;
    attachment.nextCost = this.replay.acknowledgedCost;
  }

  #unresumable(because: string): void {
    this.abort(
      new GrpcError(Status.DATA_LOSS, `the session cannot be resumed: the other side says that ${because}`, {
        cause: this.lastCause,
      }),
    );
  }

  onStart(attachment: Attachment, { payload }: Frame): void {
    if (attachment.expected !== undefined) throw new AttachmentError("the other side sent a second start");
    attachment.expected = decodeStart(payload);
  }

  onRecord(attachment: Attachment, frame: Frame): void {
    const number = attachment.expected;
    if (number === undefined) throw new AttachmentError("the other side sent a record before its start");
    const { records, cost } = this.received;
    if (number > records)
      throw new AttachmentError(`the other side sent the record ${number}, and the record ${records} is missing`);
    attachment.expected = number + 1;
    if (number < records) return;
    if (this.#otherEnded) throw new AttachmentError("the other side sent a record after its end");
    if (cost >= this.window.credit)
      throw new AttachmentError(`the other side sent a record beyond the credit of ${this.window.credit} bytes`);
    this.received.add(frame);
    this.window.onReceived(costOf(frame));
    if (frame.frameType === RouterFrameType.GOAWAY) {
      this.#otherEnded = true;
      this.#ackDue = true;
    } else if (this.received.cost - this.#told.cost >= this.#otherReplayBytes / 4) {
      this.#ackDue = true;
    }
    if (this.outcome === undefined) this.unread.push(frame);
  }

  onAck({ payload }: Frame): void {
    const { records, credit } = decodeAck(payload);
    const { sent } = this.replay;
    if (records > sent.records)
      throw new AttachmentError(`the other side acknowledged ${records} records, and ${sent.records} were sent`);
    this.replay.acknowledge(records);
    this.#credit = Math.max(this.#credit, credit);
  }

  onPing(attachment: Attachment, { payload }: Frame): void {
    const ping = decodePing(payload);
    // The newest, where the other side asks faster than it takes the answers. An answer only shows life, as any frame
    // does.
    if (ping?.answer === false) attachment.question = ping;
  }

  onDrain(): void {
    this.moving = true;
  }

  onAbort(payload: Uint8Array): void {
    if (this.isComplete) return;
    if (this.outcome === undefined) this.outcome = { error: decodeAbort(payload) };
    // The other side knows: it has to be told nothing.
    this.#abort = undefined;
    this.replay.drop();
    this.unread.push({ frameType: RouterFrameType.RST_STREAM, payload });
  }

  // The end.

  #onUnknown({ status, message }: Extract<AttachmentEnd, { kind: "unknown" }>): void {
    const leftInOrder = status === Status.OK && this.#otherEnded && this.#ownEnd !== undefined;
    // The other side leaves in order only when it has everything.
    if (leftInOrder) this.replay.acknowledge(this.#ownEnd as number);
    if (leftInOrder || this.isComplete) {
      this.#finish();
      return;
    }
    const hasLeft = status === Status.OK;
    this.#conclude(
      hasLeft
        ? new GrpcError(Status.UNAVAILABLE, "the other side has left the stream before this side's end")
        : peerAbort(status, message),
    );
  }

  /** Ends the session with an error that the other side knows already, or cannot be told. */
  #conclude(error: GrpcError): void {
    this.outcome ??= { error };
    this.#attachments.clear();
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.outcome ??= { error: undefined };
    this.replay.drop();
  }
}

function ping(content: Pick<Ping, "id" | "answer">): Uint8Array {
  return encodeFrame({ frameType: RouterFrameType.PING, payload: encodePing(content) });
}
