/** A check of values against the part of JSON Schema that `events.schema.json` uses; any other keyword is an error. */

export interface Schema {
  readonly [keyword: string]: unknown;
}

type Check = (value: unknown, argument: never, schema: Schema, root: Schema) => string | undefined;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
  array: Array.isArray,
  object: isMap,
};

const checks: Readonly<Record<string, Check>> = {
  type: (value, names: string | readonly string[]) =>
    [names].flat().some((name) => types[name]?.(value)) ? undefined : `is not of type ${[names].flat().join(", ")}`,
  const: (value, wanted: unknown) => (value === wanted ? undefined : `is not ${JSON.stringify(wanted)}`),
  enum: (value, values: readonly unknown[]) => (values.includes(value) ? undefined : `is none of ${values.join(", ")}`),
  minimum: (value, least: number) => (typeof value !== "number" || value >= least ? undefined : `is below ${least}`),
  minItems: (value, least: number) => (!Array.isArray(value) || value.length >= least ? undefined : "is too short"),
  maxItems: (value, most: number) => (!Array.isArray(value) || value.length <= most ? undefined : "is too long"),
  format: (value, format: string) =>
    format === "date-time" && !Number.isNaN(Date.parse(String(value))) ? undefined : `is no ${format}`,
  required: (value, keys: readonly string[]) => {
    const missing = keys.filter((key) => isMap(value) && !Object.hasOwn(value, key));
    return missing.length === 0 ? undefined : `lacks ${missing.join(", ")}`;
  },
  properties: (value, schemas: Readonly<Record<string, Schema>>, _, root) =>
    firstOf(Object.entries(isMap(value) ? value : {}), ([key, each]) =>
      Object.hasOwn(schemas, key) ? within(key, problemOf(each, schemas[key] as Schema, root)) : undefined,
    ),
  additionalProperties: (value, rest: Schema | false, { properties = {} }, root) =>
    firstOf(Object.entries(isMap(value) ? value : {}), ([key, each]) => {
      if (Object.hasOwn(properties as object, key)) return undefined;
      return rest === false ? `has the unknown field ${key}` : within(key, problemOf(each, rest, root));
    }),
  items: (value, schema: Schema, _, root) =>
    firstOf(Array.isArray(value) ? value : [], (each) => within("[]", problemOf(each, schema, root))),
  oneOf: (value, schemas: readonly Schema[], _, root) => {
    const fitting = schemas.filter((schema) => problemOf(value, schema, root) === undefined).length;
    return fitting === 1 ? undefined : `fits ${fitting} of ${schemas.length} alternatives`;
  },
  $ref: (value, path: string, _, root) => problemOf(value, definitionsOf(root)[path.replace("#/$defs/", "")], root),
};

const descriptions: ReadonlySet<string> = new Set(["$schema", "$id", "title", "description", "$defs"]);

/** Returns why a value does not fit a schema; undefined where it does. */
export function problemOf(value: unknown, schema: Schema | undefined, root: Schema): string | undefined {
  if (schema === undefined) return "has no schema";
  return firstOf(Object.entries(schema), ([keyword, argument]) => {
    if (descriptions.has(keyword)) return undefined;
    const check = checks[keyword];
    return check === undefined ? `cannot be checked: ${keyword}` : check(value, argument as never, schema, root);
  });
}

/** Returns the definitions of a schema by their names. */
export function definitionsOf(root: Schema): Readonly<Record<string, Schema>> {
  return root["$defs"] as Readonly<Record<string, Schema>>;
}

function within(key: string, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `${key} ${problem}`;
}

function firstOf<T>(items: readonly T[], problem: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = problem(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
