import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ReportForm } from '../../report/forms.js';
import { negotiatedForm } from './negotiate.js';

const MEDIA_TYPES: Readonly<Record<ReportForm, string>> = {
  json: 'application/json',
  text: 'text/plain',
  html: 'text/html',
  csv: 'text/csv',
};

/** The media types of the forms of a report. */
export function mediaTypesOf(forms: readonly ReportForm[]): string[] {
  return forms.map((form) => MEDIA_TYPES[form]);
}

/**
 * The form of a report: the one that the query asks for, else the best match of the Accept header.
 * @param forms those that there are; the first is the default if the client accepts any
 * @throws MenagerieError `not_acceptable`
 */
export function chosenForm<Form extends ReportForm>(
  request: FastifyRequest,
  forms: readonly Form[],
  asked: Form | undefined,
): Form {
  return negotiatedForm(request, asked, new Map(forms.map((form) => [form, MEDIA_TYPES[form]])));
}

/** Sends a report as text. */
export function sendReport(reply: FastifyReply, form: ReportForm, text: string): FastifyReply {
  return reply
    .type(`${MEDIA_TYPES[form]}; charset=utf-8`)
    .serializer((body: string) => body)
    .send(text);
}
