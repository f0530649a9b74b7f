import type { Preprocess, Resize } from '../core/manifest/manifest.js';
import type { NetworkForm } from './read-form.js';

// The ways in which published networks have their pictures prepared.

/** A way to prepare pictures. */
export interface Preparation {
  /** For tables, and for --force. */
  name: string;
  preprocess: Preprocess;
}

interface Range {
  name: string;
  scale: number;
  mean: readonly number[];
  std: readonly number[];
}

/** Values for pixels of three channels, in the order RGB. */
const RANGES: readonly Range[] = [
  // torchvision, timm, MXNet, PaddlePaddle
  { name: 'imagenet', scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  { name: '0..1', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] },
  // TensorFlow's Inception, MobileNet
  { name: '-1..1', scale: 1 / 127.5, mean: [1, 1, 1], std: [1, 1, 1] },
  // TensorFlow's EfficientNet-Lite
  { name: '127/128', scale: 1, mean: [127, 127, 127], std: [128, 128, 128] },
  { name: '0..255', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
  // Caffe, and Keras's networks from it
  { name: 'caffe', scale: 1, mean: [123.68, 116.779, 103.939], std: [1, 1, 1] },
  {
    name: 'clip',
    scale: 1 / 255,
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  },
];

/** Statistics of small pictures. */
const SMALL_RANGES: readonly Range[] = [
  { name: 'cifar10', scale: 1 / 255, mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
];

/** Values for grey pixels. */
const GREY_RANGES: readonly Range[] = [
  { name: '0..1', scale: 1 / 255, mean: [0], std: [1] },
  { name: 'mnist', scale: 1 / 255, mean: [0.1307], std: [0.3081] },
  { name: '-1..1', scale: 1 / 127.5, mean: [1], std: [1] },
  { name: '0..255', scale: 1, mean: [0], std: [1] },
  // scikit-learn's digits
  { name: '0..16', scale: 16 / 255, mean: [0], std: [1] },
];

/** Inputs up to this side are of small pictures, which are not cropped. */
const SMALL_SIDE = 64;

/**
 * Preparations by range and order of the channels, with the usual resize rule: of these the right one must show. Digits may also be shown
 * as they are, because looking for the digit changes a picture more than any other rule.
 * @param digits whether the labels are the digits
 */
export function rangesFor(form: NetworkForm, digits: boolean): Preparation[] {
  const small = Math.max(form.input.height, form.input.width) <= SMALL_SIDE;
  const ofColour = small ? [...RANGES, ...SMALL_RANGES] : RANGES;
  const ranges = (form.channels === 1 ? GREY_RANGES : ofColour).filter(({ name }) => !form.bytes || name === '0..255');
  const [usual, other] = resizesFor(form, digits);
  const { resize } = usual;
  return ranges.flatMap(({ name, scale, mean, std }): Preparation[] => {
    const numbers = { scale, mean: [...mean], std: [...std] };
    if (form.channels === 1) {
      const grey = (resize: Resize) => ({ resize, color: 'GRAY' as const, ...numbers });
      const whole = { name: `${name} exact`, preprocess: grey(other.resize) };
      return [{ name, preprocess: grey(resize) }, ...(digits ? [whole] : [])];
    }
    const reversed = { scale, mean: mean.toReversed(), std: std.toReversed() };
    return [
      { name: `RGB ${name}`, preprocess: { resize, color: 'RGB', ...numbers } },
      { name: `BGR ${name}`, preprocess: { resize, color: 'BGR', ...reversed } },
    ];
  });
}

/** A resize rule. */
interface NamedResize {
  /** In words. */
  name: string;
  resize: Resize;
}

/** Resize rules, the usual one first. @param digits whether the labels are the digits */
export function resizesFor(
  { channels, input }: NetworkForm,
  digits: boolean,
): [NamedResize, NamedResize, ...NamedResize[]] {
  const side = Math.max(input.height, input.width);
  const shorter = (size: number, filter: 'bilinear' | 'bicubic'): NamedResize => ({
    name: `shorter side ${size}, ${filter}`,
    resize: { mode: 'shorter_side', size, filter },
  });
  const exact: NamedResize = { name: 'exact, bilinear', resize: { mode: 'exact', filter: 'bilinear' } };
  if (digits && channels === 1) return [{ name: 'digit', resize: { mode: 'digit' } }, exact];
  if (side <= SMALL_SIDE) return [shorter(side, 'bilinear'), exact];
  const usual = Math.round((side * 256) / 224);
  return [
    shorter(usual, 'bilinear'),
    shorter(usual, 'bicubic'),
    ...(side + 32 === usual ? [] : [shorter(side + 32, 'bicubic')]),
    shorter(side, 'bilinear'),
    exact,
  ];
}

/** Largest difference between preparations that hardly changes an answer, relative to the range of values: the statistics in use. */
const ALIKE = 0.15;

/** Whether two preparations give nearly the same tensors, but for the resize rule, so that few answers tell them apart. */
export function areAlike({ preprocess: a }: Preparation, { preprocess: b }: Preparation): boolean {
  if (a.color !== b.color) return false;
  return a.mean.every((_, c) => {
    const [lowA, highA, lowB, highB] = [
      normalised(a, c, 0),
      normalised(a, c, 255),
      normalised(b, c, 0),
      normalised(b, c, 255),
    ];
    const apart = Math.max(Math.abs(lowA - lowB), Math.abs(highA - highB));
    return apart <= ALIKE * Math.max(highA - lowA, highB - lowB);
  });
}

/** Whether two preparations are the same but for the resize rule. */
export function differOnlyInResize({ preprocess: a }: Preparation, { preprocess: b }: Preparation): boolean {
  return JSON.stringify({ ...a, resize: b.resize }) === JSON.stringify(b);
}

function normalised({ scale, mean, std }: Preprocess, channel: number, byte: number): number {
  return (byte * scale - (mean[channel] ?? 0)) / (std[channel] ?? 1);
}
