/** What options are when they are not given, apart from the commands, so that `--help` need not load those. */

/** Of the router. Nobody's port at IANA, and below those that systems give out by themselves. */
export const defaultRouterListen = "127.0.0.1:7420";

/** As `ssh` or `kubectl` would end at once, but a download that is nearly there gets its chance. */
export const defaultGrace = "5s";

/** Of a token: long enough for a lab that is set up once a term, short enough that a lost one does not matter for ever. */
export const defaultLifetime = "30d";

/** Of the demo's file, in MB: some seconds on a slow machine. */
export const defaultSizeMb = "256";
