import { describe, expect, test } from 'vitest';
import { asTensor, readAnswer } from '../../../scripts/bench/requests.mjs';

const reply = (value: unknown, status = 200) => new Response(JSON.stringify(value), { status });

test('a picture as a tensor is JSON, then the octets', () => {
  const bytes = Buffer.from([0xff, 0xd8, 1, 2, 3]);
  const { body, headers } = asTensor({ name: 'a.jpg', bytes, width: 1, height: 1 });
  const head = Number(headers['inference-header-content-length']);
  expect(JSON.parse(body.subarray(0, head).toString())).toEqual({
    inputs: [{ name: 'image', datatype: 'UINT8', shape: [5], parameters: { binary_data_size: 5 } }],
  });
  expect(body.subarray(head)).toEqual(bytes);
});

describe('the best class of an answer', () => {
  const predictions = [
    { index: 7, score: 0.9 },
    { index: 2, score: 0.1 },
  ];
  test.each([
    ['of this server', { results: [{ name: 'a', predictions }] }, { index: 7 }],
    ['of a service that says who answers', { pid: 4, predictions }, { index: 7, pid: 4 }],
    [
      'in tensors',
      {
        outputs: [
          { name: 'score', data: [0.9, 0.1] },
          { name: 'index', data: [7, 2] },
          { name: 'pid', data: [4] },
        ],
      },
      { index: 7, pid: 4 },
    ],
  ])('%s', async (_whose, answer, found) => {
    expect(await readAnswer(reply(answer))).toEqual(found);
  });

  test('an error has none', async () => {
    await expect(readAnswer(reply({ error: 'not ready' }, 503))).rejects.toThrow('503');
  });
});
