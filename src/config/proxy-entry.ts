import { isIP } from 'node:net';

const PROXY_GROUPS = ['loopback', 'linklocal', 'uniquelocal'];

/** Whether Fastify's `trustProxy` takes an entry. */
export function isProxy(entry: string): boolean {
  if (PROXY_GROUPS.includes(entry)) return true;
  const [address = '', prefix, ...rest] = entry.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return (
    prefix === undefined ||
    (/^\d{1,3}$/.test(prefix) && Number(prefix) > 0 && Number(prefix) <= (version === 4 ? 32 : 128))
  );
}
