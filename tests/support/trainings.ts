import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { createRandom } from '../../src/core/random.js';
import type { TransferJob } from '../../src/training/jobs/transfer-job.js';
import type { TrainingReport } from '../../src/training/report/training-report.js';
import { writeTree } from './model-folders.js';

// Trainings over HTTP, and pictures for them: of one colour each, with noise, so that any network tells their classes apart.

export const KEY = 'the-key-of-the-tests';
const COLOURS = { red: [220, 30, 30], green: [30, 200, 40], blue: [40, 50, 220] } as const;
export type Colour = keyof typeof COLOURS;
const SIDE = 32;

/** A PNG of 32 x 32 pixels. Each seed gives another picture. */
export async function drawn(colour: Colour, seed: number): Promise<Buffer<ArrayBuffer>> {
  const random = createRandom(seed);
  // Pictures of a class differ by more than noise, or all would be near-duplicates.
  const [dark, phase] = [random.uniform(0.4, 1), random.uniform(2, 9)];
  const data = Buffer.from(
    Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
      const wave = 1 + 0.3 * Math.sin((Math.floor(i / 3) % SIDE) / phase);
      return Math.max(
        0,
        Math.min(255, Math.round(COLOURS[colour][(i % 3) as 0 | 1 | 2] * dark * wave + random.uniform(-25, 25))),
      );
    }),
  );
  const png = await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
  return Buffer.from(png);
}

/** Files of a set, by path: so many pictures of each colour, in the folder of that name. @param from the first seed */
export async function pictureSet(
  counts: Partial<Record<Colour, number>>,
  from = 0,
): Promise<Record<string, Buffer<ArrayBuffer>>> {
  const files: Record<string, Buffer<ArrayBuffer>> = {};
  for (const [colour, count] of Object.entries(counts) as [Colour, number][]) {
    for (let i = 0; i < count; i++) {
      const seed = from + 1000 * Object.keys(COLOURS).indexOf(colour) + i;
      files[`${colour}/${i}.png`] = await drawn(colour, seed);
    }
  }
  return files;
}

/** Writes a set into a folder. */
export async function writeSet(folder: string, counts: Partial<Record<Colour, number>>, from = 0): Promise<void> {
  await writeTree(folder, await pictureSet(counts, from));
}

/** What the server says of a training. */
export interface Training {
  id: string;
  model: string;
  base: string;
  state: TransferJob['state'];
  progress: { step: string; done: number; total: number; note: string } | null;
  error: { code: string; detail: string } | null;
  result: { model: string; version: string; accuracy: number; classes: number; pictures: number } | null;
}

export const ADMIN = { authorization: `Bearer ${KEY}` };

/** Starts a training. @param body JSON, or pictures with the parameters in `query` */
export async function startTraining(
  url: string,
  base: string,
  body: Record<string, unknown> | FormData | Uint8Array<ArrayBuffer>,
  query = '',
): Promise<Response> {
  const isJson = !(body instanceof FormData || body instanceof Uint8Array);
  return await fetch(`${url}/models/${base}/transfers${query}`, {
    method: 'POST',
    headers: { ...ADMIN, ...(isJson && { 'content-type': 'application/json' }) },
    body: isJson ? JSON.stringify(body) : body,
  });
}

/** The states of a training as its events tell them, until it is over or the server ends. */
export async function* eventsOf(url: string, id: string): AsyncGenerator<Training> {
  const response = await fetch(`${url}/transfers/${id}`, { headers: { accept: 'text/event-stream' } });
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    const parts = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) if (part.startsWith('data: ')) yield JSON.parse(part.slice(6)) as Training;
  }
}

/** Waits until a training is over. */
export async function untilOver(url: string, id: string): Promise<Training> {
  let last: Training | undefined;
  for await (const training of eventsOf(url, id)) last = training;
  if (!last) throw new Error(`no event of ${id}`);
  return last;
}

/** Starts a training and waits until it is over. */
export async function train(...args: Parameters<typeof startTraining>): Promise<Training> {
  const response = await startTraining(...args);
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`);
  return await untilOver(args[0], ((await response.json()) as Training).id);
}

export async function reportOfTraining(url: string, id: string): Promise<TrainingReport> {
  const response = await fetch(`${url}/transfers/${id}/report`, { headers: ADMIN });
  if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as TrainingReport;
}

/** Files below a data directory that no training should leave: half written ones, and pictures that were uploaded. */
export function leftovers(data: string): string[] {
  const names = readdirSync(data, { recursive: true }).map(String);
  return names
    .filter((name) => name.includes('.partial') || /transfers\/[^/]+\/pictures/.test(name))
    .map((name) => join(name));
}
