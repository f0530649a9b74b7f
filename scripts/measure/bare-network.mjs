// A thread of load-test.mjs: runs a network on one ready tensor for some seconds and reports images a second.
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';

const { file, threads, seconds } = /** @type {{ file: string, threads: number, seconds: number }} */ (workerData);
const session = await InferenceSession.create(file, {
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
});
const [input] = session.inputMetadata;
if (!input?.isTensor) throw new Error('the input is not a tensor');
const dims = input.shape.map((size) => (typeof size === 'number' && size > 0 ? size : 1));
const tensor = new Tensor(
  'float32',
  new Float32Array(dims.reduce((product, size) => product * size, 1)).fill(0.5),
  dims,
);
const feeds = { [input.name]: tensor };
await session.run(feeds);
let images = 0;
const started = performance.now();
while (performance.now() - started < seconds * 1000) {
  await session.run(feeds);
  images++;
}
parentPort?.postMessage((images * 1000) / (performance.now() - started));
