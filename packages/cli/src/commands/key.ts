/** `trunkline key`: a new key, for routers on other machines and for several routers that share one. */
import { newRouterKeyText } from "@trunkline/router";
import type { Context } from "../context.js";

/** Prints a new key: 32 random bytes as text. The text is the secret. */
export async function key({ output }: Context): Promise<void> {
  const made = newRouterKeyText();
  output.result({ event: "key", key: made }, made);
}
