/* Whether the kernel has killed a process of the container for want of memory. */
#ifndef GANTRY_SHIM_OOM_H
#define GANTRY_SHIM_OOM_H

#include <stdbool.h>
#include <sys/types.h>

struct oom_counter {
  char *path; /* memory.events (v2) or memory.oom_control (v1); NULL when the host has neither */
};

/* Finds the cgroup of a process that runs: to be done before it can have ended. */
void oom_counter_find(struct oom_counter *counter, pid_t pid);
/* Reads it while the cgroup still exists. */
bool oom_counter_read(const struct oom_counter *counter);

#endif
