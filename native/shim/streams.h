/* The pipes or the terminal between the shim and the container's process. */
#ifndef GANTRY_SHIM_STREAMS_H
#define GANTRY_SHIM_STREAMS_H

#include <stdbool.h>

#include "shim/log_file.h"

struct streams {
  /* What the process inherits; -1 where it has the shim's own /dev/null. */
  int stdio[3];
  /* The shim's ends, which don't block; -1 for none. With a terminal both are its master. */
  int input;
  int outputs[STREAM_COUNT];
  /* Where the runtime sends the terminal; -1 without one. */
  int console_listener;
};

/* Makes pipes, or the socket for the terminal; -1 with errno. */
int streams_open(struct streams *streams, int directory_fd, bool terminal, bool open_stdin);
/* After create: lets go of the process's ends, so that the shim sees when the process has closed them. */
void streams_close_stdio(struct streams *streams);
/* After create: takes the terminal, if there is one; -1 with errno. */
int streams_take_terminal(struct streams *streams, int directory_fd, bool open_stdin);

#endif
