import Type from 'typebox';
import { VariantNameSchema } from '../../../core/manifest/variant.js';
import type { ReportForm } from '../../../report/forms.js';

/** Media types by form of a report. The first is the default if the client accepts any. */
export const REPORT_TYPES: ReadonlyMap<ReportForm, string> = new Map([
  ['json', 'application/json'],
  ['text', 'text/plain'],
  ['html', 'text/html'],
  ['csv', 'text/csv'],
]);

const FormatSchema = Type.Optional(
  Type.Enum([...REPORT_TYPES.keys()], { description: 'Overrides the Accept header.' }),
);
const TimingSchema = Type.Boolean({
  default: false,
  description:
    'Whether to measure milliseconds: medians of several runs on one thread of a process that serves nothing else.',
});

export const SummaryQuerySchema = Type.Object(
  {
    variant: Type.Optional(VariantNameSchema),
    all: Type.Boolean({
      default: false,
      description: 'Whether to also list constants, shape arithmetic and identities.',
    }),
    timing: TimingSchema,
    input: Type.Optional(Type.String({ maxLength: 64, description: 'Another input shape, such as 1x3x227x227.' })),
    format: FormatSchema,
  },
  { additionalProperties: false },
);

export const CompareQuerySchema = Type.Object(
  {
    ids: Type.String({ maxLength: 2048, description: 'Ids of models, separated by commas.' }),
    timing: TimingSchema,
    format: FormatSchema,
  },
  { additionalProperties: false },
);
