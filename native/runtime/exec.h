#ifndef GANTRY_RUNTIME_EXEC_H
#define GANTRY_RUNTIME_EXEC_H

#include "error.h"
#include "spec.h"
#include "state.h"

struct exec_options
{
  const char *root;
  const struct state *state;
  const struct spec *spec;            /* the container's */
  const struct process_spec *process; /* what to run */
  const char *pid_file, *console_socket; /* NULL: none */
  bool detach;
  int control_fd; /* -1: none */
  int preserve_fds;
};

/* Runs a process in a running container. Returns 0 when detached, otherwise its exit status (128 + signal). */
int container_exec (const struct exec_options *options, struct error *err);

/* What `exec` holds of the process while that runs in the foreground. */
struct relay
{
  pid_t pid;
  int pidfd;
  int master;  /* the terminal, -1 when there is none */
  int control; /* -1: none */
};

/* Passes signals and, with a terminal, bytes between the caller and the process, until the process ends; returns its
 * exit status. When the caller has gone, the process is hung up on (SIGHUP), and that is an error.
 *
 * The control descriptor carries lines: "resize ROWS COLUMNS" and "signal NAME". Its end means that the caller has
 * gone; so does, without one, that both standard output and standard error have lost their readers. */
int relay_run (struct relay *relay, struct error *err);

#endif
