/** The identity of a user, as another issuer or a certificate names it. */

/** The longest identity of a user of the exchange: as long as a pattern of a policy can be. */
const maxIdentityChars = 255;

/** Returns why a text cannot be an identity, or undefined if it can. It stands in logs and in messages. */
export function identityProblem(text: string): string | undefined {
  if (text === "") return "is empty";
  if (text.length > maxIdentityChars) return `has ${text.length} characters, more than ${maxIdentityChars}`;
  return /[\p{Cc}\p{Cf}\p{Cs}]/u.test(text) ? "has control characters" : undefined;
}
