export { type ChannelForOptions, type ChannelForServices, channelFor, type ServiceEntry } from "./channel-for.js";
export { duplexPair } from "./duplex-pair.js";
export { FaultyLink, type LinkFaults } from "./faulty-link.js";
export type { DirectionFaults } from "./link-direction.js";
