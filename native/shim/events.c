#include "shim/events.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

static int epoll_fd = -1;

int events_open(void) {
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  return epoll_fd < 0 ? -1 : 0;
}

int events_want(struct event_source *source, uint32_t wanted) {
  if (source->wanted == wanted) return 0;
  int operation = source->wanted == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  struct epoll_event event = {.events = wanted, .data.ptr = source};
  if (epoll_ctl(epoll_fd, operation, source->fd, &event) < 0) return -1;
  source->wanted = wanted;
  return 0;
}

int events_turn(int timeout_ms) {
  /* One at a time: a handler may free any source, and none of a larger batch could be trusted afterwards. */
  struct epoll_event event;
  int count = epoll_wait(epoll_fd, &event, 1, timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : -1;
  struct event_source *source = event.data.ptr;
  if (count == 1) source->ready(source, event.events);
  return 0;
}
