import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { onResponseClose } from '../exchange/response-close.js';
import { ChunkCount } from './chunk-count.js';

/** How much of a body is read away when its request is answered already. */
export interface UnreadLimits {
  bytes: number;
  ms: number;
}

const givenUp = new WeakSet<IncomingMessage>();

/** Says that the rest of a body is not worth reading: the connection closes once the request is answered. */
export function giveUpBody(request: IncomingMessage): void {
  givenUp.add(request);
}

/** Whether the connection has to close after the reply, since the rest of the body will not be read, or not all of it. */
export function closesUnread(request: IncomingMessage, limits: UnreadLimits): boolean {
  return !request.complete && (givenUp.has(request) || Number(request.headers['content-length'] ?? 0) > limits.bytes);
}

/**
 * Sees a request to its end. Where it was answered before its body had come, the rest is read away, within limits: a client
 * that is still sending would never see the reply, because a connection that is closed with unread data is reset.
 * @param onEnd called once: when the request is answered and its body is read or given up, or the connection is lost
 */
export function finishRequest(
  request: IncomingMessage,
  response: ServerResponse,
  limits: UnreadLimits,
  onEnd: () => void,
): void {
  let reading = false;
  // Before Node's own listener, which would close the connection.
  response.prependOnceListener('finish', () => {
    if (request.complete || givenUp.has(request)) return;
    reading = true;
    readAway(request, limits, onEnd);
  });
  onResponseClose(request, response, () => {
    if (!reading) onEnd();
  });
}

function readAway(request: IncomingMessage, limits: UnreadLimits, onEnd: () => void): void {
  const { socket } = request;
  const letClose = holdOpen(socket);
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
    letClose();
    onEnd();
    if (!request.complete) socket.destroy();
  };
  const timer = setTimeout(finish, limits.ms);
  // It comes when the body is read, too.
  request.once('close', finish);
  socket.once('close', finish);
  request.on('data', onData);
  // Only of what nobody reads does Node drop the rest itself, uncounted.
  request.read(0);
  request.resume();
}

/** Connections whose request is answered and still being read. */
const held = new WeakSet<Socket>();

/** Whether what comes on a connection belongs to a request that is answered already. */
export function isReadAway(socket: Socket): boolean {
  return held.has(socket);
}

/**
 * Keeps a connection from being closed when its last reply has been sent.
 * @returns what ends it: the connection closes then, if it was to
 */
function holdOpen(socket: Socket): () => void {
  const close = socket.destroySoon;
  let wanted = false;
  held.add(socket);
  socket.destroySoon = () => {
    wanted = true;
  };
  return () => {
    held.delete(socket);
    socket.destroySoon = close;
    if (wanted) socket.destroySoon();
  };
}
