/** For tests: answers below the level at which Node's server could give them. */
import type { IncomingMessage } from 'node:http';

/** Sends the text as it is, and leaves the connection open. */
export function sendRaw({ socket }: IncomingMessage, text: string): void {
  // The client may have given up.
  socket.on('error', () => undefined);
  socket.write(text);
}

/** Sends the text, and then a byte now and then without end. */
export function drip(request: IncomingMessage, text: string, byte: string, pauseMs = 20): void {
  const { socket } = request;
  sendRaw(request, text);
  const timer = setInterval(() => socket.write(byte), pauseMs);
  socket.on('close', () => clearInterval(timer));
}

/** Sends the same again as soon as the other end has taken it. */
export function flood(request: IncomingMessage, text: string, again: string): void {
  const { socket } = request;
  sendRaw(request, text);
  const more = () => {
    if (!socket.destroyed) socket.write(again, () => setImmediate(more));
  };
  more();
}
