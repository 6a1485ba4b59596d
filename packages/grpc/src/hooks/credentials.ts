/** The mark of interceptors that are credentials: calls that a channel makes for itself carry them, too. */
import { brandKey } from "@trunkline/base";
import type { ClientInterceptor } from "./interceptor.js";

const credentialsKey = brandKey("ClientInterceptor.credentials");

/** Marks an interceptor that does nothing but add the proof of who calls. Returns it. */
export function asCredentials(interceptor: ClientInterceptor): ClientInterceptor {
  return Object.defineProperty(interceptor, credentialsKey, { value: true });
}

/** Returns whether an interceptor was marked, by whichever copy of this package. */
export function isCredentials(interceptor: ClientInterceptor): boolean {
  return Reflect.get(interceptor, credentialsKey) === true;
}
