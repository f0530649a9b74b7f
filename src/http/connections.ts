import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Follows a server's connections, so that those on which nothing was asked (never used, idle, or with half of a
 * request's head) can be closed when it stops. Node itself would wait for all but the idle ones.
 */
export function followConnections(server: Server): { closeUnused(): void } {
  const unused = new Set<Socket>();
  let stopping = false;
  server.on('connection', (socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
    if (stopping) socket.destroy();
  });
  server.on('request', ({ socket }, response) => {
    unused.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) unused.add(socket);
    });
  });
  return {
    closeUnused: () => {
      stopping = true;
      for (const socket of unused) socket.destroy();
    },
  };
}
