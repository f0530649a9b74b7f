import { createHash } from 'node:crypto';
import { type DefaultTreeAdapterTypes, parse } from 'parse5';
import { describe, expect, test } from 'vitest';
import { trainingHtml } from '../../../src/report/training/training-html.js';
import type { TrainingReport } from '../../../src/training/report/training-report.js';
import { fullReport, measuresOf, pictureOf, reportOf, TINY_JPEG } from '../../support/training-reports.js';

type Element = DefaultTreeAdapterTypes.Element;

/** Names that would leave their place if they were not escaped. */
const HOSTILE = [
  '</title><script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' style='position:fixed",
  '</style></bdi></svg><iframe src="https://example.org">',
  '&lt;b&gt; &amp;',
  'javascript:alert(1)',
  '犬 \u202eexe.gpj \u0000\u001b[31m \ud800',
];
const NAMES = HOSTILE.map((name) => `folder/${name}.jpg`);

/** All elements of the page, which must be HTML without a fault. */
function elementsOf(report: TrainingReport): Element[] {
  const faults: string[] = [];
  const document = parse(trainingHtml(report), {
    onParseError: ({ code, startLine, startCol }) => faults.push(`${code} at ${startLine}:${startCol}`),
    sourceCodeLocationInfo: true,
  });
  expect(faults).toEqual([]);
  const within = (node: DefaultTreeAdapterTypes.Node): Element[] => [
    ...('tagName' in node ? [node] : []),
    ...('childNodes' in node ? node.childNodes.flatMap(within) : []),
  ];
  return within(document);
}

const attribute = ({ attrs }: Element, name: string) => attrs.find((one) => one.name === name)?.value;
const textOf = (node: DefaultTreeAdapterTypes.Node): string =>
  'value' in node ? node.value : 'childNodes' in node ? node.childNodes.map(textOf).join('') : '';
const named = (elements: readonly Element[], tag: string) => elements.filter(({ tagName }) => tagName === tag);

const REPORTS: [string, TrainingReport][] = [
  ['something of everything', fullReport(['ants', 'bees', 'wasps'], ['ants/1.jpg', 'ants/2.jpg'])],
  ['hostile names', hostileReport()],
  ['two classes with three pictures', reportOf(['a', 'b'], 3)],
  ['one picture of each class', reportOf(['a', 'b'], 1, { val: measuresOf(['a', 'b'], 1) })],
  [
    'a thousand classes',
    fullReport(
      Array.from({ length: 1000 }, (_, i) => `class ${i}`),
      NAMES,
    ),
  ],
];

