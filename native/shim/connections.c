#include "shim/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/events.h"
#include "shim/protocol.h"
#include "shim/terminal.h"

struct connection {
  struct event_source source;
  struct connection *next;
  bool dead;
  bool attached;
  enum attach_mode mode;
  bool wants_start;
  bool stdin_outstanding;
  /* Nothing follows what is queued. */
  bool ending;
  /* The frame that is being received: its header, then its payload. */
  uint8_t header[FRAME_HEADER];
  size_t header_length;
  uint8_t *payload;
  size_t payload_length;
  /* What the socket hasn't taken yet. */
  uint8_t *queue;
  size_t queue_start;
  size_t queue_end;
  size_t queue_capacity;
};

static struct event_source listener = {.fd = -1};
static struct connection *connections;
static const struct requests *requests;
static pid_t init_pid;

/* ---- out ---- */

static size_t queued(const struct connection *connection) { return connection->queue_end - connection->queue_start; }

static void want_events(struct connection *connection) {
  uint32_t wanted = (connection->ending ? 0 : EPOLLIN) | (queued(connection) > 0 ? EPOLLOUT : 0);
  if (connection->ending && queued(connection) == 0) connection->dead = true;
  if (events_want(&connection->source, wanted) < 0) connection->dead = true;
}

static void queue(struct connection *connection, const uint8_t *data, size_t length) {
  if (connection->queue_end + length > connection->queue_capacity) {
    size_t kept = queued(connection);
    uint8_t *grown = malloc(kept + length);
    if (grown == NULL) {
      connection->dead = true;
      return;
    }
    if (kept > 0) memcpy(grown, connection->queue + connection->queue_start, kept);
    free(connection->queue);
    connection->queue = grown;
    connection->queue_start = 0;
    connection->queue_end = kept;
    connection->queue_capacity = kept + length;
  }
  memcpy(connection->queue + connection->queue_end, data, length);
  connection->queue_end += length;
}

/* Sends at once what the socket takes, so that the queue is in use only for clients that fall behind. */
static size_t send_now(struct connection *connection, const struct iovec *parts, size_t count) {
  struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = count};
  ssize_t sent;
  do {
    sent = sendmsg(connection->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return (size_t)sent;
  if (errno != EAGAIN) connection->dead = true;
  return 0;
}

static void send_frame(struct connection *connection, enum shim_frame type, const void *payload, size_t length) {
  if (connection->dead) return;
  uint8_t header[FRAME_HEADER] = {(uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16),
                                  (uint8_t)(length >> 24), (uint8_t)type};
  struct iovec parts[2] = {{header, sizeof header}, {(void *)payload, length}};
  size_t sent = queued(connection) > 0 ? 0 : send_now(connection, parts, length == 0 ? 1 : 2);
  if (connection->dead || sent == sizeof header + length) return;
  size_t header_sent = sent < sizeof header ? sent : sizeof header;
  queue(connection, header + header_sent, sizeof header - header_sent);
  if (length > 0) queue(connection, (const uint8_t *)payload + (sent - header_sent), length - (sent - header_sent));
  want_events(connection);
}

static void send_queue(struct connection *connection) {
  struct iovec part = {connection->queue + connection->queue_start, queued(connection)};
  connection->queue_start += send_now(connection, &part, 1);
  if (queued(connection) > 0) return;
  free(connection->queue);
  connection->queue = NULL;
  connection->queue_start = connection->queue_end = connection->queue_capacity = 0;
}

void connections_output(enum stream stream, const char *data, size_t length) {
  enum shim_frame type = stream == STREAM_STDOUT ? FRAME_STDOUT : FRAME_STDERR;
  for (struct connection *connection = connections; connection != NULL; connection = connection->next) {
    if (!connection->attached) continue;
    if (connection->mode == ATTACH_LOSSY && queued(connection) + length > LOSSY_QUEUE_MAX) connection->dead = true;
    send_frame(connection, type, data, length);
  }
}

bool connections_hold_up(void) {
  for (const struct connection *connection = connections; connection != NULL; connection = connection->next)
    if (connection->attached && connection->mode == ATTACH_LOSSLESS && !connection->dead && queued(connection) > 0)
      return true;
  return false;
}

void connections_started(const char *failure_json) {
  for (struct connection *connection = connections; connection != NULL; connection = connection->next) {
    if (!connection->wants_start) continue;
    connection->wants_start = false;
    if (failure_json == NULL) {
      send_frame(connection, FRAME_STARTED, NULL, 0);
    } else {
      send_frame(connection, FRAME_START_FAILED, failure_json, strlen(failure_json));
    }
  }
}

void connection_stdin_taken(struct connection *connection) {
  connection->stdin_outstanding = false;
  send_frame(connection, FRAME_STDIN_TAKEN, NULL, 0);
}

/* ---- in ---- */

static uint16_t read_u16(const uint8_t *data) { return (uint16_t)(data[0] | data[1] << 8); }

static uint32_t read_u32(const uint8_t *data) { return (uint32_t)read_u16(data) | (uint32_t)read_u16(data + 2) << 16; }

static bool take_stdin(struct connection *connection, size_t length) {
  /* A second one before the first was taken: the client doesn't keep to the protocol. */
  if (connection->stdin_outstanding || length == 0) return false;
  connection->stdin_outstanding = true;
  uint8_t *data = connection->payload;
  connection->payload = NULL;
  requests->stdin_data(requests->context, connection, data, length);
  return true;
}

/* Does what a whole frame asks for; false when it is malformed. */
static bool take_frame(struct connection *connection, uint8_t type, size_t length) {
  const uint8_t *payload = connection->payload;
  switch (type) {
    case FRAME_START:
      connection->wants_start = true;
      requests->start(requests->context);
      return true;
    case FRAME_ATTACH:
      if (length != 1 || payload[0] > ATTACH_LOSSLESS) return false;
      connection->attached = true;
      connection->mode = payload[0];
      send_frame(connection, FRAME_ATTACHED, NULL, 0);
      return true;
    case FRAME_STDIN: return take_stdin(connection, length);
    case FRAME_CLOSE_STDIN: requests->stdin_end(requests->context); return true;
    case FRAME_RESIZE:
      if (length != 4) return false;
      requests->resize(requests->context, read_u16(payload), read_u16(payload + 2));
      return true;
    case FRAME_SIGNAL:
      if (length != 1) return false;
      requests->signal(requests->context, payload[0]);
      return true;
    default: return false;
  }
}

/* Reads into a buffer of which `have` bytes are there; true when it has become full. */
static bool receive(struct connection *connection, uint8_t *buffer, size_t *have, size_t wanted) {
  if (*have == wanted) return true;
  ssize_t count = recv(connection->source.fd, buffer + *have, wanted - *have, MSG_DONTWAIT);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) connection->dead = true;
  if (count > 0) *have += (size_t)count;
  return *have == wanted;
}

