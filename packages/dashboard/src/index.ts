/** The dashboard of a router: a page that shows what is connected, what flows and what is stuck, and its server. */
export type { DashboardRights } from "./access.js";
export type { Asset, Assets } from "./assets.js";
export { type Dashboard, type DashboardAction, type DashboardOptions, serveDashboard } from "./serve.js";
export type {
  DashboardSource,
  NameEntry,
  NameEviction,
  RouterChanges,
  RouterLimit,
  RouterLogEvent,
  RouterNumbers,
  RouterSetting,
  SourceWatchOptions,
  StreamEntry,
  StreamParty,
  StreamWait,
} from "./source.js";
