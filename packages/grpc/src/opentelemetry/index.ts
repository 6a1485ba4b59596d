export { type OpenTelemetryOptions, openTelemetry } from "./telemetry.js";
