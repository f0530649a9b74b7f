import Type from 'typebox';

/** Options of an object that holds what its schema names and nothing else. */
export const strict = { additionalProperties: false } as const;

/** A value of the schema, or null. */
export const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
