import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { finishRequest, type UnreadLimits } from './body/unread-body.js';

interface Open {
  /** Requests that are not answered, or of which there is still something to read: more than one where they were sent without waiting (pipelining). */
  unfinished: number;
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

/** Follows a server's connections, and sees their requests to their ends. @param limits on what is read of refused uploads */
export function followConnections(server: Server, limits: UnreadLimits): Connections {
  const connections = new Map<Socket, Open>();
  let stopping = false;
  server.on('connection', (socket) => {
    connections.set(socket, { unfinished: 0, newest: undefined });
    socket.once('close', () => connections.delete(socket));
    if (stopping) socket.destroy();
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    const connection = connections.get(socket);
    if (!connection) return;
    connection.unfinished++;
    connection.newest = request;
    finishRequest(request, response, limits, () => {
      connection.unfinished--;
      if (stopping && connection.unfinished === 0) socket.destroySoon();
    });
  });
  return {
    isNewest: (request) => connections.get(request.socket)?.newest === request,
    closeUnused: () => {
      stopping = true;
      for (const [socket, { unfinished }] of connections) if (unfinished === 0) socket.destroy();
    },
  };
}
