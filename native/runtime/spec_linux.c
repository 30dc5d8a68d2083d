#include "spec.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

static int
read_namespace (struct namespace_spec *namespace, json_t *json, struct error *err)
{
  static const struct
  {
    const char *name;
    int flag;
  } kinds[] = {
    { "pid", CLONE_NEWPID }, { "network", CLONE_NEWNET },   { "ipc", CLONE_NEWIPC },       { "uts", CLONE_NEWUTS },
    { "mount", CLONE_NEWNS }, { "cgroup", CLONE_NEWCGROUP }, { "user", CLONE_NEWUSER },
  };
  const char *type = NULL;

  if (field_string (json, "type", &type, err) < 0 || field_string (json, "path", &namespace->path, err) < 0)
    return -1;
  if (type == NULL)
    return error_set (err, 0, "\"type\" is missing");
  if (namespace->path != NULL && namespace->path[0] == '\0')
    namespace->path = NULL;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp (kinds[i].name, type) == 0)
      {
        namespace->flag = kinds[i].flag;
        return 0;
      }
  return error_set (err, 0, "namespace \"%s\" is not supported", type);
}

static int
read_namespaces (struct spec *spec, json_t *json, struct error *err)
{
  json_t *namespaces = NULL, *item;
  size_t i;

  if (field_array (json, "namespaces", &namespaces, err) < 0)
    return -1;
  spec->namespaces = arena_calloc (&spec->arena, json_array_size (namespaces), sizeof *spec->namespaces);
  json_array_foreach (namespaces, i, item)
    {
      struct namespace_spec namespace = { 0, NULL };

      if (read_namespace (&namespace, item, err) < 0)
        return error_prefix (err, "namespaces[%zu]", i);
      if (spec_namespace (spec, namespace.flag) != NULL)
        return error_set (err, 0, "namespaces[%zu]: this type is there twice", i);
      spec->namespaces[spec->namespace_count++] = namespace;
    }
  return 0;
}

static int
read_id_mappings (struct spec *spec, json_t *json, const char *key, struct id_mapping **mappings, size_t *count,
                  struct error *err)
{
  json_t *array = NULL, *item;
  size_t i;

  if (field_array (json, key, &array, err) < 0)
    return -1;
  *count = json_array_size (array);
  *mappings = arena_calloc (&spec->arena, *count, sizeof **mappings);
  json_array_foreach (array, i, item)
    {
      struct id_mapping *mapping = &(*mappings)[i];
      if (field_uint32 (item, "containerID", &mapping->container_id, err) < 0
          || field_uint32 (item, "hostID", &mapping->host_id, err) < 0
          || field_uint32 (item, "size", &mapping->size, err) < 0)
        return error_prefix (err, "%s[%zu]", key, i);
    }
  return 0;
}

static int
read_device_type (const char *type, mode_t *mode, struct error *err)
{
  if (type == NULL || strlen (type) != 1 || strchr ("cubp", type[0]) == NULL)
    return error_set (err, 0, "\"type\" must be one of c, b, u, p");
  *mode = type[0] == 'b' ? S_IFBLK : type[0] == 'p' ? S_IFIFO : S_IFCHR;
  return 0;
}

static int
read_device (struct device_spec *device, json_t *json, struct error *err)
{
  struct optional_int major = { false, 0 }, minor = { false, 0 }, mode = { true, 0666 };
  const char *type = NULL;

  if (field_string (json, "path", &device->path, err) < 0 || field_string (json, "type", &type, err) < 0
      || field_int (json, "major", &major, err) < 0 || field_int (json, "minor", &minor, err) < 0
      || field_int (json, "fileMode", &mode, err) < 0 || field_uint32 (json, "uid", &device->uid, err) < 0
      || field_uint32 (json, "gid", &device->gid, err) < 0 || read_device_type (type, &device->mode, err) < 0)
    return -1;
  if (device->path == NULL || device->path[0] != '/')
    return error_set (err, 0, "\"path\" must be an absolute path");
  device->mode |= (mode_t) mode.value & 07777;
  device->number = makedev ((unsigned) major.value, (unsigned) minor.value);
  return 0;
}

