// Runs a server whose log goes to whoever started this process, and which ends with it however that ends.
import { startServer } from '../measure/server-process.mjs';

const server = await startServer(JSON.parse(process.argv[2] ?? '{}'));
process.once('disconnect', () => server.kill('SIGKILL'));
server.once('exit', (code, signal) => {
  if (!process.connected) return;
  process.send?.({ status: code ?? signal });
  process.disconnect();
});
process.send?.({ address: server.address, pid: server.pid });
