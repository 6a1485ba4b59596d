/** The router with streams that break with it: what it costs to survive it is the difference. */
import { throughRouter } from "./trunkline-router.mjs";

export default throughRouter({ resume: false });
