#!/usr/bin/env node
/** The command `trunkline`. */
import { run } from "./run.js";

// Nothing may keep the process once the command has ended, neither a socket on its last way nor a timer.
process.exit(await run(process));
