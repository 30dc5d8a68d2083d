#ifndef GANTRY_RUNTIME_CGROUP_H
#define GANTRY_RUNTIME_CGROUP_H

#include "error.h"
#include "spec.h"

#include <stdbool.h>
#include <sys/types.h>

/* One container's cgroups: one in each hierarchy that is mounted at its conventional place under /sys/fs/cgroup.
 * On a unified host that is one (v2). On others it is one per v1 controller, and the v2 one of a hybrid host. */

struct cgroup_hierarchy
{
  bool v2;
  char *name; /* as in /proc/self/cgroup: "cpu,cpuacct", "name=systemd", "" for v2 */
  char *root; /* where the hierarchy is mounted */
  char *dir;  /* the container's own */
};

struct cgroup
{
  char *path; /* below each root, "/gantry/x/y" */
  struct cgroup_hierarchy *hierarchies;
  size_t count;
};

#define cleanup_cgroup __attribute__ ((cleanup (cgroup_free)))

/* Finds the hierarchies; PATH comes from linux.cgroupsPath. Makes nothing. */
int cgroup_locate (struct cgroup *cgroup, const char *path, struct error *err);
void cgroup_free (struct cgroup *cgroup);

/* Makes the cgroups with their parents. Fine if they are there already. */
int cgroup_create (const struct cgroup *cgroup, struct error *err);
/* Fails when a process is in one: it is another container's. */
int cgroup_check_unused (const struct cgroup *cgroup, struct error *err);

/* Kills what is left inside, waits for its end and removes the cgroups, and those parents below and with /gantry that
 * have become empty. */
int cgroup_remove (const struct cgroup *cgroup, struct error *err);

/* Sets the limits; what the spec leaves open stays as it is. */
int cgroup_apply (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err);

/* The v2 cgroup opened for clone3's CLONE_INTO_CGROUP; -1 without error when there is none. */
int cgroup_open_v2 (const struct cgroup *cgroup);

/* Moves a process into all, or all but v2 when it was born there. */
int cgroup_attach (const struct cgroup *cgroup, pid_t pid, bool born_in_v2, struct error *err);

int cgroup_freeze (const struct cgroup *cgroup, bool freeze, struct error *err);
bool cgroup_is_frozen (const struct cgroup *cgroup);

/* Processes in the container's cgroups and those below, in a new array. */
int cgroup_pids (const struct cgroup *cgroup, pid_t **pids, size_t *count, struct error *err);

/* Sends SIGNAL to every process inside; with SIGKILL none is left running, also when they fork meanwhile. */
int cgroup_signal (const struct cgroup *cgroup, int signal, struct error *err);

/* The v1 hierarchy that has CONTROLLER, or NULL. */
const struct cgroup_hierarchy *cgroup_v1_controller (const struct cgroup *cgroup, const char *controller);
const struct cgroup_hierarchy *cgroup_v2 (const struct cgroup *cgroup);

/* Whether controllers are v2's business on this host. */
bool cgroup_is_unified (const struct cgroup *cgroup);

/* Writes VALUE into a file of the container's cgroup. */
int cgroup_write (const struct cgroup_hierarchy *hierarchy, const char *file, const char *value, struct error *err);
int cgroup_write_int (const struct cgroup_hierarchy *hierarchy, const char *file, int64_t value, struct error *err);
bool cgroup_has_file (const struct cgroup_hierarchy *hierarchy, const char *file);

/* Per version. */
int cgroup_v1_apply (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err);
int cgroup_v1_inherit_cpuset (const char *root, const char *dir, struct error *err);
int cgroup_v1_freeze (const struct cgroup_hierarchy *freezer, bool freeze, struct error *err);
int cgroup_v2_apply (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources,
                     struct error *err);
int cgroup_v2_delegate (const char *dir, struct error *err);
int cgroup_v2_freeze (const struct cgroup_hierarchy *hierarchy, bool freeze, struct error *err);
int cgroup_v2_apply_devices (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources,
                             struct error *err);

/* The rules every container gets after its own: mknod of anything, and use of /dev's standard nodes. */
extern const struct device_rule cgroup_default_device_rules[];
extern const size_t cgroup_default_device_rule_count;

#endif
