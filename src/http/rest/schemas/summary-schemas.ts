import { VariantNameSchema } from '../../../core/manifest/variant.js';
import Type from '../../../core/schema/typebox.js';
import type { ReportForm } from '../../../report/forms.js';

/** The forms of a report. The first is the default if the client accepts any. */
export const FORMS = ['json', 'text', 'html', 'csv'] as const satisfies ReportForm[];

const FormatSchema = Type.Optional(Type.Enum([...FORMS], { description: 'Overrides the Accept header.' }));
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
