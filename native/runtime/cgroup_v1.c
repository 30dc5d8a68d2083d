#include "cgroup.h"

#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

/* A new cpuset has no cpus and no memory nodes, and nothing can be attached to it until it has both. */
static int
inherit_cpuset_file (const char *root, const char *dir, const char *file, struct error *err)
{
  cleanup_free char *own = xasprintf ("%s/%s", dir, file);
  cleanup_free char *parent = xasprintf ("%.*s/%s", (int) (strrchr (dir, '/') - dir), dir, file);
  cleanup_free char *value = NULL, *inherited = NULL;

  if (strlen (dir) <= strlen (root))
    return 0;
  if (read_file_at (AT_FDCWD, own, &value, NULL, err) < 0)
    return -1;
  if (value[0] != '\n' && value[0] != '\0')
    return 0;
  if (read_file_at (AT_FDCWD, parent, &inherited, NULL, err) < 0)
    return -1;
  return write_kernel_file_at (AT_FDCWD, own, inherited, err);
}

int
cgroup_v1_inherit_cpuset (const char *root, const char *dir, struct error *err)
{
  if (inherit_cpuset_file (root, dir, "cpuset.cpus", err) < 0)
    return -1;
  return inherit_cpuset_file (root, dir, "cpuset.mems", err);
}

/* The hierarchy of CONTROLLER; an error that says that WHAT needs it when the host has none. */
static const struct cgroup_hierarchy *
require (const struct cgroup *cgroup, const char *controller, const char *what, struct error *err)
{
  const struct cgroup_hierarchy *hierarchy = cgroup_v1_controller (cgroup, controller);

  if (hierarchy == NULL)
    error_set (err, 0, "%s needs the %s cgroup controller, which this host does not offer", what, controller);
  return hierarchy;
}

static int
write_if_set (const struct cgroup_hierarchy *hierarchy, const char *file, const struct optional_int *value,
              struct error *err)
{
  return value->set && value->value != 0 ? cgroup_write_int (hierarchy, file, value->value, err) : 0;
}

/* limit <= memory+swap limit must hold after each write, so which goes first depends on the direction. */
static int
apply_memory_limits (const struct cgroup_hierarchy *memory, const struct resources_spec *resources, struct error *err)
{
  const char *limit_file = "memory.limit_in_bytes", *swap_file = "memory.memsw.limit_in_bytes";
  const struct optional_int *limit = &resources->memory.limit;
  struct optional_int swap = resources->memory.swap;

  /* A kernel without swap accounting has nothing to lift. */
  if (swap.value == -1 && !cgroup_has_file (memory, swap_file))
    swap.set = false;
  if (write_if_set (memory, limit_file, limit, err) == 0)
    return write_if_set (memory, swap_file, &swap, err);
  if (err->errnum != EINVAL || !swap.set)
    return -1;
  if (write_if_set (memory, swap_file, &swap, err) < 0)
    return -1;
  return write_if_set (memory, limit_file, limit, err);
}

static int
check_memory_usage (const struct cgroup_hierarchy *memory, int64_t limit, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/memory.usage_in_bytes", memory->dir);
  cleanup_free char *usage = NULL;

  if (read_file_at (AT_FDCWD, path, &usage, NULL, err) < 0)
    return -1;
  if (limit > 0 && atoll (usage) > limit)
    return error_set (err, 0, "memory limit %" PRId64 " is below the current usage %lld", limit, atoll (usage));
  return 0;
}

static int
apply_memory (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  const struct cgroup_hierarchy *memory;

  if (!resources->memory.limit.set && !resources->memory.reservation.set && !resources->memory.swap.set
      && !resources->memory.swappiness.set && !resources->memory.disable_oom_killer)
    return 0;
  memory = require (cgroup, "memory", "a memory limit", err);
  if (memory == NULL)
    return -1;
  if (resources->memory.check_before_update
      && check_memory_usage (memory, resources->memory.limit.value, err) < 0)
    return -1;
  if (apply_memory_limits (memory, resources, err) < 0
      || write_if_set (memory, "memory.soft_limit_in_bytes", &resources->memory.reservation, err) < 0)
    return -1;
  if (resources->memory.disable_oom_killer && cgroup_write (memory, "memory.oom_control", "1", err) < 0)
    return -1;
  if (resources->memory.swappiness.set
      && cgroup_write_int (memory, "memory.swappiness", resources->memory.swappiness.value, err) < 0)
    return -1;
  return 0;
}

