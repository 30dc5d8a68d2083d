/** Which connections of a container wait for an answer of it. Pure. */
import { TCP_CLOSE_WAIT, TCP_ESTABLISHED, TCP_LISTEN, type TcpSocket } from './netlink/sock-diag.ts';

/** A client that has just connected is about to ask. */
const ABOUT_TO_ASK_MS = 200;
/** So long a question is taken for unanswered of which it isn't known whether it came before the last answer or after. */
const IN_DOUBT_MS = 1000;

/**
 * Of those that others have made to it: what came last was a question, or the answer is still on its way. A connection that is
 * kept for later, or on which the container itself asks somebody, isn't among them.
 */
export function unanswered(sockets: readonly TcpSocket[]): TcpSocket[] {
  const ports = new Set(sockets.filter(({ state }) => state === TCP_LISTEN).map(({ localPort }) => localPort));
  return sockets.filter(
    (socket) => ports.has(socket.localPort) && !socket.isToItself && isOpen(socket) && waits(socket),
  );
}

/** Also one whose client has said all that it has to say, and only listens. */
function isOpen({ state }: TcpSocket): boolean {
  return state === TCP_ESTABLISHED || state === TCP_CLOSE_WAIT;
}

/** The kernel's ticks are milliseconds long: a question may come in the same one as the connection, or as the answer before it. */
function waits({ unread, unsent, sinceSentMs, sinceReceivedMs, received, sent }: TcpSocket): boolean {
  if (unread > 0 || unsent > 0 || sinceReceivedMs < sinceSentMs) return true;
  if (received > 0 && sent === 0) return true;
  return sinceReceivedMs === sinceSentMs && sinceReceivedMs < (sent === 0 ? ABOUT_TO_ASK_MS : IN_DOUBT_MS);
}
