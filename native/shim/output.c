#include "shim/output.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "shim/connections.h"
#include "shim/events.h"
#include "shim/protocol.h"

/* More than the largest pipe an unprivileged process can make: whoever still writes isn't the container any more. */
#define FINISH_MAX (2 * 1024 * 1024)

/* How soon a full log is looked at again. */
#define FULL_LOG_MS 50

static struct event_source outputs[STREAM_COUNT] = {{.fd = -1}, {.fd = -1}};
static struct log_file *container_log;

static void close_output(struct event_source *source) {
  events_want(source, 0);
  close(source->fd);
  source->fd = -1;
}

/* Reads one buffer; how many bytes there were: 0 at the end, -1 when there is nothing for now. */
static ssize_t read_output(struct event_source *source) {
  static char buffer[FRAME_MAX_PAYLOAD];
  enum stream stream = source == &outputs[STREAM_STDOUT] ? STREAM_STDOUT : STREAM_STDERR;
  ssize_t count;
  do {
    count = read(source->fd, buffer, sizeof buffer);
  } while (count < 0 && errno == EINTR);
  if (count > 0) {
    log_file_write(container_log, stream, buffer, (size_t)count);
    log_file_flush(container_log);
    connections_output(stream, buffer, (size_t)count);
    return count;
  }
  /* EIO is what a terminal says when no process has it open any more. */
  return count < 0 && errno == EAGAIN ? -1 : 0;
}

static void output_ready(struct event_source *source, uint32_t events) {
  (void)events;
  if (read_output(source) == 0) close_output(source);
}

void output_open(const int fds[STREAM_COUNT], struct log_file *log) {
  container_log = log;
  for (int stream = 0; stream < STREAM_COUNT; stream++)
    outputs[stream] = (struct event_source){.fd = fds[stream], .ready = output_ready};
}

int output_update(void) {
  bool full = log_file_is_full(container_log), held_up = full || connections_hold_up();
  for (int stream = 0; stream < STREAM_COUNT; stream++)
    if (outputs[stream].fd >= 0) events_want(&outputs[stream], held_up ? 0 : EPOLLIN);
  return full ? FULL_LOG_MS : -1;
}

void output_finish(void) {
  for (int stream = 0; stream < STREAM_COUNT; stream++) {
    if (outputs[stream].fd < 0) continue;
    ssize_t count, total = 0;
    while (total < FINISH_MAX && (count = read_output(&outputs[stream])) > 0) total += count;
    close_output(&outputs[stream]);
  }
}
