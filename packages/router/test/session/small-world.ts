/**
 * A world that is small enough to be explored whole: two sessions, and routers that are tables. Every step that can
 * happen next is a string, so that a path is its own story, and the same path leads to the same state.
 */
import { GrpcError, Status } from "@trunkline/grpc";
import { ReceiveWindow } from "../../src/session/receive-window.js";
import { Session, type SessionOptions } from "../../src/session/session.js";
import { decodeFrame, type Frame, RouterFrameType } from "../../src/stream/frame.js";

export interface WorldOptions {
  /** The records that each side sends before its end. */
  readonly records: readonly [number, number];
  readonly routers: number;
  /** The number of faults on a path: crashes, cuts, drains and lost answers. */
  readonly faults: number;
  /** The attempts of one side on a path. */
  readonly maxAttempts: number;
  /** True lets routers join any two halves, of whatever attempts and sides, and a half to itself: an echo. */
  readonly mixes?: boolean;
  /** The faults that there are. Default: all that the other options allow. */
  readonly only?: readonly string[];
  /** True lets each side abort. */
  readonly aborts?: boolean;
  /** Makes a session: a test gives one with a mistake in it. */
  make?(options: SessionOptions): Session;
}

interface Call {
  readonly side: 0 | 1;
  readonly attempt: number;
  readonly router: number;
  /** The messages that the side has written and the other half has not taken. */
  readonly sent: Uint8Array[];
  partner: Call | undefined;
  /** True once the router has told the side that it is joined. */
  told: boolean;
  halfClosed: boolean;
  /** The end of the call for the side, once the frames before it are taken. */
  ends: "ok" | "cut" | "superseded" | undefined;
  byAttempt: number;
}

/** The steps that are faults. */
export const faults: RegExp = /^(cut|crash|mix|drain|finish|abort) /;

function kindOf(step: string): string {
  return step.split(" ", 1)[0] as string;
}

/** True for a half that no other one has been joined to, as far as its side knows. */
function isFresh(call: Call | undefined): boolean {
  return call?.told === false && call.ends === undefined;
}

const ended: Frame = { frameType: RouterFrameType.GOAWAY, payload: new Uint8Array() };

