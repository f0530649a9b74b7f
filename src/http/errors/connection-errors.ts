import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import { MenagerieError } from '../../core/errors.js';
import { isLongUpload } from '../body/long-uploads.js';
import { isReadAway, type UnreadLimits } from '../body/unread-body.js';
import type { HttpEvents } from '../exchange/events.js';
import { problemOf } from './problem.js';
import { STATUS } from './status.js';

/** Errors after which nothing more arrives, or nothing worth waiting for. */
const NOTHING_LEFT = new Set(['ERR_HTTP_REQUEST_TIMEOUT', 'HPE_INVALID_EOF_STATE']);

/**
 * Handles connection errors: answers data that is not a complete, valid request with a problem document, and closes the connection.
 * Data that the client is still sending is read and dropped first, within limits, so that the client sees the reply.
 * @param newId makes a request id
 */
export function refuseMalformed(log: FastifyBaseLogger, newId: () => string, events: HttpEvents, limits: UnreadLimits) {
  /** Bytes that a connection had received when it was answered. All later data causes the same error again. */
  const answered = new WeakMap<Socket, number>();
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed) return;
    // Node tells it once for each request, and only tells it.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isLongUpload(socket)) return;
    const before = answered.get(socket);
    if (before !== undefined) {
      if (socket.bytesRead - before > limits.bytes || NOTHING_LEFT.has(error.code ?? '')) socket.destroy();
      return;
    }
    answered.set(socket, socket.bytesRead);
    // Its request has been answered already.
    if (isReadAway(socket)) {
      socket.destroy();
      return;
    }
    const id = newId();
    const typed = describeConnectionError(error);
    events.connectionFailed(typed.code);
    log.debug({ request_id: id, code: typed.code, reason: error.code, remote: socket.remoteAddress }, 'not a request');
    if (socket.writable) socket.write(answerTo(typed, id));
    if (NOTHING_LEFT.has(error.code ?? '')) {
      socket.destroySoon();
      return;
    }
    socket.end();
    socket.once('end', () => socket.destroy());
    const timer = setTimeout(() => socket.destroy(), limits.ms);
    socket.once('close', () => clearTimeout(timer));
  };
}

function answerTo(error: MenagerieError, id: string): string {
  const body = JSON.stringify(problemOf(error, id));
  const status = STATUS[error.code];
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function describeConnectionError({ code }: NodeJS.ErrnoException): MenagerieError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new MenagerieError('upload_timeout', 'The request did not arrive in time.');
    case 'HPE_HEADER_OVERFLOW':
      return new MenagerieError('malformed_request', 'The headers of the request are too large.');
    case 'HPE_INVALID_EOF_STATE':
      return new MenagerieError('malformed_request', 'The request ended early.');
    default:
      return new MenagerieError('malformed_request', 'This is not an HTTP/1.1 request.');
  }
}
