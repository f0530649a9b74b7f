import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type Callbacks = Set<() => void>;

/** What to call for each response that is not over. */
const callbacksByResponse = new WeakMap<ServerResponse, Callbacks>();
/** What ends each response that is not over, by connection: one listener serves all requests of a connection. */
const endsBySocket = new WeakMap<Socket, Callbacks>();

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
  const callbacks = callbacksByResponse.get(response) ?? follow(socket, response);
  callbacks.add(callback);
  // The connection was lost before this call.
  if (socket.destroyed) queueMicrotask(() => callbacks.delete(callback) && callback());
  return () => callbacks.delete(callback);
}

/** Calls back at the end of a response whatever there is to call by then. */
function follow(socket: Socket, response: ServerResponse): Callbacks {
  const callbacks: Callbacks = new Set();
  callbacksByResponse.set(response, callbacks);
  const ends = endsOf(socket);
  const end = () => {
    ends.delete(end);
    for (const callback of callbacks) {
      callbacks.delete(callback);
      callback();
    }
  };
  ends.add(end);
  response.once('close', end);
  return callbacks;
}

function endsOf(socket: Socket): Callbacks {
  const known = endsBySocket.get(socket);
  if (known) return known;
  const ends: Callbacks = new Set();
  endsBySocket.set(socket, ends);
  socket.once('close', () => {
    for (const end of [...ends]) end();
  });
  return ends;
}
