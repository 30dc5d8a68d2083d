#ifndef GANTRY_RUNTIME_PROCESS_H
#define GANTRY_RUNTIME_PROCESS_H

#include "error.h"
#include "seccomp.h"
#include "spec.h"

/* The last steps of a process on its way to becoming the container's, the same for `create` and `exec`. They run in
 * this order:
 *
 *   process_become          limits, user, capabilities; what needs privileges before they go
 *   process_find_program    as that user, in that directory
 *   process_execute         seccomp, the last privileges, execve
 *
 * The filter comes last, so that it needs to allow nothing but capset, execve and what reports an error. Without
 * no_new_privs loading it takes CAP_SYS_ADMIN, which is therefore kept until then. */

struct program
{
  char *path;
  char **env; /* with HOME */
};

/* For PID, by its parent: the process itself may have lost the right to. */
int process_set_oom_score (const struct process_spec *process, pid_t pid, struct error *err);

int process_become (const struct process_spec *process, bool has_seccomp, struct error *err);

/* The error's status is EXIT_NOT_FOUND or EXIT_NOT_RUNNABLE. */
int process_find_program (const struct process_spec *process, struct program *program, struct error *err);

/* Returns only on failure. */
int process_execute (const struct process_spec *process, const struct program *program,
                     const struct seccomp_program *filter, struct error *err);

/* Makes all descriptors from 3 + PRESERVE on close-on-exec. */
int process_close_descriptors (int preserve, struct error *err);

#endif
