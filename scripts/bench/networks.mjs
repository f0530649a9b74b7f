// The networks that are measured, their files, and the pictures they are shown.
import { existsSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { openModels } from '../../dist/app/models-to-load.js';
import { loadConfig } from '../../dist/config/load-config.js';
import { findVariant, weightsPath } from '../../dist/zoo/weights.js';
import { ASSET_MODELS, writeAssetModels } from '../measure/asset-models.mjs';

/** @typedef {import('./requests.mjs').Picture} Picture */
/**
 * @typedef {object} Network
 * @property {string} name what it is called here
 * @property {string} id of the model
 * @property {string} variant
 * @property {string} file
 * @property {import('../../dist/core/manifest/manifest.js').Manifest} manifest
 * @property {Picture} small
 * @property {Picture | undefined} large of 12 megapixels
 */

/** Those that come with the server; LeNet-5 with the digit as large as its input, and as somebody drew it. @type {Record<string, string>} */
const BUNDLED = { 'lenet5-28x28': 'lenet5', 'lenet5-96x104': 'lenet5', 'cifar10-resnet20': 'cifar10-resnet20' };
const DIGITS = ['lenet5-28x28', 'lenet5-96x104'];
const DIGIT_SIDE = 28;
/** Those of the assets. @type {Record<string, string>} */
const ASSETS = {
  'squeezenet1.1': ASSET_MODELS.squeezenet,
  mobilenetv2: ASSET_MODELS.mobilenet,
  resnet18: ASSET_MODELS.resnet18,
  resnet50: ASSET_MODELS.resnet50,
  'resnet50-int8': `${ASSET_MODELS.resnet50}:int8`,
};
/** A photograph of about 100 KB with 500 x 375 pixels; one with the sides of a 12-megapixel camera. */
const SMALL = 'triton_vulture.jpeg';
const LARGE = 'triton_mug.jpg';
const LARGE_SIZE = { width: 4000, height: 3000 };

/** The networks that there are. @param {string} assets */
export const networksWith = (assets) =>
  existsSync(join(assets, 'models')) ? [...DIGITS, ...Object.keys(ASSETS)] : Object.keys(BUNDLED);

/**
 * @param {readonly string[]} names
 * @param {string} assets
 * @param {string} temporary a folder to write into
 * @returns {Promise<{ networks: Network[], modelDirs: string }>} and the settings the server needs to find them
 */
export async function openNetworks(names, assets, temporary) {
  const modelDirs = names.some((name) => ASSETS[name]) ? join(temporary, 'models') : '';
  if (modelDirs) {
    mkdirSync(modelDirs);
    writeAssetModels(assets, modelDirs);
  }
  const { models } = await openModels(loadConfig({ MODEL_DIRS: modelDirs }));
  const photograph = modelDirs ? await pictureOf(join(assets, 'images', SMALL)) : undefined;
  const large = modelDirs ? await largePicture(join(assets, 'images', LARGE)) : undefined;
  const networks = names.map(async (name) => {
    const [id = '', variantName] = (ASSETS[name] ?? BUNDLED[name] ?? '').split(':');
    const folder = models.get(id);
    if (!folder) throw new Error(`there is no network ${name}; known: ${Object.keys({ ...BUNDLED, ...ASSETS })}`);
    const variant = findVariant(folder, variantName);
    const golden = folder.goldenImage && (await pictureOf(folder.goldenImage));
    const small = ASSETS[name] ? photograph : name === 'lenet5-28x28' && golden ? await shrunken(golden) : golden;
    if (!small) throw new Error(`there is no picture for ${name}`);
    return {
      name,
      id,
      variant: variant.name,
      file: weightsPath(folder, variant),
      manifest: folder.manifest,
      small,
      large: ASSETS[name] ? large : undefined,
    };
  });
  return { networks: await Promise.all(networks), modelDirs };
}

/** @param {string} file @returns {Promise<Picture>} */
async function pictureOf(file) {
  const bytes = await readFile(file);
  const { width, height } = await sharp(bytes).metadata();
  return { name: basename(file), bytes, width, height };
}

/** A digit as MNIST has them, but dark on light. @param {Picture} digit @returns {Promise<Picture>} */
async function shrunken({ name, bytes }) {
  const size = { width: DIGIT_SIDE, height: DIGIT_SIDE };
  const picture = sharp(bytes)
    .resize({ ...size, fit: 'contain', background: 'white' })
    .toColourspace('b-w')
    .png();
  return { name, bytes: await picture.toBuffer(), ...size };
}

/** @param {string} file @returns {Promise<Picture>} */
async function largePicture(file) {
  return { name: basename(file), bytes: await photographOf(file, LARGE_SIZE), ...LARGE_SIZE };
}

/** A picture as a camera of that size would have made it: as JPEG. @param {string} file @param {{ width: number, height: number }} size */
export async function photographOf(file, size) {
  return sharp(await readFile(file))
    .resize({ ...size, fit: 'cover' })
    .jpeg({ quality: 90 })
    .toBuffer();
}
