import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { MenagerieError } from '../../core/errors.js';
import Type from '../../core/schema/typebox.js';
import { parseShape } from '../../core/shape.js';
import { compareModels } from '../../report/compare-report.js';
import { COMPARE_FORMS, SUMMARY_FORMS } from '../../report/forms.js';
import { CompareReportSchema, SummaryReportSchema } from '../../report/schemas.js';
import { modelSubject, summaryReport } from '../../report/summary-report.js';
import type { Summaries } from '../../serving/summaries.js';
import { abortWhenGone } from '../exchange/client-gone.js';
import { chosenForm, mediaTypesOf, sendReport } from '../exchange/report-reply.js';
import { ModelIdSchema, problems } from './schemas/model-schemas.js';
import { CompareQuerySchema, FORMS, SummaryQuerySchema } from './schemas/summary-schemas.js';

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
        summary: 'A network, layer by layer',
        description:
          'For any model whose weights are on this machine, loaded or not. JSON, a table (text/plain), a page (text/html) or ' +
          'text/csv, as `format` or the Accept header asks.',
        tags,
        params: Type.Object({ id: ModelIdSchema }),
        querystring: SummaryQuerySchema,
        produces: mediaTypesOf(FORMS),
        response: { 200: SummaryReportSchema, ...errors },
      },
    },
    async (request, reply) => {
      const { variant, all, timing, input, format } = request.query;
      const chosen = chosenForm(request, FORMS, format);
      const inputShape = input === undefined ? undefined : parseShape(input);
      const gone = abortWhenGone(request, reply);
      const found = await summaries.summary(request.params.id, { variant, inputShape, timing }, gone);
      const report = summaryReport(modelSubject(found), found.inspection, all);
      return chosen === 'json' ? report : sendReport(reply, chosen, SUMMARY_FORMS[chosen](report));
    },
  );

  app.get(
    '/models/compare',
    {
      schema: {
        summary: 'Networks side by side',
        tags,
        querystring: CompareQuerySchema,
        produces: mediaTypesOf(FORMS),
        response: { 200: CompareReportSchema, ...errors },
      },
    },
    async (request, reply) => {
      const { ids, timing, format } = request.query;
      const chosen = chosenForm(request, FORMS, format);
      const names = ids.split(',').filter((id) => id !== '');
      if (names.length === 0 || names.length > MAX_COMPARED) {
        throw new MenagerieError('invalid_request', `ids must name 1 to ${MAX_COMPARED} models, separated by commas.`);
      }
      const report = await compareModels(summaries, names, timing, abortWhenGone(request, reply));
      return chosen === 'json' ? report : sendReport(reply, chosen, COMPARE_FORMS[chosen](report));
    },
  );
};
