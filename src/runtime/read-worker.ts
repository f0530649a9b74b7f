import { parentPort, workerData } from 'node:worker_threads';
import { readPicture } from '../imaging/read-picture.js';
import { failureOf, type ReaderSettings, type ReadRequest } from './protocol.js';
import { stepBack } from './step-back.js';

// The thread of a reader. Decoding is done by libuv's threads, so while one picture is decoded another is rendered here.

stepBack();
const limits = workerData as ReaderSettings;

parentPort?.on('message', async ({ id, bytes, autoOrient, looks }: { id: number } & ReadRequest) => {
  try {
    const result = await readPicture(bytes, autoOrient, looks, limits);
    const moved = result.looks.map(({ pixels }) => pixels.buffer);
    parentPort?.postMessage({ id, type: 'done', result }, moved);
  } catch (error) {
    parentPort?.postMessage({ id, ...failureOf(error) });
  }
});
