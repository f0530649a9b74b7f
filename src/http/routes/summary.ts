import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import Type from 'typebox';
import { MenagerieError } from '../../core/errors.js';
import { parseShape } from '../../core/shape.js';
import { compareCsv, compareHtml, compareModels, compareText } from '../../report/compare-report.js';
import { CompareReportSchema, SummaryReportSchema } from '../../report/schemas.js';
import { summaryHtml } from '../../report/summary-html.js';
import { modelSubject, summaryReport } from '../../report/summary-report.js';
import { summaryCsv, summaryText } from '../../report/summary-text.js';
import type { Summaries } from '../../serving/summaries.js';
import { ModelIdSchema, problems } from '../schemas.js';
import { CompareQuerySchema, FORMATS, type Format, SummaryQuerySchema } from '../summary-schemas.js';

export interface SummaryRouteOptions {
  summaries: Summaries;
}

const MAX_COMPARED = 32;

/** GET /models/:id/summary and GET /models/compare */
export const summaryRoutes: FastifyPluginAsyncTypebox<SummaryRouteOptions> = async (app, { summaries }) => {
  const tags = ['models'];
  const errors = problems(400, 404, 406, 409, 422, 500, 503);

  app.get(
    '/models/:id/summary',
    {
      schema: {
        summary: 'What happens to a picture in a network, layer by layer',
        description:
          'For any model whose weights are on this machine, loaded or not. JSON, a table (text/plain), a page (text/html) or ' +
          'text/csv, by `format` or the Accept header.',
        tags,
        params: Type.Object({ id: ModelIdSchema }),
        querystring: SummaryQuerySchema,
        produces: Object.values(FORMATS),
        response: { 200: SummaryReportSchema, ...errors },
      },
    },
    async (request, reply) => {
      const { variant, all, timing, input, format } = request.query;
      const chosen = formatFor(request, format);
      const inputShape = input === undefined ? undefined : parseShape(input);
      const found = await summaries.summary(request.params.id, { variant, inputShape, timing });
      const report = summaryReport(modelSubject(found), found.inspection, all);
      const render = { json: undefined, text: summaryText, html: summaryHtml, csv: summaryCsv }[chosen];
      return render ? sendText(reply, chosen, render(report)) : report;
    },
  );

  app.get(
    '/models/compare',
    {
      schema: {
        summary: 'Networks side by side',
        tags,
        querystring: CompareQuerySchema,
        produces: Object.values(FORMATS),
        response: { 200: CompareReportSchema, ...errors },
      },
    },
    async (request, reply) => {
      const { ids, timing, format } = request.query;
      const chosen = formatFor(request, format);
      const names = ids.split(',').filter((id) => id !== '');
      if (names.length === 0 || names.length > MAX_COMPARED) {
        throw new MenagerieError('invalid_request', `ids must name 1 to ${MAX_COMPARED} models, separated by commas.`);
      }
      const report = await compareModels(summaries, names, timing);
      const render = { json: undefined, text: compareText, html: compareHtml, csv: compareCsv }[chosen];
      return render ? sendText(reply, chosen, render(report)) : report;
    },
  );
};

/** The form to answer in: the one asked for by name, else the best of the Accept header. */
function formatFor(request: FastifyRequest, format: Format | undefined): Format {
  if (format) return format;
  const types = Object.entries(FORMATS);
  const best = new Negotiator(request.raw).mediaType(types.map(([, type]) => type));
  const found = types.find(([, type]) => type === best);
  if (!found) {
    const known = types.map(([, type]) => type).join(', ');
    throw new MenagerieError('not_acceptable', `This comes as ${known}.`);
  }
  return found[0] as Format;
}

function sendText(reply: FastifyReply, format: Format, text: string): FastifyReply {
  return reply
    .type(`${FORMATS[format]}; charset=utf-8`)
    .serializer((body: string) => body)
    .send(text);
}
