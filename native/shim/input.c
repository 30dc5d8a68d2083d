#include "shim/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "shim/connections.h"
#include "shim/events.h"
#include "shim/terminal.h"

/* In a list: one per connection at most, as the protocol has it, and the end of input. */
struct chunk {
  struct chunk *next;
  struct connection *from; /* NULL for the end of input */
  uint8_t *data;
  size_t length;
  size_t written;
};

static struct event_source input = {.fd = -1};
static bool is_terminal;
static struct chunk *first;

static void drop_first(void) {
  struct chunk *chunk = first;
  first = chunk->next;
  if (chunk->from != NULL) connection_stdin_taken(chunk->from);
  free(chunk->data);
  free(chunk);
}

void input_close(void) {
  if (input.fd >= 0) {
    events_want(&input, 0);
    close(input.fd);
    input.fd = -1;
  }
  while (first != NULL) drop_first();
}

/* Writes what the process takes; false when it takes no more for now. */
static bool write_first(void) {
  while (first->written < first->length) {
    ssize_t count = write(input.fd, first->data + first->written, first->length - first->written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return false;
    if (count < 0) {
      /* The process has closed its end: nobody will ever read the rest. */
      input_close();
      return false;
    }
    first->written += (size_t)count;
  }
  return true;
}

static void pump(void) {
  while (first != NULL && input.fd >= 0) {
    if (first->from == NULL && first->length == 0) {
      input_close();
      return;
    }
    if (!write_first()) break;
    drop_first();
  }
  if (input.fd >= 0) events_want(&input, first == NULL ? 0 : EPOLLOUT);
}

static void input_ready(struct event_source *source, uint32_t events) {
  (void)source;
  (void)events;
  pump();
}

void input_open(int fd, bool terminal) {
  input.fd = fd;
  input.ready = input_ready;
  is_terminal = terminal;
}

static bool append(struct connection *from, uint8_t *data, size_t length) {
  struct chunk *chunk = calloc(1, sizeof *chunk);
  if (chunk == NULL) return false;
  *chunk = (struct chunk){.from = from, .data = data, .length = length};
  struct chunk **link = &first;
  while (*link != NULL) link = &(*link)->next;
  *link = chunk;
  return true;
}

void input_write(struct connection *from, uint8_t *data, size_t length) {
  if (input.fd >= 0 && append(from, data, length)) {
    pump();
    return;
  }
  free(data);
  connection_stdin_taken(from);
}

void input_end(void) {
  if (input.fd < 0) return;
  uint8_t *data = NULL;
  if (is_terminal) {
    char end = terminal_end_of_input(input.fd);
    if (end == '\0' || (data = malloc(1)) == NULL) return;
    *data = (uint8_t)end;
  }
  if (append(NULL, data, data == NULL ? 0 : 1)) {
    pump();
  } else {
    free(data);
  }
}

void input_forget(const struct connection *connection) {
  for (struct chunk **link = &first; *link != NULL;) {
    struct chunk *chunk = *link;
    if (chunk->from != connection) {
      link = &chunk->next;
      continue;
    }
    *link = chunk->next;
    free(chunk->data);
    free(chunk);
  }
  if (first == NULL && input.fd >= 0) events_want(&input, 0);
}
