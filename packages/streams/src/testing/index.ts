export { VirtualClock } from "@trunkline/base/testing";
export {
  type ComplianceOptions,
  type ComplianceTest,
  complianceTests,
  type ItemCodec,
  type StreamPair,
} from "./compliance/compliance.js";
export { ManualSignal } from "./manual-signal.js";
