// A reader that reads nothing: it answers, ends its thread or does neither, as the first byte of the file says (a, x or another).
// Its answers have the number of bytes as width and the thread as height.
import { parentPort, threadId } from 'node:worker_threads';

parentPort?.on('message', (/** @type {{ id: number, bytes: Uint8Array }} */ { id, bytes }) => {
  const action = String.fromCharCode(bytes[0] ?? 0);
  if (action === 'x') process.exit(3);
  if (action === 'a') parentPort?.postMessage({ id, type: 'done', result: { width: bytes.length, height: threadId } });
});
