/** Returns a value that has the right form, or throws. What a schema does not name is left out. */
export type Schema<T> = (value: unknown) => T;

/** A string that matches a pattern, which has to match it as a whole and bound its length. */
export function text(pattern: RegExp): Schema<string> {
  return (value) => {
    if (typeof value === "string" && pattern.test(value)) return value;
    throw new Error(`not a text that matches ${pattern}`);
  };
}

export function oneOf<T extends string>(...allowed: T[]): Schema<T> {
  return (value) => {
    const found = allowed.find((one) => one === value);
    if (found !== undefined) return found;
    throw new Error(`none of ${allowed.join(", ")}`);
  };
}

/** A finite number that is not negative. */
export function amount(value: unknown): number {
  if (Number.isFinite(value) && (value as number) >= 0) return value as number;
  throw new Error("not a number of 0 or more");
}

/** An integer of 1 or more. */
export function positive(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw new Error("not a positive integer");
}

export function boolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new Error("not true or false");
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return (value) => (value === null ? null : schema(value));
}

export function list<T>(item: Schema<T>, limit: number): Schema<T[]> {
  return (value) => {
    if (Array.isArray(value) && value.length <= limit) return value.map(item);
    throw new Error(`not a list of at most ${limit}`);
  };
}

export function dictionary<T>(key: RegExp, item: Schema<T>): Schema<Record<string, T>> {
  return (value) =>
    Object.fromEntries(
      Object.entries(plain(value)).map(([name, one]) => {
        if (!key.test(name)) throw new Error(`a name that does not match ${key}`);
        return [name, item(one)];
      }),
    );
}

/** A property that may be missing. */
export function optional<T>(schema: Schema<T>): Schema<T> {
  return (value) => (value === undefined ? (undefined as T) : schema(value));
}

export function object<T extends object>(fields: { [K in keyof T]-?: Schema<T[K]> }): Schema<T> {
  return (value) => {
    const given = plain(value);
    const result: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries<Schema<unknown>>(fields)) {
      const read = schema(Object.hasOwn(given, name) ? given[name] : undefined);
      if (read !== undefined) result[name] = read;
    }
    return result as T;
  };
}

function plain(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new Error("not an object");
}
