export { asyncContext, currentCall } from "./async-context.js";
export {
  type BearerTokenOptions,
  bearerToken,
  type RequireBearerTokenOptions,
  requireBearerToken,
  type TokenProvider,
} from "./bearer-token.js";
export {
  type CallCredentialsOptions,
  type CredentialsProvider,
  type CredentialsRequest,
  callCredentials,
} from "./call-credentials.js";
export { type ConcurrencyLimitOptions, concurrencyLimit } from "./concurrency-limit.js";
export { type DeadlineDefaults, deadlineDefaults } from "./deadline-defaults.js";
export { type CallLogEntry, type CallLogger, type LoggingOptions, logging } from "./logging.js";
