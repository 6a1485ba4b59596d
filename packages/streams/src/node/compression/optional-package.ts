/** Packages that are loaded only when their format is used. */

/**
 * Loads a package.
 * @throws Error that names the package and its purpose when it cannot be loaded, with the reason as its cause
 */
export async function optionalPackage<T>(name: string, purpose: string): Promise<T> {
  try {
    const loaded = (await import(name)) as { readonly default?: T } & T;
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new Error(`${purpose} needs the package ${name}, which could not be loaded: npm install ${name}`, { cause });
  }
}
