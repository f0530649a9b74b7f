import { once } from 'node:events';

/** Lets a server listen on a free port of loopback. @param {import('node:net').Server} server @returns {Promise<number>} the port */
export async function listen(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}
