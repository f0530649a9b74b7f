import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { atATime } from '../shared/loops.mjs';
import { oneOf } from './one-of.mjs';
import { formBody, GOLDEN, rawBody } from './pictures.mjs';
import { Tally } from './tally.mjs';

/** @import { Random } from '../../dist/core/random.js' */
/** @import { Body } from './pictures.mjs' */

/** Models that the server must have loaded; the other members of the ensembles below must not be. */
export const LOADED = ['lenet5', 'cifar10-resnet20', 'cifar10-nin'];

/** Clients that break off requests at the same time. */
const WIDTH = 20;
/** Milliseconds that a client waits at most before it breaks off, and in the middle of what it sends. */
const LONGEST_MS = 6;
/** After it has closed its half, a client takes what is answered; a connection that is still open then counts as stuck. */
const STUCK_MS = 60_000;

const AIRPLANE = GOLDEN['cifar10-resnet20'].bytes;
/**
 * What is asked. Ensembles look for members that are not loaded, which takes them to the disk.
 * @type {{ target: string, picture: Buffer | undefined }[]}
 */
const QUESTIONS = [
  { target: '/classify?model=lenet5', picture: GOLDEN.lenet5.bytes },
  { target: '/classify?model=cifar10-resnet20&crops=5', picture: AIRPLANE },
  { target: '/classify?model=cifar10-all', picture: AIRPLANE },
  { target: '/classify?model=cifar10-vgg16', picture: AIRPLANE },
  { target: '/ensemble?models=cifar10-nin,cifar10-vgg16,cifar10-alexnet&min_members=1', picture: AIRPLANE },
  { target: '/estimate?model=cifar10-all', picture: undefined },
  { target: '/models/lenet5/summary?format=text', picture: undefined },
  { target: '/models', picture: undefined },
  { target: '/livez', picture: undefined },
];

/**
 * The bytes of a request.
 * @param {Random} random
 * @returns {{ head: Buffer, body: Buffer }}
 */
function requestOf(random) {
  const { target, picture } = oneOf(random, QUESTIONS);
  if (picture === undefined) {
    const method = target.startsWith('/estimate') ? 'POST' : 'GET';
    return { head: Buffer.from(`${method} ${target} HTTP/1.1\r\nhost: x\r\n\r\n`), body: Buffer.alloc(0) };
  }
  // Some ask the same as others, and share an answer.
  const seed = random.integer(20);
  /** @type {Body} */
  const { type, bytes } = oneOf(random, [rawBody(picture), formBody([picture]), formBody([picture, picture])]);
  const chunked = random.integer(3) === 0;
  const framing = chunked ? 'transfer-encoding: chunked' : `content-length: ${bytes.length}`;
  const lines = [`POST ${target}&seed=${seed} HTTP/1.1`, 'host: x', `content-type: ${type}`, framing, '', ''];
  return { head: Buffer.from(lines.join('\r\n')), body: chunked ? inChunks(random, bytes) : Buffer.from(bytes) };
}

/** @param {Random} random @param {Uint8Array} bytes */
function inChunks(random, bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + 1 + random.integer(bytes.length));
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
    at += piece.length;
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
}

/** How much of the last request is sent. @param {Random} random @param {{ head: Buffer, body: Buffer }} request */
function cutOf(random, { head, body }) {
  switch (random.integer(4)) {
    case 0:
      return random.integer(head.length);
    case 1:
      return head.length;
    case 2:
      return head.length + random.integer(body.length + 1);
    default:
      return head.length + body.length;
  }
}

/** @param {Random} random */
async function hesitate(random) {
  const ms = random.integer(LONGEST_MS);
  if (ms > 0) await sleep(ms);
  else await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Sends some requests on a connection and leaves it before they are answered.
 * @param {number} port @param {Random} random @returns {Promise<string>} what it did
 */
async function breakOff(port, random) {
  const before = Array.from({ length: oneOf(random, [0, 0, 0, 1, 3]) }, () => requestOf(random));
  const last = requestOf(random);
  const whole = Buffer.concat([...before, last].flatMap(({ head, body }) => [head, body]));
  const missing = last.head.length + last.body.length - cutOf(random, last);
  const sent = whole.subarray(0, whole.length - missing);
  const how = oneOf(random, ['reset', 'closed', 'half-closed']);

  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: how === 'half-closed', noDelay: true });
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (!(await Promise.race([once(socket, 'connect').catch(() => false), closed]))) return 'refused';
  if (random.integer(2) === 0) {
    const first = random.integer(sent.length + 1);
    socket.write(sent.subarray(0, first));
    await hesitate(random);
    socket.write(sent.subarray(first));
  } else socket.write(sent);
  await hesitate(random);
  if (how === 'reset') socket.resetAndDestroy();
  else if (how === 'closed') socket.destroy();
  else {
    socket.resume();
    socket.end();
    socket.once('end', () => socket.destroy());
  }
  let stuck = false;
  const timer = setTimeout(() => {
    stuck = true;
    socket.destroy();
  }, STUCK_MS);
  await closed;
  clearTimeout(timer);
  return stuck ? 'stuck' : `${how}${before.length > 0 ? ', pipelined' : ''}`;
}

/**
 * Breaks requests off at random moments: in the middle of the head, after it, in the body, after all of it.
 * @param {object} options
 * @param {number} options.port of a server that has loaded LOADED and nothing else
 * @param {Random} options.random
 * @param {number} options.count of connections
 * @param {(done: number) => boolean} [options.goOn] asked before each; false ends it
 * @returns {Promise<Tally>} what was done, by kind
 */
export async function breakRequests({ port, random, count, goOn = () => true }) {
  const done = new Tally();
  let begun = 0;
  await atATime(WIDTH, () => {
    if (begun === count || !goOn(begun)) return undefined;
    begun++;
    return breakOff(port, random).then((what) => done.add(what));
  });
  return done;
}
