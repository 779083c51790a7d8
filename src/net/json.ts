/** An object that someone else wrote, whose fields may be anything. */
export type Json = Readonly<Record<string, unknown>>

/** The JSON object that a text holds; undefined if it holds anything else. */
export function jsonObject(text: string): Json | undefined {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** A field that is an object; undefined for everything else. */
export function objectField(object: Json | undefined, name: string): Json | undefined {
  return asObject(object?.[name])
}

/** A field that is a string and not empty; undefined for everything else, numbers among them. */
export function textField(object: Json | undefined, name: string): string | undefined {
  const value = object?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** Whether a value is an object with named fields, and neither null nor a list. */
export function isJsonObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function asObject(value: unknown): Json | undefined {
  return isJsonObject(value) ? value : undefined
}
