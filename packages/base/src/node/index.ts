export { systemClock } from "./system-clock.js";
export {
  clearImmediate,
  clearInterval,
  clearTimeout,
  monotonicMs,
  setImmediate,
  setInterval,
  setTimeout,
} from "./timers.js";
