import { compareCsv, compareHtml, compareText } from './compare-report.js';
import { summaryHtml } from './summary-html.js';
import { summaryCsv, summaryText } from './summary-text.js';

/** The forms of a report: JSON, or one of those below. */
export type ReportForm = 'json' | keyof typeof SUMMARY_FORMS;

/** Formatters of summaries. */
export const SUMMARY_FORMS = { text: summaryText, html: summaryHtml, csv: summaryCsv };

/** Formatters of comparisons. */
export const COMPARE_FORMS = { text: compareText, html: compareHtml, csv: compareCsv };
