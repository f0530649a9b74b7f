import type { FastifyReply, FastifyRequest } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import { onResponseClose } from './response-close.js';

/** The abort reason for work whose client has disconnected. */
export function clientGone(): MenagerieError {
  return new MenagerieError('client_closed_request', 'The client closed the connection.');
}

/** A signal that aborts when the client disconnects before it is answered. */
export function abortWhenGone(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const abort = new AbortController();
  onResponseClose(request.raw, reply.raw, () => abort.abort(clientGone()));
  return abort.signal;
}
