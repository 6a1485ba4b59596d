/** The clients of the two services, made once a channel: calls are as many as streams. */
import { type Channel, type Client, createClient } from "@trunkline/grpc";
import { AdminService } from "../gen/trunkline/v1/admin_pb.js";
import { ExchangeService } from "../gen/trunkline/v1/exchange_pb.js";
import { RouterService, SessionService } from "../stream/definition.js";

const routerClients: WeakMap<Channel, Client<typeof RouterService>> = new WeakMap();
const sessionClients: WeakMap<Channel, Client<typeof SessionService>> = new WeakMap();
const exchangeClients: WeakMap<Channel, Client<typeof ExchangeService>> = new WeakMap();
const adminClients: WeakMap<Channel, Client<typeof AdminService>> = new WeakMap();

/** Returns the client of `RouterService` on a channel. */
export function routerClient(channel: Channel): Client<typeof RouterService> {
  return made(routerClients, channel, () => createClient(RouterService, channel));
}

/** Returns the client of `RouterService` on a channel, for the calls of sessions. */
export function sessionClient(channel: Channel): Client<typeof SessionService> {
  return made(sessionClients, channel, () => createClient(SessionService, channel));
}

/** Returns the client of `ExchangeService` on a channel. */
export function exchangeClient(channel: Channel): Client<typeof ExchangeService> {
  return made(exchangeClients, channel, () => createClient(ExchangeService, channel));
}

/** Returns the client of `AdminService` on a channel. */
export function adminClient(channel: Channel): Client<typeof AdminService> {
  return made(adminClients, channel, () => createClient(AdminService, channel));
}

function made<Key extends object, Value>(map: WeakMap<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
