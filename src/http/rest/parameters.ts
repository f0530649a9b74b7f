import type { FastifyRequest } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import type { Static, TObject } from '../../core/schema/typebox.js';
import { describeValidation } from '../errors/error-handling.js';

/**
 * The parameters of the URL and of the body together.
 * @param schema checks them, and adds the defaults
 * @throws MenagerieError `invalid_request`, also if a parameter is given twice with different values
 */
export function allParameters<S extends TObject>(
  request: FastifyRequest,
  inBody: ReadonlyMap<string, string>,
  schema: S,
): Static<S> {
  const [, query = ''] = request.url.split('?', 2);
  const all = new Map(new URLSearchParams(query));
  for (const [name, value] of inBody) {
    const inUrl = all.get(name);
    if (inUrl !== undefined && inUrl !== value) {
      throw new MenagerieError(
        'invalid_request',
        `${name} is given twice: ${quoted(inUrl)} in the URL and ${quoted(value)} in the body.`,
      );
    }
    all.set(name, value);
  }
  const parameters: unknown = Object.fromEntries(all);
  const validate = request.compileValidationSchema(schema, 'querystring');
  const isValid = (value: unknown): value is Static<S> => validate(value) === true;
  if (!isValid(parameters)) throw describeValidation(validate.errors ?? []);
  return parameters;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
