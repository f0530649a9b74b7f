// The server decides when a worker ends. A terminal sends these signals to all of its processes, and a service manager to all
// processes of a service; SIGUSR1 would open Node's inspector.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => {});
