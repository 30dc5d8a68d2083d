#include "spec.h"

#include <string.h>

static int
read_device_rule (struct device_rule *rule, json_t *json, struct error *err)
{
  struct optional_int major = { true, -1 }, minor = { true, -1 };
  const char *type = "a", *access = "rwm";

  if (field_bool (json, "allow", &rule->allow, err) < 0 || field_string (json, "type", &type, err) < 0
      || field_int (json, "major", &major, err) < 0 || field_int (json, "minor", &minor, err) < 0
      || field_string (json, "access", &access, err) < 0)
    return -1;
  if (type[0] == '\0')
    type = "a";
  if (access[0] == '\0')
    access = "rwm";
  if (strlen (type) != 1 || strchr ("abcu", type[0]) == NULL)
    return error_set (err, 0, "\"type\" must be one of a, b, c, u");
  if (strlen (access) > 3 || strspn (access, "rwm") != strlen (access))
    return error_set (err, 0, "\"access\" must be made of r, w and m");
  rule->type = type[0] == 'u' ? 'c' : type[0];
  rule->major = major.value;
  rule->minor = minor.value;
  strcpy (rule->access, access);
  return 0;
}

static int
read_device_rules (struct resources_spec *resources, json_t *json, struct arena *arena, struct error *err)
{
  json_t *rules = NULL, *item;
  size_t i;

  if (field_array (json, "devices", &rules, err) < 0)
    return -1;
  resources->device_rule_count = json_array_size (rules);
  resources->device_rules = arena_calloc (arena, resources->device_rule_count, sizeof *resources->device_rules);
  json_array_foreach (rules, i, item)
    if (read_device_rule (&resources->device_rules[i], item, err) < 0)
      return error_prefix (err, "devices[%zu]", i);
  return 0;
}

static int
read_memory (struct resources_spec *resources, json_t *json, struct error *err)
{
  static const char *no_kmem = "Linux has no separate kernel memory limits any more; use \"limit\"";
  json_t *memory = NULL, *hierarchy;

  if (field_object (json, "memory", &memory, err) < 0 || field_int (memory, "limit", &resources->memory.limit, err) < 0
      || field_int (memory, "reservation", &resources->memory.reservation, err) < 0
      || field_int (memory, "swap", &resources->memory.swap, err) < 0
      || field_int (memory, "swappiness", &resources->memory.swappiness, err) < 0
      || field_bool (memory, "disableOOMKiller", &resources->memory.disable_oom_killer, err) < 0
      || field_bool (memory, "checkBeforeUpdate", &resources->memory.check_before_update, err) < 0
      || field_refuse (memory, "kernel", no_kmem, err) < 0 || field_refuse (memory, "kernelTCP", no_kmem, err) < 0)
    return -1;
  hierarchy = json_object_get (memory, "useHierarchy");
  if (hierarchy != NULL && !json_is_true (hierarchy))
    return error_set (err, 0, "\"useHierarchy\" can only be true, Linux has nothing else any more");
  return 0;
}

static int
read_cpu (struct resources_spec *resources, json_t *json, struct error *err)
{
  json_t *cpu = NULL;

  if (field_object (json, "cpu", &cpu, err) < 0 || field_int (cpu, "shares", &resources->cpu.shares, err) < 0
      || field_int (cpu, "quota", &resources->cpu.quota, err) < 0
      || field_int (cpu, "period", &resources->cpu.period, err) < 0
      || field_int (cpu, "burst", &resources->cpu.burst, err) < 0
      || field_int (cpu, "realtimeRuntime", &resources->cpu.realtime_runtime, err) < 0
      || field_int (cpu, "realtimePeriod", &resources->cpu.realtime_period, err) < 0
      || field_int (cpu, "idle", &resources->cpu.idle, err) < 0
      || field_string (cpu, "cpus", &resources->cpu.cpus, err) < 0
      || field_string (cpu, "mems", &resources->cpu.mems, err) < 0)
    return -1;
  return 0;
}

static int
read_device_number (json_t *json, int64_t *major, int64_t *minor, struct error *err)
{
  struct optional_int parsed_major = { false, 0 }, parsed_minor = { false, 0 };

  if (field_int (json, "major", &parsed_major, err) < 0 || field_int (json, "minor", &parsed_minor, err) < 0)
    return -1;
  if (!parsed_major.set || !parsed_minor.set)
    return error_set (err, 0, "\"major\" and \"minor\" are needed");
  *major = parsed_major.value;
  *minor = parsed_minor.value;
  return 0;
}

