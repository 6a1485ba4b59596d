export type { Attack, AttackSetting } from "./attack.js";
export { attacksOnClients } from "./attacks-on-clients.js";
export { attacksOnServers } from "./attacks-on-servers.js";
export {
  clientPreface,
  concatenated,
  Flag,
  FrameFactory,
  type FrameParts,
  FrameType,
  type ParsedFrame,
  parseFrames,
  rawFrame,
  uint32,
} from "./frames.js";
export { Link, type LinkEnd, type LinkOptions } from "./link.js";
export { type RecordedEvent, type RecordedSection, RecordingHandler } from "./recorder.js";
