/**
 * The service that is updated: answers at once, or after as many milliseconds as the path says, as "/20000". On SIGTERM it
 * answers what it was asked, tells clients to use no connection again, and ends when none is left.
 */
import { createServer } from 'node:http';
import { hostname } from 'node:os';

/** Clients that keep connections use each of them within this time, and hear on it that it ends. */
const FAREWELL_MS = 1000;
let isLeaving = false;

const server = createServer((request, response) => {
  const delayMs = Number(request.url?.slice(1)) || 0;
  const answer = () => {
    response.setHeader('connection', isLeaving ? 'close' : 'keep-alive');
    response.end(`${hostname()} ${process.env.VERSION} ${request.socket.remoteAddress}\n`);
  };
  if (delayMs === 0) answer();
  else setTimeout(answer, delayMs);
});
server.keepAliveTimeout = 60_000;
server.listen(80, '0.0.0.0');

process.on('SIGTERM', () => {
  isLeaving = true;
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  }, FAREWELL_MS);
});
