export { RouterService, type StreamService } from "./definition.js";
export { type Frame, FrameError, FrameType } from "./frame.js";
export type { RouterLimits } from "./options.js";
export { type ExchangeTokenOptions, Router, type RouterOptions } from "./router.js";
export { type EndProof, endProof, type FrameCall, maxFramePayloadBytes, RouterStream, type RouterStreamOptions } from "./router-stream.js";
export type { RouterEvent, RouterStats } from "./service/events.js";
export type { KeySource, PublicKeySource, SecretKeySource } from "./token/key-ring.js";
