import { once } from 'node:events';
import { connect } from 'node:net';

/** A connection that has not ended by then counts as hung, however slow the machine. */
const HUNG_MS = 300_000;

/**
 * A bare connection: what came over it so far, and all that came when it has ended.
 * @typedef {{ socket: import('node:net').Socket, text(): string, ended: Promise<string> }} Connection
 */

/** Opens one that nothing but this program ends on its side. @param {number} port @returns {Promise<Connection>} */
export async function open(port) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  let text = '';
  // Being cut off is among the things that are tried.
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.once('end', () => socket.end());
  const timer = setTimeout(() => socket.destroy(), HUNG_MS);
  /** @type {Promise<string>} */
  const ended = new Promise((resolve) => {
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
  return { socket, text: () => text, ended };
}

/**
 * The head of a request with a picture.
 * @param {string} path @param {{ type: string, length: number, id?: string }} body
 */
export function headOf(path, { type, length, id }) {
  const headers = ['host: x', `content-type: ${type}`, `content-length: ${length}`];
  if (id !== undefined) headers.push(`x-request-id: ${id}`);
  return `POST ${path} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
}

/** Status and code of a reply as it came; 'nothing' if there was none. @param {string} text */
export function outcomeOfText(text) {
  const [, status = 'nothing'] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? [];
  const [, code] = /"code":"(\w+)"/.exec(text) ?? [];
  return code === undefined ? status : `${status} ${code}`;
}