/* Receives what there is of one frame. */
static void receive_frame(struct connection *connection) {
  if (!receive(connection, connection->header, &connection->header_length, FRAME_HEADER)) return;
  size_t length = read_u32(connection->header);
  if (length > FRAME_MAX_PAYLOAD) {
    connection->dead = true;
    return;
  }
  if (connection->payload == NULL && length > 0) connection->payload = malloc(length);
  if (connection->payload == NULL && length > 0) {
    connection->dead = true;
    return;
  }
  if (!receive(connection, connection->payload, &connection->payload_length, length)) return;
  if (!take_frame(connection, connection->header[4], length)) connection->dead = true;
  free(connection->payload);
  connection->payload = NULL;
  connection->header_length = connection->payload_length = 0;
}

static void connection_ready(struct event_source *source, uint32_t events) {
  struct connection *connection = (struct connection *)source;
  if (connection->dead) return;
  if ((events & EPOLLOUT) != 0) send_queue(connection);
  if ((events & EPOLLIN) != 0) receive_frame(connection);
  if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) connection->dead = true;
  if (!connection->dead) want_events(connection);
}

/* ---- the list ---- */

static void accept_connection(struct event_source *source, uint32_t events) {
  (void)events;
  int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) {
    close(fd);
    return;
  }
  connection->source = (struct event_source){.fd = fd, .ready = connection_ready};
  connection->next = connections;
  connections = connection;
  uint32_t pid = (uint32_t)init_pid;
  const uint8_t hello[] = {PROTOCOL_VERSION, (uint8_t)pid, (uint8_t)(pid >> 8), (uint8_t)(pid >> 16), (uint8_t)(pid >> 24)};
  send_frame(connection, FRAME_HELLO, hello, sizeof hello);
  want_events(connection);
}

int connections_open(int directory_fd, pid_t pid, const struct requests *handlers) {
  requests = handlers;
  init_pid = pid;
  listener.ready = accept_connection;
  listener.fd = listen_in(directory_fd, SHIM_SOCKET);
  return listener.fd < 0 ? -1 : events_want(&listener, EPOLLIN);
}

void connections_close_socket(int directory_fd) {
  events_want(&listener, 0);
  unlinkat(directory_fd, SHIM_SOCKET, 0);
  close(listener.fd);
}

void connections_end(const char *exit_json) {
  for (struct connection *connection = connections; connection != NULL; connection = connection->next) {
    send_frame(connection, FRAME_EXIT, exit_json, strlen(exit_json));
    connection->ending = true;
    want_events(connection);
  }
}

static void destroy(struct connection *connection) {
  requests->gone(requests->context, connection);
  events_want(&connection->source, 0);
  close(connection->source.fd);
  free(connection->payload);
  free(connection->queue);
  free(connection);
}

int connections_sweep(void) {
  int left = 0;
  for (struct connection **link = &connections; *link != NULL;) {
    struct connection *connection = *link;
    if (connection->dead) {
      *link = connection->next;
      destroy(connection);
    } else {
      link = &connection->next;
      left++;
    }
  }
  return left;
}
