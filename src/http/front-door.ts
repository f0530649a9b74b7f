import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { MenagerieError } from '../core/errors.js';

/** Refuses requests whose headers Node accepts, or refuses without a problem document. */
export function refuseOddRequests(app: FastifyInstance): void {
  // Node calls this instead of the request listeners for an Expect header other than 100-continue.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));

  app.addHook('onRequest', ({ raw }, _reply, done) => done(faultOf(raw)));
}

function faultOf({ headers, rawHeaders, httpVersion }: IncomingMessage): MenagerieError | undefined {
  const hosts = rawHeaders.filter((text, i) => i % 2 === 0 && /^host$/i.test(text)).length;
  // RFC 9112, 3.2.
  if (hosts > 1) return new MenagerieError('malformed_request', 'The request has more than one Host header.');
  if (hosts === 0 && httpVersion === '1.1') {
    return new MenagerieError('malformed_request', 'The request has no Host header.');
  }
  const { expect, 'transfer-encoding': transferEncoding = 'chunked' } = headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return new MenagerieError('expectation_failed', 'The only expectation that the server meets is 100-continue.');
  }
  // RFC 9112, 6.1. Node removes `chunked` only, and the rest would be taken for the body.
  if (transferEncoding.toLowerCase() !== 'chunked') {
    return new MenagerieError(
      'unsupported_transfer_encoding',
      'The only Transfer-Encoding that the server decodes is chunked. For a compressed body use Content-Encoding.',
    );
  }
  return undefined;
}
