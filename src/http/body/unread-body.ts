import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { onResponseClose } from '../exchange/response-close.js';
import { ChunkCount } from './chunk-count.js';

/** How much of a body is read and dropped after its request was answered. */
export interface UnreadLimits {
  bytes: number;
  ms: number;
}

const givenUp = new WeakSet<IncomingMessage>();

/** Gives up the rest of a body: it is not read, and the connection closes after the reply. */
export function giveUpBody(request: IncomingMessage): void {
  givenUp.add(request);
}

/** Whether the connection has to close after the reply because the rest of the body will not be read completely. */
export function closesUnread(request: IncomingMessage, limits: UnreadLimits): boolean {
  return !request.complete && (givenUp.has(request) || Number(request.headers['content-length'] ?? 0) > limits.bytes);
}

/**
 * Follows a request to its end. If it is answered before its whole body has arrived, the rest is read and dropped, within limits.
 * Otherwise a client that is still sending would never see the reply, because closing a connection with unread data resets it.
 * @param onEnd called once: when the request is answered and its body is read or given up, or when the connection is lost
 */
export function finishRequest(
  request: IncomingMessage,
  response: ServerResponse,
  limits: UnreadLimits,
  onEnd: () => void,
): void {
  let dropping = false;
  // Before Node's own listener, which would close the connection.
  response.prependOnceListener('finish', () => {
    if (request.complete || givenUp.has(request)) return;
    dropping = true;
    dropBody(request, limits, onEnd);
  });
  onResponseClose(request, response, () => {
    if (!dropping) onEnd();
  });
}

function dropBody(request: IncomingMessage, limits: UnreadLimits, onEnd: () => void): void {
  const { socket } = request;
  const allowClose = holdOpen(socket);
  const count = new ChunkCount();
  let left = limits.bytes;
  const onData = (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0 || count.add(chunk)) finish();
  };
  const finish = () => {
    clearTimeout(timer);
    request.off('data', onData);
    request.off('close', finish);
    socket.off('close', finish);
    allowClose();
    onEnd();
    if (!request.complete) socket.destroy();
  };
  const timer = setTimeout(finish, limits.ms);
  // Also emitted when the body is read completely.
  request.once('close', finish);
  socket.once('close', finish);
  request.on('data', onData);
  // Makes the body count as read: Node would drop an unread one itself, without counting it.
  request.read(0);
  request.resume();
}

/** Connections whose last request was answered and is still being read. */
const heldOpen = new WeakSet<Socket>();

/** Whether the data on a connection belongs to a request that was already answered. */
export function isReadAway(socket: Socket): boolean {
  return heldOpen.has(socket);
}

/**
 * Prevents that a connection is closed when its last reply has been sent.
 * @returns allows it again, and closes the connection if that was due
 */
function holdOpen(socket: Socket): () => void {
  const close = socket.destroySoon;
  let due = false;
  heldOpen.add(socket);
  socket.destroySoon = () => {
    due = true;
  };
  return () => {
    heldOpen.delete(socket);
    socket.destroySoon = close;
    if (due) socket.destroySoon();
  };
}
