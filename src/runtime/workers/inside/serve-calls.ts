// Must come first: a signal may arrive while the other modules are loaded.
import './ignore-signals.js';
import { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type AnswerHead, type CallHead, failureOf, isAskHead } from '../protocol/calls.js';
import { type Bytes, encodeFrame, FrameError, FrameReader } from '../protocol/frame.js';

/** A part of a frame. */
export type PartBytes = Uint8Array<ArrayBuffer>;

/** Answers one call. It may throw whatever the call fails with. */
type AnswerCall = (
  call: CallHead,
  parts: readonly PartBytes[],
) => Promise<{ answer: object; parts?: readonly Bytes[] | undefined }>;

interface Call {
  head: CallHead;
  parts: readonly PartBytes[];
}

/** File descriptor of the socket, which is open from the start (see launch.ts). */
const SOCKET = 3;
const LIFELINE = new URL('./lifeline.js', import.meta.url);
/** The server limits what it sends. This is the most that one buffer can hold. */
const MAX_FRAME_BYTES = 2 ** 32;
/** The largest receive buffer of a socket on Linux, by default. */
const RECEIVED_BYTES = 256 * 1024;

/**
 * The loop of a process that works for the server: it reads calls from its socket and answers them strictly in order, because
 * computing blocks the thread. Only here does such a process read its arguments, and end.
 */
export function serveCalls(answerCall: AnswerCall): void {
  if (!process.argv.includes('--parent-death-signal')) {
    const limits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8, stackSizeMb: 1 };
    new Worker(LIFELINE, { resourceLimits: limits, env: {} }).unref();
  }
  // All reads use one buffer: the frame reader copies what it needs.
  const received = Buffer.allocUnsafeSlow(RECEIVED_BYTES);
  // A socket takes `onread` as `net.connect` does, but its type does not list it.
  const options = { fd: SOCKET, readable: true, writable: true, onread: { buffer: received, callback: receive } };
  const socket = new Socket(options);
  const waiting: Call[] = [];
  const cancelled = new Set<number>();
  const reader = new FrameReader(MAX_FRAME_BYTES);
  let working = false;

  function receive(length: number): boolean {
    for (const { head, parts } of reader.push(received.subarray(0, length))) {
      if (!isAskHead(head)) throw new FrameError('a head that is no call');
      if (head.kind === 'cancel') cancelled.add(head.id);
      else waiting.push({ head, parts });
    }
    void answerAll();
    return true;
  }
  socket.resume();
  // The server is gone. An ordinary exit would wait for the lifeline's thread, which may be in a read that never ends.
  for (const event of ['end', 'error', 'close']) socket.on(event, () => process.kill(process.pid, 'SIGKILL'));

  async function answerAll(): Promise<void> {
    if (working) return;
    working = true;
    for (let call = waiting.shift(); call; call = waiting.shift()) {
      await answer(call);
      // Read what has arrived before the next call begins: it may cancel that call.
      await new Promise(setImmediate);
    }
    cancelled.clear();
    working = false;
  }

  async function answer({ head, parts }: Call): Promise<void> {
    const { id } = head;
    if (cancelled.has(id)) return send({ id, type: 'cancelled' });
    try {
      const { answer, parts: bytes = [] } = await answerCall(head, parts);
      send({ id, type: 'done', answer }, bytes);
    } catch (error) {
      send({ id, ...failureOf(error) });
    }
  }

  function send(head: AnswerHead, parts: readonly Bytes[] = []): void {
    socket.cork();
    for (const bytes of encodeFrame(head, parts)) socket.write(bytes);
    socket.uncork();
  }
}
