// Whether the server in this container is ready, for Docker; slim images have no curl.
const { ok } = await fetch(`http://127.0.0.1:${process.env.PORT || 8080}/readyz`, {
  signal: AbortSignal.timeout(4000),
}).catch(() => ({ ok: false }));
process.exit(ok ? 0 : 1);
