import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { MenagerieError } from '../../core/errors.js';
import Type, { type Static } from '../../core/schema/typebox.js';
import { TRAINING_FORMS } from '../../report/training/training-forms.js';
import type { JobQueue } from '../../training/jobs/job-queue.js';
import { parseTrainingReport, TrainingReportSchema } from '../../training/report/training-report.js';
import { abortWhenGone } from '../exchange/client-gone.js';
import { negotiatedForm } from '../exchange/negotiate.js';
import { chosenForm, mediaTypesOf, sendReport } from '../exchange/report-reply.js';
import { sendEvents, serverSentEvents } from '../exchange/server-sent-events.js';
import { ADMIN_SECURITY, onlyAdmin } from './admin.js';
import { problems } from './schemas/model-schemas.js';
import { TransferIdSchema, TransferSchema } from './schemas/transfer-schemas.js';
import { transferJson } from './transfer-json.js';

export interface TransferRouteOptions {
  jobs: JobQueue;
  adminKey: string | undefined;
}

const STATE_TYPES = new Map([
  ['json', 'application/json'],
  ['events', 'text/event-stream'],
] as const);
const REPORT_FORMS = ['json', 'text', 'html'] as const;
/** Clients that may follow trainings at a time: each keeps a connection open. */
const MOST_FOLLOWING = 64;

/** GET /transfers, GET and DELETE /transfers/:id, GET /transfers/:id/report */
export const transferRoutes: FastifyPluginAsyncTypebox<TransferRouteOptions> = async (app, { jobs, adminKey }) => {
  const tags = ['transfers'];
  const params = Type.Object({ id: TransferIdSchema });
  const onRequest = onlyAdmin(adminKey);
  let following = 0;

  app.get(
    '/transfers',
    {
      schema: {
        summary: 'Trainings: those that wait or run, and the last ones that ended',
        tags,
        response: { 200: Type.Object({ transfers: Type.Array(TransferSchema) }) },
      },
    },
    async () => ({ transfers: jobs.jobs.map(transferJson) }),
  );

  app.get(
    '/transfers/:id',
    {
      schema: {
        summary: 'How far a training is',
        description:
          'With `Accept: text/event-stream` the reply stays open: each change is an event, until the training is over.',
        tags,
        params,
        produces: [...STATE_TYPES.values()],
        response: { 200: TransferSchema, ...problems(400, 404, 406, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const job = jobs.job(id);
      if (negotiatedForm(request, undefined, STATE_TYPES) === 'json') return transferJson(job);
      if (following >= MOST_FOLLOWING) {
        throw new MenagerieError('overloaded', `${MOST_FOLLOWING} clients follow trainings already.`, {
          retryAfterS: 5,
        });
      }
      following++;
      const events = serverSentEvents(asJson(jobs, id, abortWhenGone(request, reply)));
      events.once('close', () => following--);
      return sendEvents(reply, events);
    },
  );

  app.get(
    '/transfers/:id/report',
    {
      onRequest,
      schema: {
        summary: 'What a training found',
        description: 'JSON, text or a page with pictures, as `format` or the Accept header asks.',
        tags,
        security: ADMIN_SECURITY,
        params,
        querystring: Type.Object(
          { format: Type.Optional(Type.Enum([...REPORT_FORMS], { description: 'Overrides the Accept header.' })) },
          { additionalProperties: false },
        ),
        produces: mediaTypesOf(REPORT_FORMS),
        response: { 200: TrainingReportSchema, ...problems(400, 401, 403, 404, 406) },
      },
    },
    async (request, reply) => {
      const form = chosenForm(request, REPORT_FORMS, request.query.format);
      const text = await jobs.report(request.params.id);
      if (form === 'json') return sendReport(reply, form, text);
      return sendReport(reply, form, TRAINING_FORMS[form](parseTrainingReport(text, 'the report')));
    },
  );

  app.delete(
    '/transfers/:id',
    {
      onRequest,
      schema: {
        summary: 'Cancel a training, or forget one that is over',
        description: 'Answers when it has ended. The model of a training that is forgotten stays.',
        tags,
        security: ADMIN_SECURITY,
        params,
        response: { 200: TransferSchema, ...problems(400, 401, 403, 404) },
      },
    },
    async ({ params: { id } }) => transferJson(await jobs.remove(id)),
  );
};

async function* asJson(
  jobs: JobQueue,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Static<typeof TransferSchema>, void> {
  for await (const job of jobs.watch(id, signal)) yield transferJson(job);
}
