#include "sync.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

int
sync_pair (int fds[2], struct error *err)
{
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
    return error_set (err, errno, "socketpair");
  return 0;
}

int
sync_send (int fd, enum sync_kind kind, const void *payload, size_t length, struct error *err)
{
  struct iovec parts[] = {
    { .iov_base = &kind, .iov_len = sizeof kind },
    { .iov_base = (void *) payload, .iov_len = length },
  };
  struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
  ssize_t n;

  do
    n = sendmsg (fd, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return error_set (err, errno, "send to the other process");
  return 0;
}

void
sync_send_error (int fd, const struct error *err)
{
  struct error ignored;
  sync_send (fd, SYNC_ERROR, err, sizeof *err, &ignored);
}

/* recv, also when the other side has closed its end with messages of ours unread: that is reported once as
 * ECONNRESET, ahead of what it has sent before. */
static ssize_t
receive_packet (int fd, void *packet, size_t size)
{
  ssize_t n;

  do
    n = recv (fd, packet, size, 0);
  while (n < 0 && (errno == EINTR || errno == ECONNRESET));
  return n;
}

int
sync_receive (int fd, enum sync_kind kind, const char *peer, void *payload, size_t capacity, struct error *err)
{
  struct
  {
    enum sync_kind kind;
    char data[SYNC_MAX_PAYLOAD];
  } packet;
  ssize_t n;
  size_t length;

  n = receive_packet (fd, &packet, sizeof packet);
  if (n < 0)
    return error_set (err, errno, "receive from %s", peer);
  if ((size_t) n < sizeof packet.kind)
    return error_set (err, 0, "%s died before it was ready", peer);
  length = (size_t) n - sizeof packet.kind;
  if (packet.kind == SYNC_ERROR && length == sizeof *err)
    {
      memcpy (err, packet.data, sizeof *err);
      return -1;
    }
  if (packet.kind != kind || length > capacity)
    return error_set (err, 0, "%s sent message %d instead of %d", peer, packet.kind, kind);
  if (length > 0)
    memcpy (payload, packet.data, length);
  return (int) length;
}

int
sync_receive_end (int fd, const char *peer, struct error *err)
{
  struct
  {
    enum sync_kind kind;
    struct error error;
  } packet;
  ssize_t n;

  n = receive_packet (fd, &packet, sizeof packet);
  if (n == 0)
    return 0;
  if (n != sizeof packet || packet.kind != SYNC_ERROR)
    return error_set (err, n < 0 ? errno : 0, "receive from %s", peer);
  *err = packet.error;
  return -1;
}
