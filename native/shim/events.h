/* The event loop: file descriptors and what to call when they are ready. */
#ifndef GANTRY_SHIM_EVENTS_H
#define GANTRY_SHIM_EVENTS_H

#include <stdint.h>

/* Part of whatever owns the descriptor. Zeroed, with fd and ready set, before use. */
struct event_source {
  int fd;
  /* epoll's events; called once per turn of the loop, level-triggered. */
  void (*ready)(struct event_source *source, uint32_t events);
  /* events.c's own: what is waited for; 0 when not registered */
  uint32_t wanted;
};

/* Opens the loop; -1 with errno. */
int events_open(void);
/*
 * Waits for these events from now on; 0 takes the source out altogether, as epoll would go on to report a
 * hang-up otherwise. -1 with errno.
 */
int events_want(struct event_source *source, uint32_t wanted);
/* Waits for one event, or so many milliseconds (-1: for ever), and calls its source. -1 with errno. */
int events_turn(int timeout_ms);

#endif
