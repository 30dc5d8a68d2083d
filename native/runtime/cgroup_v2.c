#include "cgroup.h"

#include "cgroup_convert.h"
#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define FREEZE_TIMEOUT_MS 10000

/* Enables in DIR's children every controller that DIR has. One that can't be (cpu, while realtime threads exist
 * outside the root) is missed only by who sets a limit of it, and then the file's absence says so. */
int
cgroup_v2_delegate (const char *dir, struct error *err)
{
  cleanup_free char *available_path = xasprintf ("%s/cgroup.controllers", dir);
  cleanup_free char *enabled_path = xasprintf ("%s/cgroup.subtree_control", dir);
  cleanup_free char *available = NULL, *enabled = NULL;
  char *next;

  if (read_file_at (AT_FDCWD, available_path, &available, NULL, err) < 0
      || read_file_at (AT_FDCWD, enabled_path, &enabled, NULL, err) < 0)
    return -1;
  if (strcmp (available, enabled) == 0)
    return 0;
  next = available;
  for (char *name; (name = strsep (&next, " \n")) != NULL;)
    {
      cleanup_free char *enable = xasprintf ("+%s", name);

      if (*name == '\0')
        continue;
      if (write_kernel_file_at (AT_FDCWD, enabled_path, enable, err) < 0 && err->errnum == ENOENT)
        return -1; /* The directory itself has gone: another container's end has removed it. */
    }
  return 0;
}

/* -1 is "max" in v2; 0 means that nothing is set. */
static int
write_limit (const struct cgroup_hierarchy *hierarchy, const char *file, const struct optional_int *value,
             struct error *err)
{
  if (!value->set || value->value == 0)
    return 0;
  if (value->value < 0)
    return cgroup_write (hierarchy, file, "max", err);
  return cgroup_write_int (hierarchy, file, value->value, err);
}

/* OCI's swap is memory+swap, v2's is swap alone. */
static int
apply_swap (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  const struct optional_int *limit = &resources->memory.limit, *swap = &resources->memory.swap;

  if (!swap->set || swap->value == 0)
    return 0;
  if (swap->value < 0)
    {
      /* A kernel without swap has nothing to lift. */
      if (!cgroup_has_file (hierarchy, "memory.swap.max"))
        return 0;
      return cgroup_write (hierarchy, "memory.swap.max", "max", err);
    }
  if (!limit->set || limit->value <= 0)
    return error_set (err, 0, "a swap limit needs a memory limit");
  if (swap->value < limit->value)
    return error_set (err, 0, "memory+swap limit %" PRId64 " is below the memory limit %" PRId64, swap->value,
                      limit->value);
  return cgroup_write_int (hierarchy, "memory.swap.max", swap->value - limit->value, err);
}

static int
check_memory_usage (const struct cgroup_hierarchy *hierarchy, int64_t limit, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/memory.current", hierarchy->dir);
  cleanup_free char *usage = NULL;

  if (read_file_at (AT_FDCWD, path, &usage, NULL, err) < 0)
    return -1;
  if (limit > 0 && atoll (usage) > limit)
    return error_set (err, 0, "memory limit %" PRId64 " is below the current usage %lld", limit, atoll (usage));
  return 0;
}

static int
apply_memory (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  if (resources->memory.swappiness.set)
    return error_set (err, 0, "memory.swappiness does not exist in cgroup v2; set a swap limit instead");
  if (resources->memory.disable_oom_killer)
    return error_set (err, 0, "the OOM killer can't be disabled in cgroup v2");
  if (resources->memory.check_before_update
      && check_memory_usage (hierarchy, resources->memory.limit.value, err) < 0)
    return -1;
  if (apply_swap (hierarchy, resources, err) < 0
      || write_limit (hierarchy, "memory.max", &resources->memory.limit, err) < 0)
    return -1;
  return write_limit (hierarchy, "memory.low", &resources->memory.reservation, err);
}

static int
apply_cpu_max (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  const struct optional_int *quota = &resources->cpu.quota, *period = &resources->cpu.period;
  int64_t period_us = period->set && period->value > 0 ? period->value : 100000;
  char value[64];

  if ((!quota->set || quota->value == 0) && (!period->set || period->value == 0))
    return 0;
  if (quota->set && quota->value > 0)
    snprintf (value, sizeof value, "%" PRId64 " %" PRId64, quota->value, period_us);
  else
    snprintf (value, sizeof value, "max %" PRId64, period_us);
  return cgroup_write (hierarchy, "cpu.max", value, err);
}

static int
apply_cpu (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  const struct optional_int *shares = &resources->cpu.shares;

  if (resources->cpu.realtime_runtime.value != 0 || resources->cpu.realtime_period.value != 0)
    return error_set (err, 0, "realtime cpu limits do not exist in cgroup v2");
  if (shares->set && shares->value > 0
      && cgroup_write_int (hierarchy, "cpu.weight", (int64_t) cgroup_weight_from_shares ((uint64_t) shares->value),
                           err)
             < 0)
    return -1;
  if (apply_cpu_max (hierarchy, resources, err) < 0)
    return -1;
  if (resources->cpu.burst.set && cgroup_write_int (hierarchy, "cpu.max.burst", resources->cpu.burst.value, err) < 0)
    return -1;
  if (resources->cpu.idle.set && cgroup_write_int (hierarchy, "cpu.idle", resources->cpu.idle.value, err) < 0)
    return -1;
  if (resources->cpu.cpus != NULL && *resources->cpu.cpus != '\0'
      && cgroup_write (hierarchy, "cpuset.cpus", resources->cpu.cpus, err) < 0)
    return -1;
  if (resources->cpu.mems != NULL && *resources->cpu.mems != '\0'
      && cgroup_write (hierarchy, "cpuset.mems", resources->cpu.mems, err) < 0)
    return -1;
  return 0;
}