static int
read_devices (struct spec *spec, json_t *json, struct error *err)
{
  json_t *devices = NULL, *item;
  size_t i;

  if (field_array (json, "devices", &devices, err) < 0)
    return -1;
  spec->device_count = json_array_size (devices);
  spec->devices = arena_calloc (&spec->arena, spec->device_count, sizeof *spec->devices);
  json_array_foreach (devices, i, item)
    if (read_device (&spec->devices[i], item, err) < 0)
      return error_prefix (err, "devices[%zu]", i);
  return 0;
}

static int
read_rootfs_propagation (struct spec *spec, json_t *json, struct error *err)
{
  static const struct
  {
    const char *name;
    unsigned long flags;
  } kinds[] = {
    { "shared", MS_SHARED },         { "rshared", MS_SHARED | MS_REC },
    { "slave", MS_SLAVE },           { "rslave", MS_SLAVE | MS_REC },
    { "private", MS_PRIVATE },       { "rprivate", MS_PRIVATE | MS_REC },
    { "unbindable", MS_UNBINDABLE }, { "runbindable", MS_UNBINDABLE | MS_REC },
  };
  const char *name = NULL;

  if (field_string (json, "rootfsPropagation", &name, err) < 0)
    return -1;
  if (name == NULL || name[0] == '\0')
    return 0;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp (kinds[i].name, name) == 0)
      {
        spec->rootfs_propagation = kinds[i].flags;
        return 0;
      }
  return error_set (err, 0, "unknown \"rootfsPropagation\" \"%s\"", name);
}

/* linux.personality, as personality(2) takes it. */
static int
read_personality (struct spec *spec, json_t *json, struct error *err)
{
  json_t *personality = NULL;
  const char *domain = NULL;

  if (field_object (json, "personality", &personality, err) < 0
      || field_string (personality, "domain", &domain, err) < 0
      || field_refuse (personality, "flags", "the specification defines none yet", err) < 0)
    return -1;
  if (personality == NULL)
    return 0;
  if (domain == NULL || (strcmp (domain, "LINUX") != 0 && strcmp (domain, "LINUX32") != 0))
    return error_set (err, 0, "\"personality.domain\" must be LINUX or LINUX32");
  spec->personality.set = true;
  spec->personality.value = strcmp (domain, "LINUX32") == 0 ? 0x0008 : 0;
  return 0;
}

static int
check_sysctls (json_t *sysctl, struct error *err)
{
  const char *name;
  json_t *value;

  json_object_foreach (sysctl, name, value)
    if (!json_is_string (value))
      return error_set (err, 0, "sysctl.%s must be a string", name);
  return 0;
}

int
spec_read_linux (struct spec *spec, json_t *json, struct error *err)
{
  json_t *resources = NULL;

  if (read_namespaces (spec, json, err) < 0
      || read_id_mappings (spec, json, "uidMappings", &spec->uid_mappings, &spec->uid_mapping_count, err) < 0
      || read_id_mappings (spec, json, "gidMappings", &spec->gid_mappings, &spec->gid_mapping_count, err) < 0
      || read_devices (spec, json, err) < 0 || field_string (json, "cgroupsPath", &spec->cgroups_path, err) < 0
      || field_object (json, "resources", &resources, err) < 0 || field_object (json, "sysctl", &spec->sysctl, err) < 0
      || check_sysctls (spec->sysctl, err) < 0 || field_object (json, "seccomp", &spec->seccomp, err) < 0
      || read_rootfs_propagation (spec, json, err) < 0
      || field_strings (json, "maskedPaths", &spec->arena, &spec->masked_paths, err) < 0
      || field_strings (json, "readonlyPaths", &spec->arena, &spec->readonly_paths, err) < 0
      || field_string (json, "mountLabel", &spec->mount_label, err) < 0 || read_personality (spec, json, err) < 0
      || field_refuse (json, "intelRdt", "set the resctrl group from outside", err) < 0
      || field_refuse (json, "timeOffsets", "time namespaces aren't implemented", err) < 0
      || field_refuse (json, "memoryPolicy", "use linux.resources.cpu.mems", err) < 0
      || field_refuse (json, "netDevices", "move devices into the network namespace beforehand", err) < 0)
    return -1;
  if (resources != NULL && spec_read_resources (&spec->resources, resources, &spec->arena, err) < 0)
    return error_prefix (err, "resources");
  return 0;
}
