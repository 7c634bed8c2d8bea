/** Makes JSON of an island's props. Throws if that would drop or change a value, naming the island and the prop. */
export function serializeProps(island: string, props: object): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined) continue;
    try {
      parts.push(`${JSON.stringify(name)}:${JSON.stringify(value, plain)}`);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : cause;
      throw new TypeError(`Cannot serialise prop "${name}" of island ${island}: ${reason}`, { cause });
    }
  }
  return `{${parts.join()}}`;
}

/** For JSON.stringify: takes what JSON can express, as it is before any toJSON(), and throws at everything else. */
function plain(this: unknown, key: string, converted: unknown): unknown {
  const value = (this as Record<string, unknown>)[key];
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) {
    return value;
  }
  // Leaving out a property that is undefined changes nothing. In an array it would become null.
  if (value === undefined && !Array.isArray(this)) return undefined;
  if (typeof value !== "object") throw new TypeError(`${String(value).slice(0, 40)} is no JSON`);
  if (Array.isArray(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  // An element of preact has an own constructor, undefined, which no JSON from outside can have.
  const isElement = Object.hasOwn(value, "constructor") && value.constructor === undefined;
  const isPlain = (prototype === Object.prototype || prototype === null) && !isElement && value === converted;
  if (!isPlain) {
    throw new TypeError(`${isElement ? "an element" : `a ${prototype?.constructor.name}`} is no JSON`);
  }
  return value;
}
