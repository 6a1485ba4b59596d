/** The defaults of options, apart from the commands, so that `--help` need not load those. */

/** The address of the router: a port that IANA has not assigned, below those that systems choose by themselves. */
export const defaultRouterListen = "127.0.0.1:7420";

/** The address of the dashboard of a router: the port beside the router's. */
export const defaultDashboardListen = "127.0.0.1:7421";

/**
 * The time for open connections to end: `ssh` or `kubectl` would end at once, but a download that is nearly done gets
 * its chance.
 */
export const defaultGrace = "5s";

/**
 * The time without a byte after which a router connection is asked for life: NATs forget quiet connections after 30 s
 * or more.
 */
export const defaultKeepalive = "20s";

/** The time for the answer: a network that stalls for half a minute and comes back loses nothing. */
export const defaultKeepaliveTimeout = "35s";

/**
 * The time that `connect` waits for a name: both sides are often started at once, and `expose` may have a target to
 * check.
 */
export const defaultWait = "5s";

/**
 * The lifetime of a token: long enough for a lab that is set up once a term, short enough that a lost one does not
 * matter for ever.
 */
export const defaultLifetime = "30d";

/** The days for which an authority of one's own is good: its successor has to be carried to every machine. */
export const defaultAuthorityDays = "3650";

/** The days for which a certificate is good: those of public authorities are good for about as long. */
export const defaultCertificateDays = "365";

/** The time between two checks of a target's health, and the time for one: as orchestrators ask. */
export const defaultHealthInterval = "10s";
export const defaultHealthTimeout = "5s";

/** The failures in a row that count: one may be a restart, or a machine that was busy. */
export const defaultHealthFailures = "3";
/** The successes in a row that count. */
export const defaultHealthSuccesses = "1";

/** The size of the demo's file in MB: some seconds on a slow machine. */
export const defaultSizeMb = "256";

/** The time between two pings: that of `ping`. */
export const defaultInterval = "1s";

/** The time for the answer to a ping: as long as an exposer has to join. */
export const defaultPingTimeout = "10s";

/** The time that `send` waits for its receiver: the other side may have to be called first. */
export const defaultSendWait = "10m";

/** The most connections at once of `expose` and `connect`: each takes a file descriptor. */
export const defaultMaxConnections = "4000";

/** The time after which a quiet flow of datagrams ends: two minutes at least, as RFC 4787 §4.3 asks of a NAT. */
export const defaultUdpIdle = "2m";

/** The time for which a connection waits for its lost way: a router is restarted, and a network is back, in less. */
export const defaultResume = "60s";

/** The time between two messages of a router to `top`. */
export const defaultTopInterval = "1s";

/** The time of each measurement of `bench`: long enough for windows to grow on a long way. */
export const defaultBenchTime = "3s";

/** The connections that `bench` measures at once. */
export const defaultBenchConnections = "1";
