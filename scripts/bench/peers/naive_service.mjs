#!/usr/bin/env node
// An image classifier as it is written first: one process, and the network runs on the thread that answers. Measured beside
// this server by bench.mjs.
import multipart from '@fastify/multipart';
import Fastify from 'fastify';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { readCommandLine, refuseCommandLine } from '../../shared/command-line.mjs';

const HELP = `Usage: node naive_service.mjs --model <file> [options]

  --model <file>     ONNX file
  --input <name>     its input
  --size <n>         pixels of a side of the input
  --resize <n>       pixels of the shorter side before the middle is cut out
  --channels <n>     3, or 1 for grey
  --scale <x> --mean <a,b,c> --std <a,b,c>   (value * scale - mean) / std
  --port <n>
  --help             this text

POST /classify takes a form with a picture in the field image.
`;
const TOP = 5;

const { values: options } = readCommandLine(HELP, {
  model: { type: 'string' },
  input: { type: 'string', default: 'input' },
  size: { type: 'string', default: '224' },
  resize: { type: 'string', default: '256' },
  channels: { type: 'string', default: '3' },
  scale: { type: 'string', default: '1' },
  mean: { type: 'string', default: '0,0,0' },
  std: { type: 'string', default: '1,1,1' },
  port: { type: 'string', default: '8000' },
});
if (options.model === undefined) refuseCommandLine(HELP, 'Name a model.');

const size = Number(options.size);
const shorter = Number(options.resize);
const channels = Number(options.channels);
const scale = Number(options.scale);
const mean = options.mean.split(',').map(Number);
const std = options.std.split(',').map(Number);
const session = await InferenceSession.create(options.model);
const app = Fastify();
await app.register(multipart, { limits: { fileSize: 20 * 1024 * 1024 } });

app.post('/classify', async (request, reply) => {
  const file = await request.file();
  if (!file) return reply.code(400).send({ error: 'no picture' });
  const tensor = await preprocess(await file.toBuffer());
  const results = await session.run({ [options.input]: tensor });
  const [output] = Object.values(results);
  if (!(output?.data instanceof Float32Array)) throw new Error('the network answers no scores');
  return { pid: process.pid, predictions: topOf(softmax(Array.from(output.data))) };
});

/** @param {Buffer} bytes */
async function preprocess(bytes) {
  const image = sharp(bytes);
  const { width, height } = await image.metadata();
  const factor = shorter / Math.min(width, height);
  const resized = { width: Math.round(width * factor), height: Math.round(height * factor) };
  const corner = { left: (resized.width - size) >> 1, top: (resized.height - size) >> 1 };
  image.resize({ ...resized, fit: 'fill' }).extract({ ...corner, width: size, height: size });
  if (channels === 1) image.greyscale();
  const pixels = await image.removeAlpha().raw().toBuffer();
  const values = new Float32Array(channels * size * size);
  for (let c = 0; c < channels; c++) {
    const [m = Number.NaN, s = Number.NaN] = [mean[c], std[c]];
    for (let i = 0; i < size * size; i++) {
      const value = pixels[i * channels + c] ?? Number.NaN;
      values[c * size * size + i] = (value * scale - m) / s;
    }
  }
  return new Tensor('float32', values, [1, channels, size, size]);
}

/** @param {number[]} logits */
function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** @param {number[]} scores */
function topOf(scores) {
  const ranked = scores.map((score, index) => ({ index, score })).sort((a, b) => b.score - a.score);
  return ranked.slice(0, TOP);
}

await app.listen({ port: Number(options.port), host: '127.0.0.1' });
