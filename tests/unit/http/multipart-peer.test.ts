import { basename } from 'node:path/win32';
import multipart from '@fastify/multipart';
import fc from 'fast-check';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { MultipartSplitter } from '../../../src/http/body/readers/multipart.js';
import { dispositionOf } from '../../../src/http/body/readers/part-headers.js';

// Our reader of forms beside @fastify/multipart.

interface Part {
  name: string;
  filename: string | undefined;
  content: string;
}

const BOUNDARY = 'a-boundary';
const peer = Fastify();
await peer.register(multipart, { isPartAFile: () => true, limits: { parts: 100, files: 100 } });
peer.post('/', async (request) => {
  const parts: Part[] = [];
  for await (const part of request.parts()) {
    if (part.type !== 'file') continue;
    const content = (await part.toBuffer()).toString('latin1');
    parts.push({ name: part.fieldname, filename: part.filename || undefined, content });
  }
  return parts;
});

/** What the plugin finds in a form; undefined if it refuses it. */
async function readByPeer(body: Buffer): Promise<Part[] | undefined> {
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  const reply = await peer.inject({ method: 'POST', url: '/', headers, payload: body });
  return reply.statusCode === 200 ? reply.json() : undefined;
}

/** What our reader finds in it; undefined if it refuses it. */
function readByUs(body: Buffer): Part[] | undefined {
  const parts: Part[] = [];
  const splitter = new MultipartSplitter(BOUNDARY, {
    partBegins: (head) => {
      const { name, filename } = dispositionOf(head);
      // The plugin removes folders at once.
      parts.push({ name, filename: filename && (basename(filename) || undefined), content: '' });
    },
    partContinues: (bytes) => {
      const last = parts.at(-1);
      if (last) last.content += Buffer.from(bytes).toString('latin1');
    },
    partEnds: () => {},
  });
  try {
    splitter.add(body);
  } catch {
    return undefined;
  }
  return splitter.complete ? parts : undefined;
}

const name = fc.constantFrom('image', 'data', 'a b', 'image[]', 'Kätzchen ☺', 'x;y', "it's");
const filename = fc.constantFrom(
  'a.png',
  'Kätzchen ☺.png',
  '/etc/a b.png',
  'C:\\\\f\\\\a.png',
  'q\\"uote.png',
  'x; name=y',
  '',
);
const disposition = fc
  .record({ name, filename: fc.option(filename, { nil: undefined }), last: fc.boolean() })
  .map(({ name, filename, last }) => {
    const parameters = [`name="${name}"`, ...(filename === undefined ? [] : [`filename="${filename}"`])];
    return `form-data; ${(last ? parameters.reverse() : parameters).join('; ')}`;
  });
const content = fc
  .array(fc.constantFrom('\r\n', '\r', '\n', '-', '--', '--a', 'a-boundary', '--a-boundar', '\0', '\xff', 'x', ''))
  .map((pieces) => pieces.join(''))
  .filter((text) => !`\r\n${text}\r\n`.includes(`\r\n--${BOUNDARY}`));
const type = fc.constantFrom('', '\r\nContent-Type: image/png', '\r\ncontent-type: text/plain; charset=utf-8');
const form = fc
  .record({
    parts: fc.array(fc.tuple(disposition, type, content), { minLength: 1, maxLength: 5 }),
    before: fc.constantFrom('', 'before\r\n'),
    after: fc.constantFrom('', '\r\n', '\r\nafter'),
  })
  .map(({ parts, before, after }) => {
    const written = parts.map(([said, typed, bytes]) =>
      Buffer.concat([
        Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: ${said}${typed}\r\n\r\n`),
        Buffer.from(`${bytes}\r\n`, 'latin1'),
      ]),
    );
    return Buffer.concat([Buffer.from(before), ...written, Buffer.from(`--${BOUNDARY}--${after}`)]);
  });

test('both find the same parts in a form', async () => {
  await fc.assert(
    fc.asyncProperty(form, async (body) => {
      const ours = readByUs(body);
      expect(ours).toBeDefined();
      expect(await readByPeer(body)).toEqual(ours);
    }),
    { numRuns: 200 },
  );
});

test('what we find in a damaged form, the plugin finds too, or it is refused', async () => {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat(3),
    added: fc.string({ maxLength: 2 }),
  });
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(form, fc.array(change, { minLength: 1, maxLength: 3 }), async (whole, changes) => {
      let body = whole;
      for (const { at, removed, added } of changes) {
        const start = Math.floor(at * body.length);
        body = Buffer.concat([body.subarray(0, start), Buffer.from(added), body.subarray(start + removed)]);
      }
      const ours = readByUs(body);
      if (!ours) return;
      taken++;
      // Not the names: of a damaged header each makes what it can.
      const contents = (parts: Part[] | undefined) => parts?.map(({ content }) => content);
      expect(contents(await readByPeer(body))).toEqual(contents(ours));
    }),
    { numRuns: 400 },
  );
  expect(taken).toBeGreaterThan(10);
});
