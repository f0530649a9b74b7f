import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Callbacks for the loss of each connection: one listener serves all its requests. */
const callbacksBySocket = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls back once: when a response has been sent completely, or its connection is lost. Node does not emit `close` on the loss for
 * a response that waits behind another one on its connection (pipelining).
 * @returns cancels the callback
 */
export function onResponseClose(
  { socket }: IncomingMessage,
  response: ServerResponse,
  callback: () => void,
): () => void {
  const callbacks = callbacksOf(socket);
  const cancel = () => {
    callbacks.delete(end);
    response.off('close', end);
  };
  const end = () => {
    cancel();
    callback();
  };
  callbacks.add(end);
  response.once('close', end);
  // The connection was lost before this call.
  if (socket.destroyed) queueMicrotask(() => callbacks.has(end) && end());
  return cancel;
}

function callbacksOf(socket: Socket): Set<() => void> {
  const known = callbacksBySocket.get(socket);
  if (known) return known;
  const callbacks = new Set<() => void>();
  callbacksBySocket.set(socket, callbacks);
  socket.once('close', () => {
    for (const end of [...callbacks]) end();
  });
  return callbacks;
}
