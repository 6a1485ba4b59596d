/** Turns of the event loop: on loopback, what can arrive by itself has arrived after them. */
export { turns, until } from "../../../base/test/support/waiting.js";
