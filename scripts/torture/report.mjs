import { shown } from './tally.mjs';

/** @import { Tally } from './tally.mjs' */

/** What a scenario sent, what came back, and what was checked. */
export class Report {
  /** @type {string[]} */
  sent = [];
  /** @type {string[]} */
  back = [];
  /** @type {{ ok: boolean, what: string, detail: string }[]} */
  checks = [];
  /** Why it could not run here. @type {string | undefined} */
  skipped;

  /** @param {string} what must hold @param {boolean} ok @param {string} detail the numbers */
  check(what, ok, detail) {
    this.checks.push({ ok, what, detail });
  }

  /** @param {string} what @param {unknown} found @param {unknown} expected */
  equal(what, found, expected) {
    const ok = found === expected;
    const text = (/** @type {unknown} */ value) => (typeof value === 'number' ? shown(value) : String(value));
    this.check(what, ok, ok ? text(found) : `${text(found)}, not ${text(expected)}`);
  }

  /** @param {string} what @param {Tally} found @param {Tally} expected */
  sameTally(what, found, expected) {
    const differences = found.differences(expected);
    const kinds = expected.entries.length;
    const detail = shown(expected.total()) + (kinds > 1 ? ` in ${kinds} kinds` : '');
    this.check(what, differences.length === 0, differences.length === 0 ? detail : differences.join('; '));
  }

  /** That a tally has no other names than these. @param {string} what the other names are @param {Tally} found @param {readonly string[]} names */
  only(what, found, names) {
    const others = found.entries.filter(([name]) => !names.includes(name));
    this.none(
      what,
      others.map(([name, count]) => `${name}: ${count}`),
    );
  }

  /** That nothing of a kind happened; what did is shown, the first few. @param {string} what @param {string[]} offences */
  none(what, offences) {
    const more = offences.length > 3 ? ` and ${offences.length - 3} more` : '';
    this.check(what, offences.length === 0, offences.length === 0 ? 'none' : offences.slice(0, 3).join('; ') + more);
  }

  /**
   * That memory grew by no more than a margin.
   * @param {string} what @param {number | undefined} before MiB @param {number | undefined} after MiB @param {number} margin MiB
   */
  memory(what, before, after, margin) {
    if (before === undefined || after === undefined) {
      this.back.push(`${what}: not known here, since there is no /proc`);
      return;
    }
    const detail = `from ${before} to ${after} MiB; ${margin} MiB more are allowed`;
    this.check(what, after - before <= margin, detail);
  }

  get failed() {
    return this.checks.some(({ ok }) => !ok);
  }
}

/** @param {string} name @param {string} about @param {number} seconds @param {Report} report */
export function textOf(name, about, seconds, { sent, back, checks, skipped }) {
  const line = (/** @type {string} */ label, /** @type {string} */ text) => `  ${label.padEnd(8)}${text}\n`;
  const head = `${name}: ${about} (${seconds.toFixed(0)} s)\n`;
  if (skipped !== undefined) return head + line('skipped', skipped);
  return [
    head,
    ...sent.map((text) => line('sent', text)),
    ...back.map((text) => line('back', text)),
    ...checks.map(({ ok, what, detail }) => line(ok ? 'ok' : 'FAILED', `${what}: ${detail}`)),
  ].join('');
}
