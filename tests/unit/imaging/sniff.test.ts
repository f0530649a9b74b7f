import { describe, expect, test } from 'vitest';
import { sniff } from '../../../src/imaging/formats/sniff.js';

const bytes = (text: string) => Buffer.from(text, 'latin1');
const box = (brand: string, compatible = '') => {
  const body = bytes(`ftyp${brand}\0\0\0\0${compatible}`);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(body.length + 4);
  return Buffer.concat([size, body, Buffer.alloc(32)]);
};

describe('sniff', () => {
  test.each([
    ['jpeg', bytes('\xff\xd8\xff\xe0')],
    ['png', bytes('\x89PNG\r\n\x1a\n')],
    ['gif', bytes('GIF89a')],
    ['webp', bytes('RIFF\0\0\0\0WEBPVP8 ')],
    ['tiff', bytes('II*\0')],
    ['tiff', bytes('MM\0*')],
    ['avif', box('avif')],
    ['avif', box('mif1', 'avifmiaf')],
    ['heic', box('heic', 'mif1')],
    ['bmp', bytes('BM\0\0')],
    ['pdf', bytes('%PDF-1.7')],
    ['svg', bytes('<svg xmlns="http://www.w3.org/2000/svg">')],
    ['svg', Buffer.from('\uFEFF  <?xml version="1.0"?>\n<!-- a --><svg viewBox="0 0 1 1"/>')],
  ])('%s', (format, content) => {
    expect(sniff(content)).toBe(format);
  });

  test.each([
    ['nothing', bytes('')],
    ['one byte', bytes('\xff')],
    ['text', bytes('hello')],
    ['HTML that mentions svg', bytes('<html><svg></svg></html>')],
    ['RIFF of another kind', bytes('RIFF\0\0\0\0WAVE')],
    ['a video', box('isom', 'mp42')],
    ['a box of a lying size', bytes('\xff\xff\xff\xffftypisom')],
  ])('%s is no picture', (_, content) => {
    expect(sniff(content)).toBeUndefined();
  });
});
