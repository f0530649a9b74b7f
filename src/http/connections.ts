import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { onResponseClose } from './response-close.js';

interface Open {
  /** Requests that are not answered yet: more than one where they were sent without waiting (pipelining). */
  unanswered: number;
  newest: IncomingMessage | undefined;
}

/** A server's connections. */
export interface Connections {
  /** Whether nothing else has been asked on its connection since. */
  isNewest(request: IncomingMessage): boolean;
  /**
   * Closes those on which nothing is asked (never used, idle, or with half of a request's head), and the others as soon as all is
   * answered. Node itself would wait for all but the idle ones.
   */
  closeUnused(): void;
}

/** Follows a server's connections. */
export function followConnections(server: Server): Connections {
  const connections = new Map<Socket, Open>();
  let stopping = false;
  server.on('connection', (socket) => {
    connections.set(socket, { unanswered: 0, newest: undefined });
    socket.once('close', () => connections.delete(socket));
    if (stopping) socket.destroy();
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (!connection) return;
    connection.unanswered++;
    connection.newest = request;
    onResponseClose(request, response, () => {
      connection.unanswered--;
      if (stopping && connection.unanswered === 0) socket.destroySoon();
    });
  });
  return {
    isNewest: (request) => connections.get(request.socket)?.newest === request,
    closeUnused: () => {
      stopping = true;
      for (const [socket, { unanswered }] of connections) if (unanswered === 0) socket.destroy();
    },
  };
}
