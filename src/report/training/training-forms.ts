import { trainingHtml } from './training-html.js';
import { trainingText } from './training-text.js';

/** Formatters of the report of a training; its other form is JSON. */
export const TRAINING_FORMS = { text: trainingText, html: trainingHtml };
