import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { finishRequest, type UnreadLimits } from './body/unread-body.js';

interface Open {
  /** Number of requests that are not answered or not completely read; with pipelining more than one. */
  unfinished: number;
  newest: IncomingMessage | undefined;
}

/** A server's connections. */
export interface Connections {
  /** Whether the request is the newest one on its connection. */
  isNewest(request: IncomingMessage): boolean;
  /**
   * Closes connections without a request (unused, idle, or with an incomplete head) now, and the others as soon as all their
   * requests are answered. Node itself would wait for all but the idle ones.
   */
  closeUnused(): void;
}

/** Follows a server's connections and their requests. @param limits for reading the rest of refused uploads */
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
