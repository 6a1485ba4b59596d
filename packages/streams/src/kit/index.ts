/**
 * The parts of which streams are made, for those who write streams. Those who only use streams need the main entry.
 *
 * A carrier, which moves items by itself, extends `BaseStream`, `BaseReceiveStream` or `BaseSendStream` and is made of
 * a `ReceiveQueue` and a `SendQueue`. A layer over another stream extends `WrappedStream`, `StreamLayer` or
 * `TranslatedStream`.
 */
export { attributesOver, noAttributes } from "../contract/attributes.js";
export { BaseReceiveStream, BaseSendStream, BaseStream } from "./base-stream.js";
export { BreakSignal, eitherSignal } from "./break-signal.js";
export { type ClosingSteps, closeRefusal, closeWithin, OutputEnd } from "./ending.js";
export { GuardedObserver } from "./guarded-observer.js";
export { bytesRefusal, itemRefusal, textRefusal } from "./item.js";
export { iterate } from "./iterate.js";
export { messageOf } from "./message.js";
export { metadataRefusal } from "./metadata-refusal.js";
export { ObservedStream, type StreamWatcher } from "./observed.js";
export { waitOptionsRefusal } from "./option-refusal.js";
export { ReceiveQueue } from "./receive-queue.js";
export { SendQueue, type Sink, sentAtOnce } from "./send-queue.js";
export { StreamBase } from "./stream-base.js";
export { TranslatedStream } from "./translated-stream.js";
export { StreamLayer, WrappedStream } from "./wrapped-stream.js";