static int
apply_cpu (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  const struct cgroup_hierarchy *cpu;

  if (!resources->cpu.shares.set && !resources->cpu.quota.set && !resources->cpu.period.set
      && !resources->cpu.burst.set && !resources->cpu.realtime_runtime.set && !resources->cpu.realtime_period.set
      && !resources->cpu.idle.set)
    return 0;
  cpu = require (cgroup, "cpu", "a cpu limit", err);
  if (cpu == NULL)
    return -1;
  /* The period first: the kernel checks quota against it. */
  if (write_if_set (cpu, "cpu.shares", &resources->cpu.shares, err) < 0
      || write_if_set (cpu, "cpu.cfs_period_us", &resources->cpu.period, err) < 0
      || write_if_set (cpu, "cpu.cfs_quota_us", &resources->cpu.quota, err) < 0
      || write_if_set (cpu, "cpu.cfs_burst_us", &resources->cpu.burst, err) < 0
      || write_if_set (cpu, "cpu.rt_period_us", &resources->cpu.realtime_period, err) < 0
      || write_if_set (cpu, "cpu.rt_runtime_us", &resources->cpu.realtime_runtime, err) < 0
      || write_if_set (cpu, "cpu.idle", &resources->cpu.idle, err) < 0)
    return -1;
  return 0;
}

static int
apply_cpuset (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  const char *cpus = resources->cpu.cpus, *mems = resources->cpu.mems;
  const struct cgroup_hierarchy *cpuset;

  if ((cpus == NULL || *cpus == '\0') && (mems == NULL || *mems == '\0'))
    return 0;
  cpuset = require (cgroup, "cpuset", "a choice of cpus or memory nodes", err);
  if (cpuset == NULL)
    return -1;
  if (cpus != NULL && *cpus != '\0' && cgroup_write (cpuset, "cpuset.cpus", cpus, err) < 0)
    return -1;
  if (mems != NULL && *mems != '\0' && cgroup_write (cpuset, "cpuset.mems", mems, err) < 0)
    return -1;
  return 0;
}

static int
apply_pids (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  const struct cgroup_hierarchy *pids;

  if (!resources->pids_limit.set || resources->pids_limit.value == 0)
    return 0;
  pids = require (cgroup, "pids", "a pids limit", err);
  if (pids == NULL)
    return -1;
  if (resources->pids_limit.value < 0)
    return cgroup_write (pids, "pids.max", "max", err);
  return cgroup_write_int (pids, "pids.max", resources->pids_limit.value, err);
}

static int
apply_block_weights (const struct cgroup_hierarchy *blkio, const struct resources_spec *resources, struct error *err)
{
  /* The BFQ scheduler has its own file; the generic one went away with CFQ in Linux 5.0. */
  const char *file = cgroup_has_file (blkio, "blkio.bfq.weight") ? "blkio.bfq.weight" : "blkio.weight";
  const char *device_file
      = cgroup_has_file (blkio, "blkio.bfq.weight_device") ? "blkio.bfq.weight_device" : "blkio.weight_device";

  if (write_if_set (blkio, file, &resources->block_io.weight, err) < 0)
    return -1;
  for (size_t i = 0; i < resources->block_io.weight_device_count; i++)
    {
      const struct weight_device *device = &resources->block_io.weight_devices[i];
      char line[80];
      snprintf (line, sizeof line, "%" PRId64 ":%" PRId64 " %" PRId64, device->major, device->minor,
                device->weight.value);
      if (cgroup_write (blkio, device_file, line, err) < 0)
        return -1;
    }
  return 0;
}

static bool
has_block_io (const struct resources_spec *resources)
{
  size_t count = resources->block_io.weight_device_count;

  for (int kind = 0; kind < THROTTLE_KINDS; kind++)
    count += resources->block_io.throttle_counts[kind];
  return count > 0 || (resources->block_io.weight.set && resources->block_io.weight.value != 0);
}

