import Type from 'typebox';
import { VariantNameSchema } from '../../core/manifest/manifest.js';
import type { ReportForm } from '../../report/forms.js';

/** The forms of a report and their media types; the first is what comes when anything will do. */
export const FORMATS = {
  json: 'application/json',
  text: 'text/plain',
  html: 'text/html',
  csv: 'text/csv',
} as const satisfies Record<ReportForm, string>;

const FormatSchema = Type.Optional(
  Type.Enum(Object.keys(FORMATS) as ReportForm[], { description: 'Goes before the Accept header.' }),
);
const TimingSchema = Type.Boolean({
  default: false,
  description:
    'Whether to measure milliseconds: medians of several runs on one thread, in a thread that serves nothing else.',
});

export const SummaryQuerySchema = Type.Object(
  {
    variant: Type.Optional(VariantNameSchema),
    all: Type.Boolean({
      default: false,
      description: 'Whether to list constants, shape arithmetic and identities too.',
    }),
    timing: TimingSchema,
    input: Type.Optional(
      Type.String({ maxLength: 64, description: 'Another shape of the input, such as 1x3x227x227.' }),
    ),
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
