// Whether the server in this container is ready, for Docker; slim images have no curl. A process id as argument names the server where
// there are several.
import { readdirSync, readFileSync } from 'node:fs';

/** The command line of the server, which may have been given flags. */
function commandLine() {
  const [, , pid] = process.argv;
  for (const name of pid ? [pid] : readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0');
      if (words.some((word) => word.endsWith('/dist/main.js'))) return words;
    } catch {
      // It has ended.
    }
  }
  return [];
}

const words = commandLine();
/** A setting as the server sees it: its flag goes before its variable. @param {string} name */
function setting(name) {
  const at = words.findLastIndex((word) => word === `--${name}` || word.startsWith(`--${name}=`));
  if (at === -1) return process.env[name.toUpperCase()];
  return words[at].includes('=') ? words[at].slice(name.length + 3) : words[at + 1];
}

const host = (setting('host') || '127.0.0.1').replace(/^\[(.*)\]$/, '$1');
// What listens on every address is asked on the machine's own.
const asked = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
const address = asked.includes(':') ? `[${asked}]` : asked;
const { ok } = await fetch(`http://${address}:${setting('port') || 8080}/readyz`, {
  signal: AbortSignal.timeout(4000),
}).catch(() => ({ ok: false }));
process.exit(ok ? 0 : 1);