static int
read_throttles (struct resources_spec *resources, json_t *block_io, int kind, struct arena *arena, struct error *err)
{
  static const char *const keys[THROTTLE_KINDS] = {
    [THROTTLE_READ_BPS] = "throttleReadBpsDevice",
    [THROTTLE_WRITE_BPS] = "throttleWriteBpsDevice",
    [THROTTLE_READ_IOPS] = "throttleReadIOPSDevice",
    [THROTTLE_WRITE_IOPS] = "throttleWriteIOPSDevice",
  };
  json_t *array = NULL, *item;
  size_t i;

  if (field_array (block_io, keys[kind], &array, err) < 0)
    return -1;
  resources->block_io.throttle_counts[kind] = json_array_size (array);
  resources->block_io.throttles[kind] = arena_calloc (arena, json_array_size (array), sizeof (struct throttle_spec));
  json_array_foreach (array, i, item)
    {
      struct throttle_spec *throttle = &resources->block_io.throttles[kind][i];
      struct optional_int rate = { false, 0 };
      if (read_device_number (item, &throttle->major, &throttle->minor, err) < 0
          || field_int (item, "rate", &rate, err) < 0)
        return error_prefix (err, "%s[%zu]", keys[kind], i);
      throttle->rate = (uint64_t) rate.value;
    }
  return 0;
}

static int
read_block_io (struct resources_spec *resources, json_t *json, struct arena *arena, struct error *err)
{
  json_t *block_io = NULL, *devices = NULL, *item;
  size_t i;

  if (field_object (json, "blockIO", &block_io, err) < 0
      || field_int (block_io, "weight", &resources->block_io.weight, err) < 0
      || field_refuse (block_io, "leafWeight", "no I/O scheduler of today has it", err) < 0
      || field_array (block_io, "weightDevice", &devices, err) < 0)
    return -1;
  resources->block_io.weight_device_count = json_array_size (devices);
  resources->block_io.weight_devices = arena_calloc (arena, json_array_size (devices), sizeof (struct weight_device));
  json_array_foreach (devices, i, item)
    {
      struct weight_device *device = &resources->block_io.weight_devices[i];
      if (read_device_number (item, &device->major, &device->minor, err) < 0
          || field_int (item, "weight", &device->weight, err) < 0
          || field_refuse (item, "leafWeight", "no I/O scheduler of today has it", err) < 0)
        return error_prefix (err, "weightDevice[%zu]", i);
    }
  for (int kind = 0; kind < THROTTLE_KINDS; kind++)
    if (read_throttles (resources, block_io, kind, arena, err) < 0)
      return -1;
  return 0;
}

static int
read_hugepage_limits (struct resources_spec *resources, json_t *json, struct arena *arena, struct error *err)
{
  json_t *limits = NULL, *item;
  size_t i;

  if (field_array (json, "hugepageLimits", &limits, err) < 0)
    return -1;
  resources->hugepage_limit_count = json_array_size (limits);
  resources->hugepage_limits = arena_calloc (arena, json_array_size (limits), sizeof (struct hugepage_limit));
  json_array_foreach (limits, i, item)
    {
      struct hugepage_limit *limit = &resources->hugepage_limits[i];
      struct optional_int bytes = { false, 0 };
      if (field_string (item, "pageSize", &limit->size, err) < 0 || field_int (item, "limit", &bytes, err) < 0)
        return error_prefix (err, "hugepageLimits[%zu]", i);
      if (limit->size == NULL || strchr (limit->size, '/') != NULL)
        return error_set (err, 0, "hugepageLimits[%zu]: \"pageSize\" must be a size such as 2MB", i);
      limit->limit = (uint64_t) bytes.value;
    }
  return 0;
}

static int
check_unified (json_t *unified, struct error *err)
{
  const char *name;
  json_t *value;

  json_object_foreach (unified, name, value)
    {
      if (strchr (name, '/') != NULL || strchr (name, '.') == NULL || name[0] == '.')
        return error_set (err, 0, "unified.%s: the name must be that of a cgroup v2 file", name);
      if (!json_is_string (value))
        return error_set (err, 0, "unified.%s must be a string", name);
    }
  return 0;
}

int
spec_read_resources (struct resources_spec *resources, json_t *json, struct arena *arena, struct error *err)
{
  json_t *pids = NULL;

  if (read_device_rules (resources, json, arena, err) < 0 || read_memory (resources, json, err) < 0
      || read_cpu (resources, json, err) < 0 || field_object (json, "pids", &pids, err) < 0
      || field_int (pids, "limit", &resources->pids_limit, err) < 0 || read_block_io (resources, json, arena, err) < 0
      || read_hugepage_limits (resources, json, arena, err) < 0
      || field_object (json, "unified", &resources->unified, err) < 0 || check_unified (resources->unified, err) < 0
      || field_refuse (json, "network", "use nftables or tc", err) < 0
      || field_refuse (json, "rdma", "the rdma controller isn't implemented", err) < 0)
    return -1;
  return 0;
}
