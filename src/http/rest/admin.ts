import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { MenagerieError } from '../../core/errors.js';

/** What OpenAPI says of a route for the admin. */
export const ADMIN_SECURITY = [{ adminKey: [] }];

/**
 * A hook that lets only the admin pass.
 * @throws MenagerieError in the hook: `admin_disabled`, `unauthorized`
 */
export function onlyAdmin(adminKey: string | undefined): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (adminKey === undefined) {
      throw new MenagerieError(
        'admin_disabled',
        'Changing models over HTTP is disabled: MENAGERIE_ADMIN_KEY is not set.',
      );
    }
    const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    // Hashed first, so that the time of the comparison does not depend on the length.
    const digest = (text: string) => createHash('sha256').update(text).digest();
    if (!timingSafeEqual(digest(token), digest(adminKey))) {
      throw new MenagerieError('unauthorized', 'Send the admin key as: Authorization: Bearer <key>');
    }
  };
}
