/* The agents that have connected: frames in, frames out (protocol.h). */
#ifndef GANTRY_SHIM_CONNECTIONS_H
#define GANTRY_SHIM_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/log_file.h"

#define SHIM_SOCKET "shim.sock"
/* How far a client that doesn't hold up the container may fall behind. */
#define LOSSY_QUEUE_MAX (256 * 1024)

struct connection;

/* What clients ask for. `context` is the shim. */
struct requests {
  void *context;
  void (*start)(void *context);
  /* The data is the callee's, to be freed. connection_stdin_taken follows, unless `gone` comes first. */
  void (*stdin_data)(void *context, struct connection *from, uint8_t *data, size_t length);
  void (*stdin_end)(void *context);
  void (*resize)(void *context, uint16_t rows, uint16_t columns);
  void (*signal)(void *context, int number);
  /* The connection is about to be freed. */
  void (*gone)(void *context, struct connection *connection);
};

/* Starts to listen on SHIM_SOCKET in the directory; -1 with errno. */
int connections_open(int directory_fd, pid_t init_pid, const struct requests *requests);
/* Sends output to those who are attached. */
void connections_output(enum stream stream, const char *data, size_t length);
/* Does a client for which the container's output waits have unsent output? */
bool connections_hold_up(void);
/* Answers those who have asked for a start; NULL: it has started. */
void connections_started(const char *failure_json);
void connection_stdin_taken(struct connection *connection);
/* Takes no more connections and removes the socket. */
void connections_close_socket(int directory_fd);
/* Sends the last frame to all, and closes each connection when it has everything. */
void connections_end(const char *exit_json);
/* Frees those that have ended. To be called between events. Returns how many are left. */
int connections_sweep(void);

#endif
