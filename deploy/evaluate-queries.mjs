// Evaluates every query of the dashboard and the expression of every alert on a running Prometheus, and says which fail or
// find nothing. Usage: node deploy/evaluate-queries.mjs http://127.0.0.1:9090
import { readFileSync } from 'node:fs';

const [address] = process.argv.slice(2);
if (!address) throw new Error('name the address of a Prometheus');

/** What finds nothing on a server that works, because the first event makes the series. */
const MAY_BE_EMPTY = ['menagerie_worker_replacements_total'];

/** @param {string} path @param {Record<string, string>} query */
async function ask(path, query = {}) {
  const reply = await (await fetch(`${address}/api/v1/${path}?${new URLSearchParams(query)}`)).json();
  if (reply.status !== 'success') throw new Error(`${path}: ${reply.error}`);
  return reply.data;
}

const dashboard = JSON.parse(readFileSync(new URL('grafana/dashboards/menagerie.json', import.meta.url), 'utf8'));
let faults = 0;

for (const { title, targets } of dashboard.panels) {
  for (const { expr } of targets) {
    // As Grafana fills them in: all instances and models, and four scrape intervals.
    const query = expr.replace(/\$(instance|model)\b/g, '.*').replaceAll('$__rate_interval', '20s');
    const { result } = await ask('query', { query });
    const values = result.map(({ value }) => Number(value[1]));
    const empty = values.length === 0 || values.every(Number.isNaN);
    const allowed = MAY_BE_EMPTY.some((name) => expr.includes(name));
    if (empty && !allowed) faults++;
    const first = values.slice(0, 4).map((value) => Number(value.toPrecision(3)));
    console.log(`${empty && !allowed ? 'EMPTY' : 'ok   '}  ${title}: ${values.length} series, ${first.join(', ')}`);
  }
}
for (const { name, query } of dashboard.templating.list) {
  const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(query.query) ?? [];
  const found = new Set((await ask('query', { query: metric })).result.map((series) => series.metric[label]));
  if (found.size === 0) faults++;
  console.log(`${found.size === 0 ? 'EMPTY' : 'ok   '}  variable ${name}: ${[...found].join(', ')}`);
}
for (const { rules } of (await ask('rules')).groups) {
  for (const { name, health, lastError, alerts } of rules) {
    if (health !== 'ok') faults++;
    console.log(`${health === 'ok' ? 'ok   ' : 'FAULT'}  alert ${name}: ${alerts.length} active ${lastError ?? ''}`);
  }
}
for (const { labels, health, lastError } of (await ask('targets')).activeTargets) {
  if (health !== 'up') faults++;
  console.log(`${health === 'up' ? 'ok   ' : 'FAULT'}  target ${labels.instance} ${lastError}`);
}
process.exit(faults === 0 ? 0 : 1);
