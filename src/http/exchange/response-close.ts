import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** What is to be done when a connection is lost, by connection: one listener for all requests that it carries. */
const waiting = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back once: when a response has been sent whole, or its connection is lost. A response that waits behind another one on
 * its connection (pipelining) is not told of the loss by Node.
 * @returns what stops it
 */
export function onResponseClose(
  { socket }: IncomingMessage,
  response: ServerResponse,
  callback: () => void,
): () => void {
  const callbacks = callbacksOf(socket);
  const stop = () => {
    callbacks.delete(end);
    response.off('close', end);
  };
  const end = () => {
    stop();
    callback();
  };
  callbacks.add(end);
  response.once('close', end);
  // It was lost before anybody listened.
  if (socket.destroyed) queueMicrotask(() => callbacks.has(end) && end());
  return stop;
}

function callbacksOf(socket: Socket): Set<() => void> {
  const known = waiting.get(socket);
  if (known) return known;
  const callbacks = new Set<() => void>();
  waiting.set(socket, callbacks);
  socket.once('close', () => {
    for (const end of [...callbacks]) end();
  });
  return callbacks;
}