static int
apply_block_io (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  static const char *const files[THROTTLE_KINDS] = {
    [THROTTLE_READ_BPS] = "blkio.throttle.read_bps_device",
    [THROTTLE_WRITE_BPS] = "blkio.throttle.write_bps_device",
    [THROTTLE_READ_IOPS] = "blkio.throttle.read_iops_device",
    [THROTTLE_WRITE_IOPS] = "blkio.throttle.write_iops_device",
  };
  const struct cgroup_hierarchy *blkio;

  if (!has_block_io (resources))
    return 0;
  blkio = require (cgroup, "blkio", "a block I/O limit", err);
  if (blkio == NULL || apply_block_weights (blkio, resources, err) < 0)
    return -1;
  for (int kind = 0; kind < THROTTLE_KINDS; kind++)
    for (size_t i = 0; i < resources->block_io.throttle_counts[kind]; i++)
      {
        const struct throttle_spec *throttle = &resources->block_io.throttles[kind][i];
        char line[80];
        snprintf (line, sizeof line, "%" PRId64 ":%" PRId64 " %" PRIu64, throttle->major, throttle->minor,
                  throttle->rate);
        if (cgroup_write (blkio, files[kind], line, err) < 0)
          return -1;
      }
  return 0;
}

static int
apply_hugepages (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  for (size_t i = 0; i < resources->hugepage_limit_count; i++)
    {
      const struct cgroup_hierarchy *hugetlb = require (cgroup, "hugetlb", "a huge page limit", err);
      cleanup_free char *file = xasprintf ("hugetlb.%s.limit_in_bytes", resources->hugepage_limits[i].size);
      if (hugetlb == NULL || cgroup_write_int (hugetlb, file, (int64_t) resources->hugepage_limits[i].limit, err) < 0)
        return -1;
    }
  return 0;
}

static int
apply_device_rule (const struct cgroup_hierarchy *devices, const struct device_rule *rule, struct error *err)
{
  char line[64], major[24] = "*", minor[24] = "*";

  if (rule->major >= 0)
    snprintf (major, sizeof major, "%" PRId64, rule->major);
  if (rule->minor >= 0)
    snprintf (minor, sizeof minor, "%" PRId64, rule->minor);
  if (rule->type == 'a')
    strcpy (line, "a");
  else
    snprintf (line, sizeof line, "%c %s:%s %s", rule->type, major, minor, rule->access);
  return cgroup_write (devices, rule->allow ? "devices.allow" : "devices.deny", line, err);
}

static int
apply_devices (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  const struct cgroup_hierarchy *devices;

  if (resources->device_rule_count == 0)
    return 0;
  devices = require (cgroup, "devices", "a device rule", err);
  if (devices == NULL)
    return -1;
  for (size_t i = 0; i < resources->device_rule_count; i++)
    if (apply_device_rule (devices, &resources->device_rules[i], err) < 0)
      return -1;
  for (size_t i = 0; i < cgroup_default_device_rule_count; i++)
    if (apply_device_rule (devices, &cgroup_default_device_rules[i], err) < 0)
      return -1;
  return 0;
}

int
cgroup_v1_apply (const struct cgroup *cgroup, const struct resources_spec *resources, struct error *err)
{
  if (json_object_size (resources->unified) > 0)
    return error_set (err, 0, "linux.resources.unified needs a host with cgroup v2 only");
  if (apply_memory (cgroup, resources, err) < 0 || apply_cpu (cgroup, resources, err) < 0
      || apply_cpuset (cgroup, resources, err) < 0 || apply_pids (cgroup, resources, err) < 0
      || apply_block_io (cgroup, resources, err) < 0 || apply_hugepages (cgroup, resources, err) < 0)
    return -1;
  return apply_devices (cgroup, resources, err);
}

/* The kernel freezes task by task and stays in FREEZING when one was just being forked; writing the state again makes
 * it go on. */
int
cgroup_v1_freeze (const struct cgroup_hierarchy *freezer, bool freeze, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/freezer.state", freezer->dir);
  struct error thaw_error;

  for (int attempt = 0; attempt < 2000; attempt++)
    {
      cleanup_free char *state = NULL;

      if (cgroup_write (freezer, "freezer.state", freeze ? "FROZEN" : "THAWED", err) < 0
          || read_file_at (AT_FDCWD, path, &state, NULL, err) < 0)
        return -1;
      if (!freeze || strcmp (state, "FROZEN\n") == 0)
        return 0;
      poll (NULL, 0, 1);
    }
  if (cgroup_write (freezer, "freezer.state", "THAWED", &thaw_error) < 0)
    return error_set (err, 0, "the processes can't be frozen, nor thawed: %s", thaw_error.message);
  return error_set (err, ETIMEDOUT, "freeze the processes in %s", freezer->dir);
}
