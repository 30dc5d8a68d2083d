#ifndef GANTRY_RUNTIME_INIT_H
#define GANTRY_RUNTIME_INIT_H

#include "cgroup.h"
#include "spec.h"
#include "state.h"

/* All that the container's first process gets from `create`. Descriptors are -1 where there is none. */
struct init_arguments
{
  const struct spec *spec;
  const struct cgroup *cgroup;
  const struct state *state;
  int sync;           /* its end of the pair, sync.h */
  int start_fifo;     /* a byte comes when it shall execute its program */
  int result_fifo;    /* where it says why it couldn't */
  int console_socket; /* where the terminal goes */
  int preserve_fds;
};

/* The container's first process, from clone to execve. */
_Noreturn void init_main (const struct init_arguments *arguments);

#endif