static int
apply_io_weights (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  /* BFQ's file has v1's range, io.weight has its own. */
  bool bfq = cgroup_has_file (hierarchy, "io.bfq.weight");
  const char *file = bfq ? "io.bfq.weight" : "io.weight";
  const struct optional_int *weight = &resources->block_io.weight;

  if (weight->set && weight->value > 0)
    {
      uint64_t value = (uint64_t) weight->value;
      if (cgroup_write_int (hierarchy, file, (int64_t) (bfq ? value : cgroup_io_weight_from_blkio (value)), err) < 0)
        return -1;
    }
  for (size_t i = 0; i < resources->block_io.weight_device_count; i++)
    {
      const struct weight_device *device = &resources->block_io.weight_devices[i];
      uint64_t value = (uint64_t) device->weight.value;
      char line[80];
      snprintf (line, sizeof line, "%" PRId64 ":%" PRId64 " %" PRIu64, device->major, device->minor,
                bfq ? value : cgroup_io_weight_from_blkio (value));
      if (cgroup_write (hierarchy, file, line, err) < 0)
        return -1;
    }
  return 0;
}

static int
apply_io (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  static const char *const keys[THROTTLE_KINDS] = {
    [THROTTLE_READ_BPS] = "rbps",
    [THROTTLE_WRITE_BPS] = "wbps",
    [THROTTLE_READ_IOPS] = "riops",
    [THROTTLE_WRITE_IOPS] = "wiops",
  };

  if (apply_io_weights (hierarchy, resources, err) < 0)
    return -1;
  for (int kind = 0; kind < THROTTLE_KINDS; kind++)
    for (size_t i = 0; i < resources->block_io.throttle_counts[kind]; i++)
      {
        const struct throttle_spec *throttle = &resources->block_io.throttles[kind][i];
        char line[96];
        snprintf (line, sizeof line, "%" PRId64 ":%" PRId64 " %s=%" PRIu64, throttle->major, throttle->minor,
                  keys[kind], throttle->rate);
        if (cgroup_write (hierarchy, "io.max", line, err) < 0)
          return -1;
      }
  return 0;
}

static int
apply_hugepages (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  for (size_t i = 0; i < resources->hugepage_limit_count; i++)
    {
      cleanup_free char *file = xasprintf ("hugetlb.%s.max", resources->hugepage_limits[i].size);
      if (cgroup_write_int (hierarchy, file, (int64_t) resources->hugepage_limits[i].limit, err) < 0)
        return -1;
    }
  return 0;
}

static int
apply_unified (const struct cgroup_hierarchy *hierarchy, json_t *unified, struct error *err)
{
  const char *file;
  json_t *value;

  json_object_foreach (unified, file, value)
    if (cgroup_write (hierarchy, file, json_string_value (value), err) < 0)
      return -1;
  return 0;
}

int
cgroup_v2_apply (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources, struct error *err)
{
  if (apply_memory (hierarchy, resources, err) < 0 || apply_cpu (hierarchy, resources, err) < 0
      || write_limit (hierarchy, "pids.max", &resources->pids_limit, err) < 0
      || apply_io (hierarchy, resources, err) < 0 || apply_hugepages (hierarchy, resources, err) < 0
      || cgroup_v2_apply_devices (hierarchy, resources, err) < 0)
    return -1;
  return apply_unified (hierarchy, resources->unified, err);
}

/* The change is asynchronous; cgroup.events says when it is complete, and polls as changed (POLLPRI). */
int
cgroup_v2_freeze (const struct cgroup_hierarchy *hierarchy, bool freeze, struct error *err)
{
  cleanup_free char *path = xasprintf ("%s/cgroup.events", hierarchy->dir);
  cleanup_close int fd = -1;
  char events[256];

  if (cgroup_write (hierarchy, "cgroup.freeze", freeze ? "1" : "0", err) < 0)
    return -1;
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return error_set (err, errno, "open %s", path);
  for (;;)
    {
      struct pollfd entry = { .fd = fd, .events = POLLPRI };
      ssize_t n = pread (fd, events, sizeof events - 1, 0);

      if (n < 0)
        return error_set (err, errno, "read %s", path);
      events[n] = '\0';
      if (strstr (events, freeze ? "frozen 1" : "frozen 0") != NULL)
        return 0;
      if (poll (&entry, 1, FREEZE_TIMEOUT_MS) == 0)
        break;
    }
  if (freeze)
    {
      struct error thaw_error;
      if (cgroup_write (hierarchy, "cgroup.freeze", "0", &thaw_error) < 0)
        return error_set (err, 0, "the processes can't be frozen, nor thawed: %s", thaw_error.message);
    }
  return error_set (err, ETIMEDOUT, "%s the processes in %s", freeze ? "freeze" : "thaw", hierarchy->dir);
}
