// The server decides when a worker ends. A terminal sends these to all of its processes, a service manager to all of a service;
// SIGUSR1 would open Node's inspector.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});
