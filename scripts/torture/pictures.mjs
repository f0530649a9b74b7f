import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formOf } from '../shared/form.mjs';
import { resultsOf } from './books.mjs';

/**
 * A body of a request about pictures.
 * @typedef {{ type: string, bytes: Uint8Array, form: boolean }} Body
 */

const FIXTURES = new URL('../../tests/fixtures/pictures/', import.meta.url);

/** One picture, as the body itself. @param {Uint8Array} bytes @returns {Body} */
export const rawBody = (bytes) => ({ type: 'application/octet-stream', bytes, form: false });

/** Pictures in a form. @param {readonly Uint8Array[]} files @returns {Body} */
export const formBody = (files) => ({
  ...formOf(files.map((bytes, i) => ({ name: String(i), bytes }))),
  form: true,
});

/** A picture of the tests, by name. @param {string} name */
export const fixture = (name) => readFileSync(new URL(name, FIXTURES));

/** The names of all of them. */
export const fixtureNames = () => readdirSync(FIXTURES).filter((name) => /\.(jpg|png|webp|avif|gif|tiff)$/.test(name));

/** The golden pictures of the bundled networks, with the class that is right. */
export const GOLDEN = {
  lenet5: golden('digit-7.png', 7),
  'cifar10-resnet20': golden('airplane.png', 0),
  'cifar10-vgg16': golden('airplane.png', 0),
};

/** @param {string} name @param {number} index */
function golden(name, index) {
  return { bytes: readFileSync(fileURLToPath(new URL(`../../models/golden/${name}`, import.meta.url))), index };
}

/** Whether a reply puts this class first. @param {import('./books.mjs').Reply} reply @param {number} index */
export function isRight(reply, index) {
  return reply.status === 200 && resultsOf(reply)[0]?.predictions?.[0]?.index === index;
}
