#!/usr/bin/env node
// @ts-check
// Draws models/golden/golf-ball.png, the picture that every ImageNet network must recognise before it serves. It is drawn, not
// photographed, so that it belongs to this project; the networks it was tried on are named in docs/models.md.
// Run: node scripts/golden/golf-ball.mjs
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

const SIZE = 256;
const DIMPLES = 420;
const CENTRE = { x: 160, y: 150 };
const RADIUS = 118;
const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));

/** Dimples spread evenly over a sphere (Fibonacci lattice), those in front, flattened towards the rim. */
function dimples() {
  let out = '';
  for (let k = 0; k < DIMPLES; k++) {
    const z = 1 - (2 * (k + 0.5)) / DIMPLES;
    if (z < 0.05) continue;
    const r = Math.sqrt(1 - z * z);
    const x = r * Math.cos(k * GOLDEN_ANGLE);
    const y = r * Math.sin(k * GOLDEN_ANGLE);
    const cx = (CENTRE.x + RADIUS * x).toFixed(2);
    const cy = (CENTRE.y + RADIUS * y).toFixed(2);
    const turn = ((Math.atan2(y, x) * 180) / Math.PI + 90).toFixed(2);
    out += `<ellipse cx="${cx}" cy="${cy}" rx="7.5" ry="${(7.5 * z).toFixed(2)}" transform="rotate(${turn} ${cx} ${cy})" fill="url(#dimple)"/>`;
  }
  return out;
}

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}" viewBox="0 0 320 320">
<defs>
<linearGradient id="dimple" x2="0" y2="1"><stop offset="0" stop-color="#9a9a9a"/><stop offset="1" stop-color="#fafafa"/></linearGradient>
<radialGradient id="ball" cx=".38" cy=".3"><stop offset="0" stop-color="#fff"/><stop offset=".7" stop-color="#e2e2e2"/><stop offset="1" stop-color="#8a8a8a"/></radialGradient>
<linearGradient id="grass" x2="0" y2="1"><stop offset="0" stop-color="#4f8a30"/><stop offset="1" stop-color="#2f6a1c"/></linearGradient>
</defs>
<rect width="320" height="320" fill="url(#grass)"/>
<ellipse cx="170" cy="272" rx="100" ry="14" fill="#000" fill-opacity=".33"/>
<circle cx="${CENTRE.x}" cy="${CENTRE.y}" r="120" fill="url(#ball)"/>
${dimples()}
</svg>`;

const target = fileURLToPath(new URL('../../models/golden/golf-ball.png', import.meta.url));
await sharp(Buffer.from(svg)).removeAlpha().png({ compressionLevel: 9, adaptiveFiltering: true }).toFile(target);
