/** The names under which peers listen. */

/** The longest name: enough for a path of labels, and short enough for a line of a log. */
const maxNameChars = 128;

/** Returns why `name` is none under which a peer can listen, in a few words; undefined where it is one. */
export function nameProblem(name: string): string | undefined {
  if (typeof name !== "string" || name === "") return "a name must not be empty";
  if (name.length > maxNameChars) return `a name of ${name.length} characters is longer than ${maxNameChars}`;
  if (/^[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$/.test(name)) return undefined;
  return `${JSON.stringify(name)} is not a name: use letters, digits and . _ / - between them`;
}
