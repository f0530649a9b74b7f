// The only file that imports typebox. Loading its hundreds of files takes 0.6 s of processor time at each start, so the build puts a
// bundle of them in the place of this one (scripts/compile.mjs).

export { default, type Static, type TObject } from 'typebox';
export { Compile } from 'typebox/compile';
export type { TLocalizedValidationError } from 'typebox/error';
export { Settings } from 'typebox/system';
