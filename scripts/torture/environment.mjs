/** Settings of whoever runs this, which must not change what is tested. */
const FOREIGN = /^(MENAGERIE_\w+|HOST|PORT|DEVICE|MODEL_DIRS|MODEL_MIRROR|NODE_OPTIONS)$/;

/** This program's environment without them. */
export function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !FOREIGN.test(name)));
}
