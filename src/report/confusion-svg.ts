import { shortened } from './format.js';
import { escapeHtml } from './html.js';

/** What is drawn. */
interface Confusions {
  id: string;
  classes: readonly { index: number; label: string; images: number }[];
  /** Number of pictures of class `label` that were answered with class `answer`, by index. */
  confusion: readonly { label: number; answer: number; images: number }[];
}

/** Largest side of the matrix in pixels. */
const DRAWING_SIDE = 900;
/** Most classes for which names and counts are shown. */
export const MOST_NAMED = 30;
const MARGIN = 150;

/**
 * The confusion matrix as an SVG picture, with a row for each true class and a column for each answer. The larger the share of the
 * row, the darker the cell; a share of 0 is white.
 */
export function confusionSvg({ id, classes, confusion }: Confusions): string {
  const indices = [...new Set(confusion.flatMap(({ label, answer }) => [label, answer]))].sort((a, b) => a - b);
  const positions = new Map(indices.map((index, i) => [index, i]));
  const names = new Map(classes.map(({ index, label }) => [index, label]));
  const totals = new Map(classes.map(({ index, images }) => [index, images]));
  const named = indices.length <= MOST_NAMED;
  const cell = Math.min(40, DRAWING_SIDE / indices.length);
  const margin = named ? MARGIN : 20;
  const size = margin + cell * indices.length + 10;
  const at = (index: number) => margin + cell * (positions.get(index) ?? 0);
  const cells = confusion.map(({ label, answer, images }) => {
    const share = images / (totals.get(label) ?? 1);
    // Right answers are blue, wrong ones red. The square root makes small shares visible.
    const colour = `hsl(${label === answer ? 215 : 5} 75% ${(96 - 56 * Math.sqrt(share)).toFixed(0)}%)`;
    const title = `${nameOf(label)} classified as ${nameOf(answer)}: ${images}`;
    const box = `<rect x="${px(at(answer))}" y="${px(at(label))}" width="${px(cell)}" height="${px(cell)}" fill="${colour}"><title>${escapeHtml(title)}</title></rect>`;
    if (!named) return box;
    const ink = share > 0.5 ? '#fff' : '#000';
    return `${box}<text x="${px(at(answer) + cell / 2)}" y="${px(at(label) + cell / 2 + 4)}" text-anchor="middle" fill="${ink}">${images}</text>`;
  });
  function nameOf(index: number): string {
    return names.get(index) ?? `class ${index}`;
  }
  const axes = named
    ? indices.flatMap((index) => {
        const [x, y, text] = [at(index) + cell / 2, at(index) + cell / 2 + 4, escapeHtml(shortened(nameOf(index), 20))];
        return [
          `<text x="${margin - 6}" y="${px(y)}" text-anchor="end">${text}</text>`,
          `<text transform="translate(${px(x + 4)} ${margin - 6}) rotate(-60)">${text}</text>`,
        ];
      })
    : [];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${px(size)}" height="${px(size)}" viewBox="0 0 ${px(size)} ${px(size)}" class="confusion" role="img" font-family="sans-serif" font-size="11">
<title>Confusion of ${escapeHtml(id)}: rows are true classes, columns are answers</title>
<rect width="100%" height="100%" fill="#fff"/>
<rect x="${margin}" y="${margin}" width="${px(cell * indices.length)}" height="${px(cell * indices.length)}" fill="none" stroke="#888"/>
${[...cells, ...axes].join('\n')}
</svg>
`;
}

function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}
