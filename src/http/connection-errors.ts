import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { MenagerieError } from '../core/errors.js';
import type { HttpEvents } from './events.js';
import { problemOf } from './problem.js';
import { STATUS } from './status.js';

/**
 * Answers what never became a request (or stopped being one half-way) with a problem document too, and closes the
 * connection.
 * @param newId makes a request id
 */
export function refuseMalformed(log: FastifyBaseLogger, newId: () => string, events: HttpEvents) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    const id = newId();
    const typed = describe(error);
    events.connectionFailed(typed.code);
    log.debug({ request_id: id, code: typed.code, reason: error.code, remote: socket.remoteAddress }, 'not a request');
    const body = JSON.stringify(problemOf(typed, id));
    const status = STATUS[typed.code];
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${id}`,
      'connection: close',
    ];
    if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    socket.destroySoon();
  };
}

function describe({ code }: NodeJS.ErrnoException): MenagerieError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new MenagerieError('upload_timeout', 'The request did not arrive in time.');
    case 'HPE_HEADER_OVERFLOW':
      return new MenagerieError('malformed_request', 'The headers of the request are too large.');
    case 'HPE_INVALID_EOF_STATE':
      return new MenagerieError('malformed_request', 'The request ended early.');
    default:
      return new MenagerieError('malformed_request', 'This is no HTTP/1.1 request.');
  }
}
