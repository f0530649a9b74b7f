import { Value } from 'typebox/value';

/**
 * The JSON of a reply.
 * @template {import('typebox').TSchema} T
 * @param {Response} reply @param {T} schema that it must match @returns {Promise<import('typebox').Static<T>>}
 * @throws Error if it does not
 */
export async function jsonOf(reply, schema) {
  const text = await reply.text();
  const value = JSON.parse(text);
  if (!Value.Check(schema, value)) throw new Error(`${reply.url} answers ${reply.status}: ${text}`);
  return value;
}
