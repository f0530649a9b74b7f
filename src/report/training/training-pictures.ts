import { asPercent } from '../../core/units.js';
import type { AnsweredPicture, ReportedPicture } from '../../training/report/report-parts.js';
import { escapeHtml } from '../html.js';

/** A name of a class or a file, which may be written from right to left. */
export function nameHtml(name: string): string {
  return `<bdi>${escapeHtml(name)}</bdi>`;
}

/** Pictures that were answered with another class than their own. @param verb such as "answered" */
export function answeredHtml(pictures: readonly AnsweredPicture[], verb: string): string {
  return gallery(
    pictures.map((picture) => {
      const { label, answer, probability, label_probability } = picture;
      const says =
        `${nameHtml(label)} (${unbroken(label_probability)}), ${verb} ` +
        `<strong>${nameHtml(answer)}</strong> (${unbroken(probability)})`;
      return pictureHtml(picture, says);
    }),
  );
}

function unbroken(share: number): string {
  return asPercent(share).replace(' ', '&nbsp;');
}

/** Groups of pictures that belong together. */
export function groupsHtml(groups: readonly { count: number; listed: readonly ReportedPicture[] }[]): string {
  return groups
    .map(({ count, listed }) => {
      const items = listed.map((picture) => pictureHtml(picture, nameHtml(picture.label)));
      return gallery(count > listed.length ? [...items, `and ${count - listed.length} more`] : items);
    })
    .join('\n');
}

function gallery(items: readonly string[]): string {
  return `<ul class="pictures">\n${items.map((item) => `<li>${item}</li>`).join('\n')}\n</ul>`;
}

function pictureHtml({ file, split, label, thumbnail }: ReportedPicture, says: string): string {
  const shown = thumbnail
    ? `<img src="${escapeHtml(thumbnail)}" alt="${escapeHtml(`Picture with the label ${label}`)}" loading="lazy">`
    : '<span class="none">no preview</span>';
  const where = split === 'val' ? ' (val)' : '';
  return `<figure>${shown}<figcaption>${says}<br><small>${nameHtml(file)}${where}</small></figcaption></figure>`;
}
