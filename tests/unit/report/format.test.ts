import { expect, test } from 'vitest';
import { printable, shortened, table, wrapped } from '../../../src/report/format.js';

test('a table aligns what a terminal shows in two columns', () => {
  // Checked by eye in a terminal: the bars stand below each other.
  expect(
    table([
      ['犬|', '|'],
      ['👩‍👩‍👧|', '|'],
      ['cafe\u0301|', '|'],
      ['dogs|', '|'],
    ]),
  ).toBe('犬|    |\n👩‍👩‍👧|    |\ncafe\u0301|  |\ndogs|  |\n');
});

test.each([
  ['abcdef', 6, 'end', 'abcdef'],
  ['abcdefg', 6, 'end', 'abcde…'],
  ['abcdefg', 6, 'start', '…cdefg'],
  ['犬犬犬犬', 6, 'end', '犬犬…'],
  ['ab👩‍👩‍👧cd', 5, 'end', 'ab👩‍👩‍👧…'],
  ['', 3, 'end', ''],
] as const)('%s in %i columns, cut at the %s, is %s', (text, width, cut, expected) => {
  expect(shortened(text, width, cut)).toBe(expected);
});

test('text is wrapped at words, and only there', () => {
  expect(wrapped('one two three', 7, '  ')).toBe('one two\n  three');
  expect(wrapped('averyverylongword and more', 8, '')).toBe('averyverylongword\nand more');
});

test('nothing that controls a terminal or turns the direction of a line is printed', () => {
  expect(printable('a\u001b[2Jb\r\nc\u202etxt.exe\u2028\u0085d')).toBe('a?[2Jb??c?txt.exe??d');
});
