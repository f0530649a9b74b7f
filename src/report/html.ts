import { createHash } from 'node:crypto';
import { printable } from './format.js';

/** Escapes text for HTML elements and quoted attributes. HTML allows no control characters. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --bar: #4a86c8; --soft: #8881; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
p.of { margin-top: 0; opacity: .7; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; } td.n, th.n { text-align: right; }
tbody tr:hover { background: var(--soft); }
.bar { height: .6rem; vertical-align: middle; } .bar rect { fill: var(--bar); }
dl { display: grid; grid-template-columns: max-content max-content 1fr; gap: .2rem 1rem; } dt { font-weight: 600; }
dd { margin: 0; } dd.note { opacity: .7; }
ol, ul { margin: .2rem 0 .6rem; }
`;

/**
 * A page without scripts or external resources. It says so to the browser, which then refuses whatever a fault of ours might let in.
 * @param body HTML without `style` attributes
 * @param style more CSS, the same for every report
 */
export function page(title: string, body: string, style = ''): string {
  const css = STYLE + style;
  const hash = createHash('sha256').update(css).digest('base64');
  const policy = `default-src 'none'; img-src data:; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${css}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

/** A table. @param rows cells as HTML @param right indices of right-aligned columns */
export function htmlTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string {
  const cell = (tag: 'th scope="col"' | 'td') => (text: string, i: number) =>
    `<${tag}${right.includes(i) ? ' class="n"' : ''}>${text}</${tag.slice(0, 2)}>`;
  const head = `<tr>${header.map(escapeHtml).map(cell('th scope="col"')).join('')}</tr>`;
  const body = rows.map((row) => `<tr>${row.map(cell('td')).join('')}</tr>`).join('\n');
  return `<div class="wide"><table>\n<thead>${head}</thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}
