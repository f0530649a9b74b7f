import type { Picture } from '../../src/core/pixels/picture.js';

// Digits drawn by code as a hand would: a few strokes, each a smooth curve through points, every point a little off.

type Point = readonly [x: number, y: number];
type Stroke = readonly Point[];

const arc = (x: number, y: number, rx: number, ry: number, from: number, to: number): Stroke =>
  Array.from({ length: 13 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / 12) * Math.PI) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)] as const;
  });

/** The ways each digit is written, in a box of 0..1 by 0..1, y downwards. */
const SHAPES: readonly (readonly (readonly Stroke[])[])[] = [
  [[arc(0.5, 0.5, 0.34, 0.5, -80, 285)], [arc(0.5, 0.5, 0.26, 0.5, -100, 255)]],
  [
    [
      [
        [0.5, 0],
        [0.48, 1],
      ],
    ],
    [
      [
        [0.3, 0.22],
        [0.52, 0],
      ],
      [
        [0.52, 0],
        [0.5, 1],
      ],
    ],
  ],
  [
    [
      [...arc(0.5, 0.28, 0.33, 0.28, 190, 380), [0.5, 0.72], [0.14, 1]],
      [
        [0.14, 1],
        [0.88, 0.98],
      ],
    ],
    [
      [...arc(0.5, 0.27, 0.3, 0.27, 200, 400), [0.45, 0.75], [0.18, 0.97]],
      [
        [0.18, 0.97],
        [0.5, 0.93],
        [0.9, 1],
      ],
    ],
  ],
  [
    [arc(0.42, 0.26, 0.34, 0.26, 200, 440), arc(0.42, 0.74, 0.4, 0.26, -85, 160)],
    [
      [
        [0.15, 0.02],
        [0.8, 0],
      ],
      [
        [0.8, 0],
        [0.42, 0.4],
      ],
      arc(0.4, 0.7, 0.42, 0.3, -88, 155),
    ],
  ],
  [
    [
      [
        [0.3, 0],
        [0.12, 0.58],
      ],
      [
        [0.12, 0.58],
        [0.9, 0.55],
      ],
      [
        [0.66, 0.2],
        [0.62, 1],
      ],
    ],
    [
      [
        [0.62, 0],
        [0.08, 0.66],
      ],
      [
        [0.08, 0.66],
        [0.92, 0.66],
      ],
      [
        [0.62, 0],
        [0.62, 1],
      ],
    ],
  ],
  [
    [
      [
        [0.26, 0.02],
        [0.22, 0.44],
      ],
      arc(0.42, 0.69, 0.38, 0.31, -125, 145),
      [
        [0.26, 0.02],
        [0.84, 0],
      ],
    ],
    [
      [
        [0.8, 0],
        [0.3, 0.03],
      ],
      [
        [0.3, 0.03],
        [0.22, 0.46],
      ],
      arc(0.44, 0.68, 0.34, 0.32, -130, 150),
    ],
  ],
  [
    [[[0.68, 0], [0.36, 0.28], [0.2, 0.64], ...arc(0.48, 0.72, 0.28, 0.28, 180, -190)]],
    [[[0.5, 0], [0.26, 0.35], [0.18, 0.7], ...arc(0.47, 0.75, 0.29, 0.25, 180, -175)]],
  ],
  [
    [
      [
        [0.1, 0.03],
        [0.88, 0],
      ],
      [
        [0.88, 0],
        [0.58, 0.45],
        [0.42, 1],
      ],
    ],
    [
      [
        [0.1, 0.03],
        [0.88, 0],
      ],
      [
        [0.88, 0],
        [0.4, 1],
      ],
      [
        [0.3, 0.5],
        [0.84, 0.48],
      ],
    ],
  ],
  [
    [arc(0.5, 0.25, 0.27, 0.25, 90, 450), arc(0.5, 0.75, 0.34, 0.25, -90, 270)],
    [
      [
        [0.74, 0.12],
        [0.5, 0],
        [0.26, 0.16],
        [0.34, 0.36],
        [0.66, 0.6],
        [0.78, 0.8],
        [0.5, 1],
        [0.22, 0.82],
        [0.36, 0.58],
        [0.68, 0.34],
        [0.74, 0.12],
      ],
    ],
  ],
  [
    [
      arc(0.46, 0.28, 0.3, 0.28, -20, -380),
      [
        [0.76, 0.14],
        [0.74, 0.5],
        [0.66, 1],
      ],
    ],
    [
      arc(0.48, 0.27, 0.28, 0.27, 0, 360),
      [
        [0.76, 0.27],
        [0.72, 0.7],
        [0.5, 0.97],
        [0.24, 0.94],
      ],
    ],
  ],
];

