import type { FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { MenagerieError } from '../../core/errors.js';

/**
 * The form of a reply: the one that the query names, else the best match of the Accept header.
 * @param types media types by form; the first is the default if the client accepts any
 * @throws MenagerieError `not_acceptable`
 */
export function negotiatedForm<F extends string>(
  { raw }: FastifyRequest,
  named: F | undefined,
  types: ReadonlyMap<F, string>,
): F {
  if (named !== undefined) return named;
  const known = [...types.values()];
  const best = new Negotiator(raw).mediaType(known);
  for (const [form, type] of types) if (type === best) return form;
  throw new MenagerieError('not_acceptable', `This resource is available as ${known.join(', ')}.`);
}
