#ifndef GANTRY_RUNTIME_CREATE_H
#define GANTRY_RUNTIME_CREATE_H

#include "error.h"

struct create_options
{
  const char *root, *id, *bundle;
  const char *pid_file, *console_socket; /* NULL: none */
  int preserve_fds;
};

/* Makes a container from a bundle, up to the point where only `start` is missing. Its first process is left behind as
 * an orphan, for init or the nearest subreaper. On failure nothing remains. */
int container_create (const struct create_options *options, struct error *err);

#endif