/** How many ways of writing each digit are known. */
export const SHAPES_PER_DIGIT = 2;

type Colour = readonly [red: number, green: number, blue: number];

export interface Drawing {
  digit: number;
  /** Which way of writing it, 0 or 1. */
  shape?: number;
  /** Decides how the hand trembles, slants and turns. */
  seed?: number;
  /** Pixels of the picture. */
  width?: number;
  height?: number;
  /** Height of the digit and thickness of the pen, in pixels. */
  size?: number;
  pen?: number;
  /** Centre of the digit, in pixels. */
  at?: Point;
  ink?: Colour;
  /** Colour of the paper at a pixel. */
  paper?: (x: number, y: number) => Colour;
}

/** Draws one digit, antialiased. */
export function drawDigit(drawing: Drawing): Picture {
  const { digit, shape = 0, seed = 1, width = 280, height = 280, size = 180, pen = 16 } = drawing;
  const { at = [width / 2, height / 2], ink = [20, 20, 30], paper = () => [255, 255, 255] } = drawing;
  const random = randomFrom(seed * 100 + digit * 10 + shape);
  const off = (limit: number) => (random() * 2 - 1) * limit;
  const [angle, slant, wide] = [off(0.12), off(0.18) + 0.06, 1 + off(0.15)];
  const place = ([x, y]: Point): Point => {
    const [v, trembling] = [y - 0.5 + off(0.018), x - 0.5 + off(0.018)];
    const u = (trembling - slant * v) * 0.75 * wide;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    return [at[0] + size * (cos * u - sin * v), at[1] + size * (sin * u + cos * v)];
  };
  const strokes = (SHAPES[digit]?.[shape] ?? []).map((stroke) => smooth(stroke.map(place)));
  // Strength of the ink per pixel: by the distance to the nearest piece of a stroke, painted piece by piece.
  const strength = new Float32Array(width * height);
  const reach = pen / 2 + 1;
  for (const stroke of strokes) {
    for (const [i, [bx, by]] of stroke.entries()) {
      const [ax, ay] = stroke[Math.max(0, i - 1)] ?? [bx, by];
      for (
        let y = Math.max(0, Math.floor(Math.min(ay, by) - reach));
        y < Math.min(height, Math.max(ay, by) + reach);
        y++
      ) {
        for (
          let x = Math.max(0, Math.floor(Math.min(ax, bx) - reach));
          x < Math.min(width, Math.max(ax, bx) + reach);
          x++
        ) {
          const near = pen / 2 + 0.5 - distance(x + 0.5, y + 0.5, ax, ay, bx, by);
          const p = y * width + x;
          strength[p] = Math.max(strength[p] ?? 0, Math.min(1, near, pen));
        }
      }
    }
  }
  const data = new Uint8Array(width * height * 3);
  strength.forEach((part, p) => {
    const under = paper(p % width, Math.floor(p / width));
    for (const c of [0, 1, 2] as const) data[p * 3 + c] = Math.round(under[c] + (ink[c] - under[c]) * part);
  });
  return { data, width, height };
}

/** Points along a Catmull-Rom curve through the given ones. */
function smooth(points: Stroke): Point[] {
  const at = (i: number): Point => points[Math.min(points.length - 1, Math.max(0, i))] ?? [0, 0];
  const curve = (a: number, b: number, c: number, d: number, t: number): number =>
    b + (t / 2) * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  return points.flatMap((_, i) =>
    Array.from({ length: 8 }, (_, k): Point => {
      const [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
      return [curve(a[0], b[0], c[0], d[0], k / 8), curve(a[1], b[1], c[1], d[1], k / 8)];
    }),
  );
}

function distance(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const [dx, dy] = [bx - ax, by - ay];
  const along = ((x - ax) * dx + (y - ay) * dy) / Math.max(1e-9, dx * dx + dy * dy);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

/** Uniform numbers in 0..1, always the same for a seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
