import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../../src/config/settings.js';
import { ERRORS } from '../../src/core/errors.js';
import { STATUS } from '../../src/http/errors/status.js';

const document = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

describe('errors', () => {
  test('every code has a status and stands in the documentation, and no other', () => {
    const documented = [...document('errors.md').matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [
      code,
      Number(status),
    ]);
    expect(Object.fromEntries(documented)).toEqual(STATUS);
    expect(Object.keys(STATUS).sort()).toEqual(Object.keys(ERRORS).sort());
  });

  test('statuses are those of errors', () => {
    for (const status of Object.values(STATUS)) expect(status >= 400 && status < 600).toBe(true);
  });
});

test('every setting stands in the documentation', () => {
  const documented = [...document('configuration.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(documented).toEqual(Object.values(SETTINGS).map(({ env }) => env));
});
