export { type ChannelForOptions, type ChannelForServices, channelFor, type ServiceEntry } from "./channel-for.js";
export { duplexPair } from "./duplex-pair.js";
