import type { Findings } from '../adding/choose.js';
import { SIGNIFICANT } from '../adding/choose.js';
import { asPercent } from '../core/units.js';
import { table } from './format.js';

/** What `menagerie add` found. */
export interface AddReport {
  id: string;
  /** The folder that was written; null if nothing was. */
  folder: string | null;
  /** How pictures are prepared, and how the resize rule was found; null if nothing was chosen. */
  chosen: { preparation: string; resize: string; labels: string; because: 'best' | 'forced' } | null;
  pictures: number;
  classes: number;
  /** p-value of the best attempt against guessing; null without pictures. */
  chance_p: number | null;
  attempts: {
    preparation: string;
    labels: string;
    /** Pictures it was tried on: preparations that are clearly worse are given up early. */
    pictures: number;
    right: number;
    mean_log: number;
    /** p-value of the best attempt against this one; null for the best, and for what no picture tells from it. */
    p: number | null;
  }[];
}

/** The attempts as the report lists them. */
export function attemptRows(choice: Findings | undefined): Pick<AddReport, 'attempts' | 'chance_p'> {
  return {
    chance_p: choice?.chance ?? null,
    attempts: (choice?.ranked ?? []).map(({ preparation, candidate, hits, logs, p }) => ({
      preparation: preparation.name,
      labels: candidate.name,
      pictures: logs.length,
      right: hits.filter((hit) => hit === 1).length,
      mean_log: logs.reduce((sum, log) => sum + log, 0) / logs.length,
      p: p ?? null,
    })),
  };
}

const MOST_ROWS = 20;

/** The report for people. */
export function addText(report: AddReport): string {
  const { id, folder, chosen, pictures, classes, chance_p, attempts } = report;
  const lines: string[] = [];
  if (attempts.length > 0) {
    const rows = attempts
      .slice(0, MOST_ROWS)
      .map(({ preparation, labels, right, mean_log, p, ...row }, i) => [
        preparation,
        labels,
        String(row.pictures),
        asPercent(right / row.pictures),
        mean_log.toFixed(3),
        i === 0 ? 'best' : p === null ? 'alike' : shownP(p),
      ]);
    lines.push(
      `${pictures} pictures of ${classes} classes. P: how likely the best would be so much better by chance.\n\n`,
      table([['PREPARATION', 'LABELS', 'PICTURES', 'RIGHT', 'MEAN LOG P', 'P'], ...rows], [2, 3, 4, 5]),
      '\n',
    );
    if (chance_p !== null && chance_p >= SIGNIFICANT) lines.push('The best is no better than guessing.\n');
  }
  if (folder === null || !chosen) {
    lines.push(
      'Nothing was written: no preparation is better than all others beyond chance. ' +
        'Give more pictures with --data, or name one with --force.\n',
    );
  } else {
    lines.push(
      `Added "${id}": ${folder}\n`,
      `Pictures: ${chosen.preparation}${chosen.because === 'forced' ? ' (forced)' : ''}; ${chosen.resize}. Labels: ${chosen.labels}.\n`,
    );
  }
  return lines.join('');
}

function shownP(p: number): string {
  return p < 0.001 ? '< 0.001' : p.toFixed(3);
}