export class SmallWorld {
  readonly sessions: readonly [Session, Session];
  readonly #options: WorldOptions;
  readonly #calls: Call[] = [];
  /** The highest attempt of each side at each router. */
  readonly #highest: number[][];
  readonly #sentRecords: [number, number] = [0, 0];
  readonly #read: [number[], number[]] = [[], []];
  readonly #left: [GrpcError | undefined, GrpcError | undefined] = [undefined, undefined];
  /** The attempts that a complete side still makes for the other one. */
  readonly #linger: [number, number] = [3, 3];
  #faults = 0;
  #aborted = false;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#highest = Array.from({ length: options.routers }, () => [0, 0]);
    const make = options.make ?? ((given) => new Session(given));
    const session = (dialler: boolean): Session =>
      make({
        name: "s",
        dialler,
        maxReplayBytes: 1_000_000,
        window: new ReceiveWindow({ maxBytes: 1_000_000, reserve: () => true }),
      });
    this.sessions = [session(true), session(false)];
  }

  /** Returns the steps that can be taken now. */
  steps(): string[] {
    const steps: string[] = [];
    const mayFail = this.#faults < this.#options.faults;
    for (const side of [0, 1] as const) {
      const session = this.sessions[side];
      if (this.#sentRecords[side] <= this.#options.records[side] && session.outcome === undefined)
        steps.push(`send ${side}`);
      if (session.unread.size > 0) steps.push(`read ${side}`);
      if (session.owesAck && session.isAttached) steps.push(`ack ${side}`);
      if (this.#options.aborts && !this.#aborted && session.outcome === undefined) steps.push(`abort ${side}`);
      if (session.wantsAttempt && session.attempts < this.#options.maxAttempts)
        for (let router = 0; router < this.#options.routers; router++) steps.push(`attach ${side} ${router}`);
    }
    for (const [index, call] of this.#calls.entries()) {
      const session = this.sessions[call.side];
      if (call.partner !== undefined && !call.told && call.ends !== "superseded") steps.push(`join ${index}`);
      if (!call.halfClosed && call.ends === undefined && this.#canWrite(session, call)) steps.push(`write ${index}`);
      if (call.told && call.partner !== undefined && call.partner.sent.length > 0) steps.push(`take ${index}`);
      else if (call.ends !== undefined && (call.told || call.partner === undefined || call.ends === "superseded"))
        steps.push(`end ${index}`);
      if (!session.has(call.attempt)) steps.push(`leave ${index}`);
      if (mayFail && call.ends === undefined) steps.push(`cut ${index}`);
      // A status that no router has made, as a proxy may: OK where nothing has ended.
      if (mayFail && call.told && call.ends === undefined && !call.halfClosed && !call.partner?.halfClosed)
        steps.push(`finish ${index}`);
      if (mayFail && this.#options.mixes && isFresh(call))
        for (let other = 0; other <= index; other++)
          if (isFresh(this.#calls[other]) && this.#calls[other] !== call.partner) steps.push(`mix ${index} ${other}`);
      if (mayFail && call.told && session.phaseOf(call.attempt) === "live" && !session.moving)
        steps.push(`drain ${index}`);
    }
    if (mayFail)
      for (let router = 0; router < this.#options.routers; router++)
        if (this.#calls.some((call) => call.router === router)) steps.push(`crash ${router}`);
    const { only } = this.#options;
    return only === undefined ? steps : steps.filter((step) => !faults.test(step) || only.includes(kindOf(step)));
  }

  /** Asking what to write changes the session, so whether there is something is known by its description. */
  #canWrite(session: Session, call: Call): boolean {
    const phase = session.phaseOf(call.attempt);
    return phase === "greeting" || phase === "live";
  }

  /** Takes one step. Returns false where it was one that changes nothing. */
  take(step: string): boolean {
    const [what, first, second] = step.split(" ");
    const at = Number(first);
    const call = this.#calls[at];
    switch (what) {
      case "send":
        this.#send(at as 0 | 1);
        return true;
      case "read": {
        const frame = this.sessions[at as 0 | 1].read();
        if (frame !== undefined) this.#read[at as 0 | 1].push(frame.payload[0] ?? -frame.frameType);
        return true;
      }
      case "ack":
        this.sessions[at as 0 | 1].acknowledgeSoon();
        return true;
      case "abort":
        this.#aborted = true;
        this.sessions[at as 0 | 1].abort(new GrpcError(Status.ABORTED, "wanted"));
        return true;
      case "attach":
        this.#attach(at as 0 | 1, Number(second));
        return true;
      case "crash":
        this.#faults += 1;
        for (const each of [...this.#calls]) if (each.router === at) this.#over(each, "cut");
        this.#highest[at] = [0, 0];
        return true;
    }
    if (call === undefined) throw new Error(`there is no call for ${step}`);
    const session = this.sessions[call.side];
    switch (what) {
      case "join":
        call.told = true;
        session.joined(call.attempt);
        return true;
      case "write": {
        const message = session.write(call.attempt);
        if (message === undefined) return false;
        if (message === "end") this.#halfClose(call);
        else call.sent.push(message);
        return true;
      }
      case "take": {
        const message = call.partner?.sent.shift() as Uint8Array;
        if (session.frame(call.attempt, decodeFrame(message)) !== undefined) this.#drop(call);
        return true;
      }
      case "end":
        this.#over(call, call.ends ?? "cut");
        return true;
      case "leave":
        this.#drop(call);
        return true;
      case "finish":
        this.#faults += 1;
        this.#over(call, "ok");
        if (call.partner !== undefined) call.partner.ends ??= "ok";
        return true;
      case "mix":
        this.#faults += 1;
        this.#mix(call, this.#calls[Number(second)] as Call);
        return true;
      case "cut":
        this.#faults += 1;
        this.#over(call, "cut");
        if (call.partner !== undefined) call.partner.ends ??= "cut";
        return true;
      case "drain":
        this.#faults += 1;
        session.frame(call.attempt, { frameType: RouterFrameType.ALTSVC, payload: new Uint8Array() });
        return true;
    }
    throw new Error(`an unknown step: ${step}`);
  }

  #send(side: 0 | 1): void {
    const number = this.#sentRecords[side];
    this.#sentRecords[side] += 1;
    const isEnd = number === this.#options.records[side];
    this.sessions[side].send(
      isEnd ? ended : { frameType: RouterFrameType.DATA, payload: new Uint8Array([10 * (side + 1) + number]) },
    );
  }

  #attach(side: 0 | 1, router: number): void {
    const session = this.sessions[side];
    const attempt = session.begin();
    const highest = this.#highest[router] as number[];
    const call: Call = {
      side,
      attempt,
      router,
      sent: [],
      partner: undefined,
      told: false,
      halfClosed: false,
      ends: undefined,
      byAttempt: 0,
    };
    // The router's rule 10: a later attempt of a side takes the place of its earlier half.
    for (const older of this.#calls) {
      if (older.router !== router || older.side !== side) continue;
      older.sent.length = 0;
      if (older.partner !== undefined) {
        older.partner.sent.length = 0;
        older.partner.ends ??= "cut";
      }
      older.ends = "superseded";
      older.byAttempt = attempt;
    }
    highest[side] = attempt;
    const waiting = this.#calls.find(
      (each) => each.router === router && each.side !== side && each.partner === undefined && each.ends === undefined,
    );
    this.#calls.push(call);
    if (waiting !== undefined) {
      waiting.partner = call;
      call.partner = waiting;
    }
    session.opened(attempt);
  }

  #mix(one: Call, other: Call): void {
    for (const call of [one, other]) {
      if (call.partner === undefined || call.partner === call) continue;
      call.partner.ends ??= "cut";
      call.partner.partner = undefined;
    }
    one.partner = other;
    other.partner = one;
  }

  #halfClose(call: Call): void {
    call.halfClosed = true;
    const { partner } = call;
    if (partner?.halfClosed) {
      call.ends ??= "ok";
      partner.ends ??= "ok";
    }
  }

  /** The side has left the call. */
  #drop(call: Call): void {
    this.#calls.splice(this.#calls.indexOf(call), 1);
    if (call.partner !== undefined) call.partner.ends ??= "cut";
  }

  #over(call: Call, how: "ok" | "cut" | "superseded"): void {
    const at = this.#calls.indexOf(call);
    if (at >= 0) this.#calls.splice(at, 1);
    if (call.partner !== undefined && how !== "ok") call.partner.ends ??= "cut";
    const cause = new GrpcError(Status.UNAVAILABLE, how);
    const session = this.sessions[call.side];
    if (how === "ok") session.closed(call.attempt, { kind: "ok" });
    else if (how === "superseded")
      session.closed(call.attempt, { kind: "superseded", byAttempt: call.byAttempt, cause });
    else session.closed(call.attempt, { kind: "cut", cause });
  }

  /** Returns what must not be, undefined where all is well. */
  problem(): string | undefined {
    for (const side of [0, 1] as const) {
      const [session, other] = [this.sessions[side], this.sessions[side === 0 ? 1 : 0]];
      const read = this.#read[side];
      const [otherSide] = [side === 0 ? 1 : 0];
      for (const [index, value] of read.entries()) {
        const isEnd = index === this.#options.records[otherSide as 0 | 1];
        const expected = isEnd ? -RouterFrameType.GOAWAY : 10 * (otherSide + 1) + index;
        if (value === -RouterFrameType.RST_STREAM || (this.#aborted && value === Status.ABORTED)) continue;
        if (value !== expected && !this.#aborted) return `side ${side} has read ${read.join(", ")}`;
      }
      if (session.received.records > other.replay.sent.records) return `side ${side} has more than was sent`;
      if (session.replay.acknowledged > other.received.records)
        return `side ${side} counts on ${session.replay.acknowledged} of ${other.received.records} records`;
      if (session.outcome?.error !== undefined && !this.#aborted)
        return `side ${side} has ended by: ${session.outcome.error.message}`;
    }
    return undefined;
  }

  /** Lets everything happen that is no fault, until nothing can. Returns what should have come and did not. */
  settle(onStep: (step: string) => void = () => {}): string | undefined {
    let turns = 0;
    while (this.#stepFairly(onStep)) {
      const problem = this.problem();
      if (problem !== undefined) return problem;
      turns += 1;
      if (turns === 1_000) return "the sessions do not come to rest";
    }
    for (const side of [0, 1] as const) {
      const session = this.sessions[side];
      const expected = this.#options.records[side === 0 ? 1 : 0] + 1;
      if (this.#aborted) {
        if (session.outcome === undefined && !session.isComplete) return `side ${side} was not told of the abort`;
      } else if (!session.isComplete) return `side ${side} is not complete`;
      else if (this.#read[side].length !== expected) return `side ${side} has read ${this.#read[side].length} records`;
    }
    return undefined;
  }

  /** Takes one step that is no fault: what was sent arrives, and both sides go to the first router. */
  #stepFairly(onStep: (step: string) => void): boolean {
    const steps = this.steps();
    for (const kind of ["end", "leave", "join", "take", "read", "send"]) {
      const found = steps.find((step) => step.startsWith(kind));
      if (found === undefined) continue;
      onStep(found);
      return this.take(found);
    }
    for (const step of steps) {
      if (!step.startsWith("write") || !this.take(step)) continue;
      onStep(step);
      return true;
    }
    for (const step of steps) {
      if (!step.startsWith("ack")) continue;
      onStep(step);
      return this.take(step);
    }
    for (const side of [0, 1] as const) {
      const session = this.sessions[side];
      if (session.mustLeave) {
        onStep(`leave by the exchange ${side}`);
        this.#leave(side);
        return true;
      }
      if (session.wantsAttempt && !this.#hasLeft(side)) {
        onStep(`attach ${side} 0`);
        this.#attach(side, 0);
        return true;
      }
    }
    onStep("time passes");
    return this.#passTime();
  }

  /** Ends what has waited for too long: halves for the other one, and sides for a hello. */
  #passTime(): boolean {
    const waiting = this.#calls.filter(({ side, attempt, partner, told, ends }) => {
      const isLate = told && this.sessions[side].phaseOf(attempt) === "greeting";
      return ends === undefined && (partner === undefined || isLate);
    });
    for (const call of waiting) this.#over(call, "cut");
    return waiting.some(({ side }) => !this.sessions[side].isComplete || this.#linger[side]-- > 0);
  }

  /** The exchange is told that a side has ended: it tells the other one. */
  #leave(side: 0 | 1): void {
    const session = this.sessions[side];
    this.#left[side] = session.leaveReason;
    session.forget();
    this.#hasLeft(side === 0 ? 1 : 0);
  }

  /** Ends a session whose other side has left. */
  #hasLeft(side: 0 | 1): boolean {
    const reason = this.#left[side === 0 ? 1 : 0];
    const session = this.sessions[side];
    if (reason === undefined || session.isOver || session.isAttached) return false;
    const attempt = session.begin();
    session.closed(attempt, { kind: "unknown", status: reason.status, message: reason.message });
    for (const call of this.#calls.filter((each) => each.side === side)) this.#drop(call);
    return true;
  }

  /** Returns a text that is equal for equal states. */
  key(): string {
    return JSON.stringify([
      this.sessions.map((session) => session.describe()),
      this.#calls.map(({ partner, sent, ...rest }) => [
        rest,
        partner === undefined ? -1 : this.#calls.indexOf(partner),
        sent.map((message) => Buffer.from(message).toString("base64")),
        partner !== undefined && !this.#calls.includes(partner) ? partner.sent.length : 0,
      ]),
      this.#highest,
      this.#sentRecords,
      this.#read,
      this.#faults,
      this.#aborted,
    ]);
  }
}
