import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { MenagerieError } from '../../core/errors.js';
import type { ReportForm } from '../../report/forms.js';

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
 * The form of a reply: the one that the query asks for, else the best match of the Accept header.
 * @param forms those that there are; the first is the default if the client accepts any
 * @throws MenagerieError `not_acceptable`
 */
export function chosenForm<Form extends ReportForm>(
  request: FastifyRequest,
  forms: readonly Form[],
  asked: Form | undefined,
): Form {
  if (asked) return asked;
  const types = mediaTypesOf(forms);
  const best = new Negotiator(request.raw).mediaType(types);
  const found = forms.find((form) => MEDIA_TYPES[form] === best);
  if (!found) throw new MenagerieError('not_acceptable', `This resource is available as ${types.join(', ')}.`);
  return found;
}

/** Sends a report in a form other than JSON. */
export function sendReport(reply: FastifyReply, form: ReportForm, text: string): FastifyReply {
  return reply
    .type(`${MEDIA_TYPES[form]}; charset=utf-8`)
    .serializer((body: string) => body)
    .send(text);
}
