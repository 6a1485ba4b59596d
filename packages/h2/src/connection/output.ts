/**
 * Holds what waits to be written, and writes the frames that answer the peer. It knows when to wake the driver and how
 * much of what is queued was made by the peer, so that a peer that does not read can be made to wait.
 */
import { ByteWriter } from "../bytes/byte-writer.js";
import type { ErrorCode } from "../error-code.js";
import { writeGoAway } from "../frame/go-away.js";
import { writePing, writePingAck } from "../frame/ping.js";
import { writeRstStream } from "../frame/rst-stream.js";
import { type SettingEntry, writeSettings, writeSettingsAck } from "../frame/settings.js";
import { writeWindowUpdate } from "../frame/window-update.js";
import type { AttachedDriver } from "./handler.js";

/**
 * The number of ended messages that are a batch: the other side begins with them while this one goes on. Fewer are not
 * worth a system call of their own.
 */
const endsInABatch = 25;

export class Output {
  readonly writer: ByteWriter = new ByteWriter();
  /**
   * The driver, told once when there is something to take, and when a batch of messages has ended since the last
   * `take`.
   */
  driver: AttachedDriver | undefined = undefined;
  #announced = false;
  #ends = 0;
  /** The bytes of control frames written since the last `take`. */
  controlBytes = 0;
  /** The answers to PINGs written since the last `take`. */
  pingAnswers = 0;

  get length(): number {
    return this.writer.length;
  }

  /** Wakes the driver once, since something can be taken. */
  announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.driver?.onOutput();
  }

  /** Wakes the driver even where it waits for a peer that does not read, since the connection is over. */
  announceEnd(): void {
    this.#announced = true;
    this.driver?.onOutput();
  }

  /** Counts an END_STREAM that was written, with whole frames before it. */
  endWritten(): void {
    this.#ends += 1;
    if (this.#ends >= endsInABatch) this.driver?.onBatch?.();
  }

  take(): Uint8Array[] {
    this.#announced = false;
    this.#ends = 0;
    this.controlBytes = 0;
    this.pingAnswers = 0;
    return this.writer.take();
  }

  settings(entries: readonly SettingEntry[]): void {
    const before = this.writer.length;
    writeSettings(this.writer, entries);
    this.#control(before);
  }

  settingsAck(): void {
    const before = this.writer.length;
    writeSettingsAck(this.writer);
    this.#control(before);
  }

  ping(pingId: number): void {
    const before = this.writer.length;
    writePing(this.writer, pingId);
    this.#control(before);
  }

  pingAck(bytes: Uint8Array, start: number): void {
    const before = this.writer.length;
    writePingAck(this.writer, bytes, start);
    this.pingAnswers += 1;
    this.#control(before);
  }

  windowUpdate(streamId: number, increment: number): void {
    const before = this.writer.length;
    writeWindowUpdate(this.writer, streamId, increment);
    this.#control(before);
  }

  rstStream(streamId: number, errorCode: ErrorCode): void {
    const before = this.writer.length;
    writeRstStream(this.writer, streamId, errorCode);
    this.#control(before);
  }

  goAway(lastStreamId: number, errorCode: ErrorCode, debug?: string): void {
    const before = this.writer.length;
    writeGoAway(this.writer, lastStreamId, errorCode, debug);
    this.#control(before);
  }

  #control(lengthBefore: number): void {
    this.controlBytes += this.writer.length - lengthBefore;
    this.announce();
  }
}
