// docs/fidelity.md, from the table that tests/golden/fidelity.test.ts holds the server to.
import { readFileSync } from 'node:fs';
import { paragraph, table } from './markdown.mjs';

/**
 * @typedef {object} Kind
 * @property {string} format
 * @property {string} picture
 * @property {string} decision
 * @property {'rgb' | 'white' | 'high' | 'stored' | 'samples' | 'refused'} judge
 * @property {number} [within] levels of 255
 * @property {string} [pillow] what it does instead
 * @property {string[]} files
 */

const folder = new URL('../../tests/fixtures/fidelity/', import.meta.url);
/** @param {string} name */
const json = (name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));

const JUDGES = {
  rgb: "Pillow's `convert('RGB')`",
  white: "Pillow's `alpha_composite` over white",
  high: 'the high byte of what Pillow reads',
  stored: "Pillow's pixels before `exif_transpose`",
  samples: 'the samples that were put into the file',
  refused: 'the error `unsupported_image_format`',
};

/** @param {Kind} kind */
function pillowOf({ pillow = 'the same', within }) {
  return within ? `${pillow}; within ${within} of 255 levels` : pillow;
}

/** @param {Kind[]} kinds */
const kindTable = (kinds) =>
  table(
    ['Picture', 'What the network sees', 'Pillow', 'Judged by'],
    kinds.map((kind) => [kind.picture, kind.decision, pillowOf(kind), JUDGES[kind.judge]]),
  );

/** @param {string} notice */
export function fidelityPage(notice) {
  /** @type {{ kinds: Kind[] }} */
  const { kinds } = json('kinds.json');
  const { pillow, files } = json('reference.json');
  const formats = [...new Set(kinds.map(({ format }) => format))].filter((format) => format !== 'Orientation');
  const text = (/** @type {string[]} */ ...sentences) => paragraph(sentences.join(' '));
  return `# Fidelity

${notice}${text(
  'Published accuracies were measured with pictures that Pillow decoded, resized and cropped. So the server makes the same pixels, unless',
  `this page says why not. Its rows are what \`tests/golden/fidelity.test.ts\` checks with ${Object.keys(files).length} small files`,
  `against Pillow ${pillow}. Where a row says "the same" and no more, every byte equals Pillow's.`,
)}
${text(
  'Where Pillow has no answer worth copying, the server does what a viewer shows, or refuses the picture with',
  '`unsupported_image_format` and the reason. It does not guess: a picture of unknown range would get a wrong answer in silence.',
  'One kind stays dark all the same: 12 bits in 16, which nothing in the file gives away.',
)}
${text(
  'sharp decodes. Quick decoders of our own take small pictures that are plain and whole, and make the same bytes of them, which the',
  'tests check for each alone. Whatever they leave, damaged files too, is decoded or refused by sharp.',
)}
## Which Pillow

${text(
  'Pillow up to 12. Pillow 13 resizes in the order that takes less work; up to 12 the width always came first',
  '(python-pillow/Pillow#9549). Values are rounded after each pass, so some pixels differ by one level: in shrunk pictures more than twice',
  'as tall as wide, and in some that `exact` resizing makes wider. The published networks were trained and measured before.',
)}
## Resizing and cropping

${text(
  'Every byte equals that of Pillow and of torchvision: sizes are cut off (`int(size * long / short)`), offsets of the centre are',
  'rounded half to even, and each pass rounds to 8 bits. `crops=5` and `10` with `padding` in the manifest do as `Pad`, then `FiveCrop` and',
  '`TenCrop`. Tested from the file on with tall, wide, square, turned and mirrored photographs, three filters and four paddings, and with',
  'made-up pictures from 1x1 to 1281 pixels.',
)}
${formats.map((format) => `## ${format}\n\n${kindTable(kinds.filter((kind) => kind.format === format))}`).join('\n')}
## Orientation

${text(
  "With `auto_orient` (the default) a picture is turned as by Pillow's `ImageOps.exif_transpose`. EXIF data come first. XMP counts only if",
  'EXIF data state no orientation, even if they say "upright". Of XMP the first MiB is read. An orientation in damaged EXIF data is read',
  'as libvips does. `auto_orient=false` shows pictures as they are stored.',
)}
${kindTable(kinds.filter(({ format }) => format === 'Orientation'))}
## Adding a kind

${text(
  'Write a row into `tests/fixtures/fidelity/kinds.json`, make its files in `scripts/reference/fidelity.py`, run that script and',
  '`npm run docs`. The script refuses Pillow 13.',
)}`;
}
