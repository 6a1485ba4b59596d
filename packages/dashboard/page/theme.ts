/** Light or dark: that of the system, unless the reader has chosen. */
import { signal } from "@preact/signals";

const key = "trunkline-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function stored(): "light" | "dark" | undefined {
  try {
    const value = localStorage.getItem(key);
    return value === "light" || value === "dark" ? value : undefined;
  } catch {
    return undefined; // the browser keeps nothing
  }
}

export const theme = signal<"light" | "dark">(stored() ?? systemTheme());

function systemTheme(): "light" | "dark" {
  return system.matches ? "dark" : "light";
}

system.addEventListener("change", () => {
  if (stored() === undefined) show(systemTheme());
});

function show(name: "light" | "dark"): void {
  document.documentElement.dataset["theme"] = name;
  theme.value = name;
}

/** Shows the other theme from now on. */
export function toggleTheme(): void {
  const other = theme.value === "light" ? "dark" : "light";
  try {
    localStorage.setItem(key, other);
  } catch {} // it holds for this page only
  show(other);
}

show(theme.value);
