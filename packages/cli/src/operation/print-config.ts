/** The settings of a router as its user may look at them: what holds, and why. It never shows a secret. */
import type { Environment } from "../context.js";
import { isUrl } from "../key-address.js";
import type { Output } from "../output.js";
import { type RouterSettingName, routerSettingNames } from "../router-options.js";
import type { EffectiveSettings, SettingOrigin } from "./router-settings.js";

/** Prints all settings with their origins, as a configuration file or as one event. */
export function printConfig({ origins }: EffectiveSettings, env: Environment, output: Output): void {
  const shown = shownSettings(origins);
  const routerKey = env["ROUTER_KEY"] !== undefined;
  const settings = Object.fromEntries(shown.map(({ name, value, origin }) => [name, { value: value ?? null, origin }]));
  const lines = shown.map(({ name, value, origin }) => {
    if (value === undefined) return `# ${name} is not set${origin === "default" ? "" : ` (${origin})`}`;
    return `${`${name}: ${yamlText(value)}`.padEnd(valueWidth)} # ${origin}`;
  });
  if (routerKey) lines.push("# ROUTER_KEY is set, and not shown");
  output.result({ event: "config", settings, routerKey }, lines.join("\n"));
}

/** Returns all settings as their user may see them. */
export function shownSettings(
  origins: EffectiveSettings["origins"],
): (SettingOrigin & { readonly name: RouterSettingName })[] {
  return routerSettingNames.map((name) => ({ name, ...origins[name], value: shownValue(origins[name]) }));
}

/** The column at which the origins stand. */
const valueWidth = 44;

function shownValue({ value }: SettingOrigin): string | true | undefined {
  if (typeof value !== "string" || !isUrl(value) || !URL.canParse(value)) return value;
  const url = new URL(value);
  if (url.search !== "") url.search = "?hidden"; // it may be a secret
  return url.href;
}

/** Returns a value as YAML, in quotes unless it is plain beyond doubt. */
function yamlText(value: string | true): string {
  if (value === true) return "true";
  return /^[A-Za-z/][\w./:@-]*$/.test(value) && !/:$|^(?:true|false|yes|no|on|off|null|y|n)$/i.test(value)
    ? value
    : JSON.stringify(value);
}
