/**
 * Streams between two parties who can both only dial out. The first part is for users of a router, the second for other
 * libraries.
 */

// For users: listening and dialling, the stream that both sides get, and running a router.

export type {
  LoggedEvent,
  RoutedStream,
  RouterName,
  RouterNumbers,
  RouterUpdate,
  StreamParty,
  StreamState,
  StreamWait,
  UsedLimit,
  WaitCause,
} from "./admin/model.js";
export type { Eviction, EvictOptions, SnapshotOptions, WatchOptions } from "./admin/options.js";
export type { RemoteDrainOptions, RouterAdmin } from "./admin/router-admin.js";
export type { RouterView } from "./admin/router-view.js";
export { dial } from "./connect/dial.js";
export { listen } from "./connect/listen.js";
export type { Listener, ListenerState } from "./connect/listener.js";
export {
  type DialOptions,
  type ListedName,
  type ListenerOptions,
  type ResumableOptions,
  Trunkline,
  type TrunklineOptions,
} from "./connect/trunkline.js";
export { EndToEndError, type EndToEndErrorCode } from "./end-to-end/error.js";
export { checkEndToEnd, type EndToEndOptions } from "./end-to-end/options.js";
export { type EndToEndPeer, endToEndPeer } from "./end-to-end/peer.js";
export { parsePin, pinOf } from "./end-to-end/pin.js";
export { checkRouterLimits, type RouterLimits } from "./limits.js";
export { PolicyError, type PolicyPath, type PolicyProblem, policyProblems } from "./policy/check-policy.js";
export { Glob } from "./policy/glob.js";
export type { AdminRight, DeniedCallers, PolicyRule, RouterPolicy, SharedNames, Sharing } from "./policy/policy.js";
export { type DrainOptions, type ExchangeTokenOptions, Router, type RouterOptions } from "./router.js";
export type { ClosedPeer, RouterEvent, RouterStats } from "./service/events.js";
export { unhealthyKey } from "./service/listener-health.js";
export type { ResumeOptions } from "./session/options.js";
export { type Resumption, type ResumptionEvent, resumption } from "./session/resumption.js";
export { type EndProof, endProof } from "./stream/end-proof.js";
export type { LivenessOptions } from "./stream/liveness.js";
export { peerIdentity } from "./stream/peer-identity.js";
export { RouterStream, type RouterStreamOptions } from "./stream/router-stream.js";
export { type CertificateName, type ClientCertificates, certificateNames } from "./token/client-certificate.js";
export type { IdentityIssuer } from "./token/identity-issuer.js";
export type {
  KeySource,
  PublicKeySource,
  RemoteKeySource,
  SecretAlgorithm,
  SecretKeySource,
} from "./token/key-ring.js";
export { keysOfSet } from "./token/key-set.js";
export type { TokenParties } from "./token/minter.js";
export type { RemoteKeyEvent, RemoteKeyLimits, RemoteServer } from "./token/remote-keys.js";

// For other libraries: streams with tokens of one's own, frames, and the files of a local router.

export { type OpenStreamOptions, openRouterStream } from "./connect/open-stream.js";
export {
  ensureLocalKey,
  localKeyPath,
  newRouterKey,
  newRouterKeyText,
  readLocalKey,
} from "./local-state/local-key.js";
export {
  type LocalState,
  localStatePath,
  readLocalState,
  removeLocalState,
  writeLocalState,
} from "./local-state/local-state.js";
export { LocalStateError } from "./local-state/owner-file.js";
export { nameProblem } from "./service/name.js";
export { RouterService, type StreamService } from "./stream/definition.js";
export { type Feature, type Features, featuresKey, ownFeatures, parseFeatures } from "./stream/features.js";
export { type Frame, FrameError, RouterFrameType } from "./stream/frame.js";
export { maxFramePayloadBytes } from "./stream/outgoing.js";
export type { FrameCall } from "./stream/peer-features.js";
export { peerKey } from "./stream/peer-key.js";
export { addressProblem } from "./token/fetch-json.js";
export { minSecretBytes } from "./token/key-ring.js";
