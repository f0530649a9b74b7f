// First of all: it may come while the rest is being loaded.
import './ignore-signals.js';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { Worker } from 'node:worker_threads';
import { type AskHead, failureOf } from '../protocol/calls.js';
import { type Bytes, encodeFrame, type Frame, FrameReader } from '../protocol/frame.js';
import { answerCall } from './worker-calls.js';

// The process of a worker. It reads calls from its socket and answers them strictly in order: what computes, blocks. Only this file
// knows the process.

/** It is there when the process starts (see launch.ts). */
const SOCKET = 3;
const LIFELINE = new URL('./lifeline.js', import.meta.url);
/** What the server sends it has bounded itself: the largest that one buffer could hold. */
const MAX_FRAME_BYTES = 2 ** 32;
/** What a socket holds at most on Linux, unless it was told otherwise. */
const RECEIVED_BYTES = 256 * 1024;
const SERVER_IS_GONE = 70;

work();

function work(): void {
  if (!process.argv.includes('--parent-death-signal')) {
    const limits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8, stackSizeMb: 1 };
    new Worker(LIFELINE, { resourceLimits: limits, env: {} }).unref();
  }
  // One buffer for all that arrives: what is read is copied to where it belongs.
  const received = Buffer.allocUnsafeSlow(RECEIVED_BYTES);
  const onread = { buffer: received, callback: receive };
  const socket = new Socket({ fd: SOCKET, readable: true, writable: true, onread } as SocketConstructorOpts);
  const waiting: Frame[] = [];
  const cancelled = new Set<number>();
  const reader = new FrameReader(MAX_FRAME_BYTES);
  let working = false;

  function receive(length: number): boolean {
    for (const frame of reader.push(received.subarray(0, length))) {
      const head = frame.head as AskHead;
      if (head.kind === 'cancel') cancelled.add(head.id);
      else waiting.push(frame);
    }
    void workOff();
    return true;
  }
  socket.resume();
  for (const event of ['end', 'error', 'close']) socket.on(event, () => process.exit(SERVER_IS_GONE));

  async function workOff(): Promise<void> {
    if (working) return;
    working = true;
    for (let frame = waiting.shift(); frame; frame = waiting.shift()) {
      await answer(frame);
      // What has arrived meanwhile is read first: it may say that the next one is not wanted any more.
      await new Promise(setImmediate);
    }
    cancelled.clear();
    working = false;
  }

  async function answer({ head, parts }: Frame): Promise<void> {
    const ask = head as Exclude<AskHead, { kind: 'cancel' }>;
    const { id } = ask;
    if (cancelled.has(id)) return send({ id, type: 'cancelled' });
    try {
      const { answer, parts: bytes = [] } = await answerCall(ask, parts);
      send({ id, type: 'done', answer }, bytes);
    } catch (error) {
      send({ id, ...failureOf(error) });
    }
  }

  function send(head: object, parts: readonly Bytes[] = []): void {
    socket.cork();
    for (const bytes of encodeFrame(head, parts)) socket.write(bytes);
    socket.uncork();
  }
}
