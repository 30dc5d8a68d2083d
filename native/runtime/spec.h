#ifndef GANTRY_RUNTIME_SPEC_H
#define GANTRY_RUNTIME_SPEC_H

#include "alloc.h"
#include "field.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* An OCI bundle's config.json (runtime-spec 1.2), checked and typed. Everything is owned by the spec: strings are
 * borrowed from its document, arrays lie in its arena. String lists are NULL-terminated; NULL means empty. */

struct namespace_spec
{
  int flag; /* CLONE_NEW* */
  const char *path; /* NULL: a new one */
};

struct id_mapping
{
  uint32_t container_id, host_id, size;
};

struct mount_spec
{
  const char *destination, *type, *source;
  const char *const *options;
};

struct device_spec
{
  const char *path;
  mode_t mode; /* with S_IFCHR, S_IFBLK or S_IFIFO */
  dev_t number;
  uid_t uid;
  gid_t gid;
};

struct device_rule
{
  bool allow;
  char type; /* a, b or c */
  int64_t major, minor; /* -1: all */
  char access[4]; /* of "rwm" */
};

struct rlimit_spec
{
  const char *name;
  int resource;
  struct rlimit limit;
};

enum capability_set
{
  CAPABILITY_BOUNDING,
  CAPABILITY_EFFECTIVE,
  CAPABILITY_INHERITABLE,
  CAPABILITY_PERMITTED,
  CAPABILITY_AMBIENT,
  CAPABILITY_SETS,
};

struct process_spec
{
  bool terminal;
  uint32_t rows, columns; /* 0: as the kernel makes them */
  uid_t uid;
  gid_t gid;
  gid_t *additional_gids;
  size_t additional_gid_count;
  struct optional_int umask;
  const char *const *args, *const *env;
  const char *cwd;
  bool no_new_privileges;
  bool has_capabilities;
  uint64_t capabilities[CAPABILITY_SETS];
  struct rlimit_spec *rlimits;
  size_t rlimit_count;
  struct optional_int oom_score_adj;
  struct optional_int io_priority; /* as ioprio_set(2) takes it */
  const char *apparmor_profile, *selinux_label;
};

struct throttle_spec
{
  int64_t major, minor;
  uint64_t rate;
};

enum throttle_kind
{
  THROTTLE_READ_BPS,
  THROTTLE_WRITE_BPS,
  THROTTLE_READ_IOPS,
  THROTTLE_WRITE_IOPS,
  THROTTLE_KINDS,
};

struct weight_device
{
  int64_t major, minor;
  struct optional_int weight;
};

struct hugepage_limit
{
  const char *size;
  uint64_t limit;
};

struct resources_spec
{
  struct device_rule *device_rules;
  size_t device_rule_count;
  struct
  {
    struct optional_int limit, reservation, swap, swappiness;
    bool disable_oom_killer, check_before_update;
  } memory;
  struct
  {
    struct optional_int shares, quota, period, burst, realtime_runtime, realtime_period, idle;
    const char *cpus, *mems;
  } cpu;
  struct optional_int pids_limit;
  struct
  {
    struct optional_int weight;
    struct weight_device *weight_devices;
    size_t weight_device_count;
    struct throttle_spec *throttles[THROTTLE_KINDS];
    size_t throttle_counts[THROTTLE_KINDS];
  } block_io;
  struct hugepage_limit *hugepage_limits;
  size_t hugepage_limit_count;
  json_t *unified; /* file name → value */
};

struct hook_spec
{
  const char *path;
  const char *const *args, *const *env;
  int timeout_s; /* 0: none */
};

enum hook_point
{
  HOOK_PRESTART,
  HOOK_CREATE_RUNTIME,
  HOOK_CREATE_CONTAINER,
  HOOK_START_CONTAINER,
  HOOK_POSTSTART,
  HOOK_POSTSTOP,
  HOOK_POINTS,
};

struct spec
{
  json_t *document;
  struct arena arena;
  const char *oci_version;
  json_t *annotations; /* NULL when there are none */
  const char *hostname, *domainname;
  const char *root_path;
  bool root_readonly;
  struct process_spec process;
  bool has_process;
  struct mount_spec *mounts;
  size_t mount_count;
  struct namespace_spec *namespaces;
  size_t namespace_count;
  struct id_mapping *uid_mappings, *gid_mappings;
  size_t uid_mapping_count, gid_mapping_count;
  struct device_spec *devices;
  size_t device_count;
  const char *cgroups_path;
  struct resources_spec resources;
  json_t *sysctl; /* name → value */
  json_t *seccomp;
  unsigned long rootfs_propagation; /* MS_* of mount(2), 0 when not set */
  const char *const *masked_paths, *const *readonly_paths;
  const char *mount_label;
  struct optional_int personality;
  struct hook_spec *hooks[HOOK_POINTS];
  size_t hook_counts[HOOK_POINTS];
};

/* Reads and checks the file at PATH. What the runtime does not support is refused here, before anything is made. */
int spec_load (struct spec *spec, const char *path, struct error *err);
void spec_free (struct spec *spec);

/* The namespace of that kind, or NULL when the container shares the runtime's. */
const struct namespace_spec *spec_namespace (const struct spec *spec, int flag);

/* Each reads one section; the JSON must outlive ARENA's user. */
int spec_read_process (struct process_spec *process, json_t *json, struct arena *arena, struct error *err);
int spec_read_resources (struct resources_spec *resources, json_t *json, struct arena *arena, struct error *err);
int spec_read_hooks (struct spec *spec, json_t *json, struct error *err);
int spec_read_linux (struct spec *spec, json_t *json, struct error *err);

#define cleanup_spec __attribute__ ((cleanup (spec_free)))

#endif
