import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MultipartSplitter } from '../../../src/http/body/readers/multipart.js';
import { boundaryOf, dispositionOf } from '../../../src/http/body/readers/part-headers.js';

/** The parts that the splitter finds in a body that comes in these pieces. */
function split(pieces: Uint8Array[]): { parts: [head: string, content: string][]; complete: boolean } {
  const parts: [string, string][] = [];
  const splitter = new MultipartSplitter('b--', {
    partBegins: (head) => parts.push([head, '']),
    partContinues: (bytes) => {
      const last = parts.at(-1);
      if (last) last[1] += Buffer.from(bytes).toString('latin1');
    },
    partEnds: () => {},
  });
  for (const piece of pieces) splitter.add(piece);
  return { parts, complete: splitter.complete };
}

/** Text of which much looks like a boundary. */
const content = fc
  .array(fc.constantFrom('\r', '\n', '\r\n', '\r\n-', '\r\n--', '\r\n--b', '\r\n--b-', '-', 'b', 'x', '\0', '\xff'))
  .map((pieces) => pieces.join(''))
  .filter((text) => !`\r\n${text}\r\n`.includes('\r\n--b--'));
const part = fc.tuple(fc.constantFrom('', 'a: 1', 'a: 1\r\nb: 2'), content);

test('the parts of a body are found however it comes in pieces', () => {
  fc.assert(
    fc.property(fc.array(part), fc.array(fc.nat(300)), fc.constantFrom('', 'before\r\n'), (parts, cuts, preamble) => {
      const text = parts.map(([head, body]) => `--b-- \t\r\n${head}${head && '\r\n'}\r\n${body}\r\n`).join('');
      const bytes = Buffer.from(`${preamble}${text}--b----after\r\n--b--\r\n`, 'latin1');
      const at = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b);
      const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
      expect(split(pieces)).toEqual({ parts, complete: true });
      expect(split([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual({ parts, complete: true });
    }),
  );
});

test('a body that does not begin with its boundary is refused before it is over', () => {
  expect(() => split(Array.from({ length: 10 }, () => Buffer.alloc(10_000, 1)))).toThrow(/does not begin/);
  expect(() => split([Buffer.from('--b--x\r\n')])).toThrow(/not followed by the end of its line/);
});

test('what the headers of a part say is read as browsers and libraries write it', () => {
  const read = (value: string) => dispositionOf(`X: 1\r\nContent-Disposition: ${value}\r\nContent-Type: a/b`);
  expect(read('form-data; name="a"')).toEqual({ name: 'a', filename: undefined });
  expect(read('Form-Data;name=a;filename=b.png')).toEqual({ name: 'a', filename: 'b.png' });
  expect(read('form-data; filename="x; name=y"; name="a"')).toEqual({ name: 'a', filename: 'x; name=y' });
  expect(read('form-data; name="a"; filename="q\\"uote.png"')).toEqual({ name: 'a', filename: 'q"uote.png' });
  expect(read('form-data; name="a";\r\n filename="/etc/x.png"')).toEqual({ name: 'a', filename: '/etc/x.png' });
  expect(read('form-data; name="a"; filename=""')).toEqual({ name: 'a', filename: undefined });
  expect(read(`form-data; name="a"; filename*=utf-8''%zz.png; filename="b"`).filename).toBe('b');
  for (const none of ['attachment; name="a"', 'form-data', 'form-data; filename="a"', '']) {
    expect(() => read(none)).toThrow(/A part of the form has no header like this/);
  }
});

test('the boundary is that of the Content-Type', () => {
  expect(boundaryOf('multipart/form-data; charset=x; boundary="a b"')).toBe('a b');
  expect(boundaryOf('multipart/form-data;BOUNDARY=ab')).toBe('ab');
  expect(() => boundaryOf('multipart/form-data')).toThrow(/states no boundary/);
});