describe.each(REPORTS)('the page of a training with %s', (_what, report) => {
  const elements = elementsOf(report);

  test('loads nothing, and runs nothing', () => {
    const tags = new Set(elements.map(({ tagName }) => tagName));
    for (const tag of ['script', 'iframe', 'link', 'object', 'embed', 'form', 'base', 'a'])
      expect(tags).not.toContain(tag);
    const attributes = elements.flatMap(({ attrs }) => attrs);
    expect(attributes.filter(({ name }) => /^on|^style$|^href$|^srcset$/.test(name))).toEqual([]);
    for (const { value } of attributes.filter(({ name }) => name === 'src'))
      expect(value).toMatch(/^data:image\/jpeg;base64,/);
    expect(named(elements, 'style')).toHaveLength(1);
    expect(named(elements, 'style').map(textOf).join()).not.toMatch(/url\(|@import/);
  });

  test('tells the browser so, with the hash of its style', () => {
    const [policy] = named(elements, 'meta').filter(
      (one) => attribute(one, 'http-equiv') === 'Content-Security-Policy',
    );
    const [style] = named(elements, 'style').map(textOf);
    const hash = createHash('sha256')
      .update(style as string)
      .digest('base64');
    expect(policy && attribute(policy, 'content')).toContain(
      `default-src 'none'; img-src data:; style-src 'sha256-${hash}'`,
    );
  });

  test('has tables with headings, texts for pictures, and names for drawings', () => {
    for (const head of named(elements, 'thead')) {
      const cells = named(
        head.childNodes.flatMap((row) => ('childNodes' in row ? row.childNodes : [])) as Element[],
        'th',
      );
      expect(cells.length).toBeGreaterThan(0);
      for (const cell of cells) expect(attribute(cell, 'scope')).toBe('col');
    }
    for (const image of named(elements, 'img')) expect(attribute(image, 'alt')).toMatch(/^Picture with the label ./);
    for (const drawing of named(elements, 'svg')) {
      expect(attribute(drawing, 'role')).toBe('img');
      const name =
        attribute(drawing, 'aria-label') ??
        named(drawing.childNodes as Element[], 'title')
          .map(textOf)
          .join();
      expect(name).toMatch(/\w/);
    }
    expect(named(elements, 'h1')).toHaveLength(1);
  });

  test('shows no figure that is none', () => {
    expect(named(elements, 'body').map(textOf).join()).not.toMatch(/NaN|undefined|Infinity|\bnull\b/);
    for (const drawing of elements.filter(({ namespaceURI }) => /svg$/.test(namespaceURI))) {
      for (const { value } of drawing.attrs) expect(value).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  test('is of a size that a browser opens at once', () => {
    expect(trainingHtml(report).length).toBeLessThan(500_000);
  });
});

test('names are shown as they are, whatever they hold', () => {
  const elements = elementsOf(hostileReport());
  const texts = new Set(named(elements, 'bdi').map(textOf));
  for (const name of HOSTILE.slice(0, -1)) {
    expect(texts).toContain(name);
    expect(texts).toContain(`folder/${name}.jpg`);
  }
  expect(textOf(named(elements, 'title')[0] as Element)).toBe(`${HOSTILE[0]} - training`);
});

test('confusion is drawn where names can be read, and listed as pairs in any case', () => {
  const drawn = (classes: number) => {
    const elements = elementsOf(
      reportOf(
        Array.from({ length: classes }, (_, i) => `class ${i}`),
        30,
      ),
    );
    return [
      named(elements, 'svg').filter((one) => attribute(one, 'class') === 'confusion').length,
      named(elements, 'td').filter((cell) => textOf(cell) === '10.0 %').length > 0,
    ];
  };
  expect(drawn(30)).toEqual([1, true]);
  expect(drawn(31)).toEqual([0, true]);
});

test('a picture without a thumbnail has its place', () => {
  const report = reportOf(['a', 'b'], 3);
  const listed = [pictureOf('a/1.jpg', 'a', { thumbnail: null }), pictureOf('b/1.jpg', 'b')];
  report.data.conflicts = { count: 1, listed: [{ count: 2, listed }] };
  const elements = elementsOf(report);
  expect(named(elements, 'img').map((one) => attribute(one, 'src'))).toEqual([TINY_JPEG]);
  expect(named(elements, 'figure').map(textOf)).toEqual(['no previewaa/1.jpg', 'bb/1.jpg']);
});

test('the learning curve rises where the accuracy does', () => {
  const elements = elementsOf(fullReport(['ants', 'bees'], []));
  const [chart] = named(elements, 'svg').filter((one) => attribute(one, 'class') === 'chart');
  const points = named(chart?.childNodes as Element[], 'circle').map((one) =>
    [attribute(one, 'cx'), attribute(one, 'cy')].map(Number),
  );
  expect(points).toHaveLength(6);
  for (const [i, [x = 0, y = 0]] of points.entries()) {
    const [lastX = Number.NEGATIVE_INFINITY, lastY = Number.POSITIVE_INFINITY] = points[i - 1] ?? [];
    expect([x > lastX, y < lastY, x <= 640, y >= 0]).toEqual([true, true, true, true]);
  }
});

function hostileReport(): TrainingReport {
  const report = fullReport(HOSTILE, NAMES);
  const [id = ''] = HOSTILE;
  return {
    ...report,
    id,
    warnings: HOSTILE,
    base: { ...report.base, model: id },
    depth: { ...report.depth, why: id },
    versions: { [id]: id },
    learning_curve: { ...report.learning_curve, says: id },
  };
}
