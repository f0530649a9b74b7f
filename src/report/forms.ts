import { compareCsv, compareHtml, compareText } from './compare-report.js';
import { summaryHtml } from './summary-html.js';
import { summaryCsv, summaryText } from './summary-text.js';

/** How a report is given: as it is, or written out. */
export type ReportForm = 'json' | keyof typeof SUMMARY_FORMS;

/** Ways to write a summary out. */
export const SUMMARY_FORMS = { text: summaryText, html: summaryHtml, csv: summaryCsv };

/** Ways to write a comparison out. */
export const COMPARE_FORMS = { text: compareText, html: compareHtml, csv: compareCsv };
