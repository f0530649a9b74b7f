import Type from './typebox.js';

/** Options of an object schema that allows no other properties. */
export const strict = { additionalProperties: false } as const;

/** A schema that also allows null. */
export const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
