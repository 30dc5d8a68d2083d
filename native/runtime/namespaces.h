#ifndef GANTRY_RUNTIME_NAMESPACES_H
#define GANTRY_RUNTIME_NAMESPACES_H

#include "error.h"
#include "spec.h"

#include <stdint.h>
#include <sys/types.h>

/* Namespaces that the spec names by path are entered by the runtime itself just before it forks the container's first
 * process, and left again afterwards: the child inherits them, and needs no rights there. */

#define NAMESPACE_KINDS 7

struct namespace_visit
{
  int flags[NAMESPACE_KINDS];
  int own[NAMESPACE_KINDS]; /* descriptors of the runtime's */
  size_t count;
};

/* Refuses what can't be joined, and paths that are no namespaces of their kind. */
int namespaces_check (const struct spec *spec, struct error *err);

int namespaces_enter (const struct spec *spec, struct namespace_visit *visit, struct error *err);
int namespaces_leave (struct namespace_visit *visit, struct error *err);

/* The CLONE_NEW* flags for clone3. The cgroup namespace is left out: its root is the cgroup of its maker, so the child
 * unshares it once it has been moved. */
uint64_t namespaces_clone_flags (const struct spec *spec);

/* Like fork(), with clone3's FLAGS, into the v2 cgroup CGROUP_FD unless that is -1. */
pid_t namespaces_fork (uint64_t flags, int cgroup_fd, struct error *err);

/* Writes /proc/PID/uid_map and gid_map. */
int namespaces_map_ids (const struct spec *spec, pid_t pid, struct error *err);

#endif
