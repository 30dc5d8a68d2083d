#include "sysctl.h"

#include "cleanup.h"
#include "file.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>

static bool
starts_with (const char *name, const char *prefix)
{
  return strncmp (name, prefix, strlen (prefix)) == 0;
}

/* The namespace that a value belongs to, or 0. */
static int
owner (const char *name)
{
  static const char *const ipc_names[] = { "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
                                           "kernel.sem",    "kernel.shmall", "kernel.shmmax",
                                           "kernel.shmmni", "kernel.shm_rmid_forced" };

  if (starts_with (name, "net."))
    return CLONE_NEWNET;
  if (starts_with (name, "fs.mqueue."))
    return CLONE_NEWIPC;
  for (size_t i = 0; i < sizeof ipc_names / sizeof ipc_names[0]; i++)
    if (strcmp (name, ipc_names[i]) == 0)
      return CLONE_NEWIPC;
  if (strcmp (name, "kernel.hostname") == 0 || strcmp (name, "kernel.domainname") == 0)
    return CLONE_NEWUTS;
  if (starts_with (name, "user."))
    return CLONE_NEWUSER;
  return 0;
}

/* "net.ipv4.ip_forward" and "net/ipv4/conf/eth0.100/forwarding": whichever separator comes first is it, and the other
 * is part of a name. */
static char *
to_path (const char *name)
{
  char *path = xstrdup (name);
  size_t first = strcspn (path, "./");

  if (path[first] == '.')
    for (char *p = path; *p != '\0'; p++)
      *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
  return path;
}

int
sysctl_check (const struct spec *spec, struct error *err)
{
  const char *key;
  json_t *value;

  json_object_foreach (spec->sysctl, key, value)
    {
      cleanup_free char *path = to_path (key);
      cleanup_free char *framed = xasprintf ("/%s/", path), *name = xstrdup (path);
      int namespace;

      for (char *p = name; *p != '\0'; p++)
        *p = *p == '/' ? '.' : *p;
      namespace = owner (name);
      if (strstr (framed, "/../") != NULL || namespace == 0)
        return error_set (err, 0, "sysctl \"%s\" is not in a separate kernel namespace", key);
      if (spec_namespace (spec, namespace) == NULL)
        return error_set (err, 0, "sysctl \"%s\" is not allowed while the container shares the host's namespace", key);
    }
  return 0;
}

int
sysctl_apply (const struct spec *spec, struct error *err)
{
  cleanup_close int directory = -1;
  const char *key;
  json_t *value;

  if (json_object_size (spec->sysctl) == 0)
    return 0;
  directory = open ("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
  json_object_foreach (spec->sysctl, key, value)
    {
      cleanup_free char *path = to_path (key);
      if (write_kernel_file_at (directory, path, json_string_value (value), err) < 0)
        return error_prefix (err, "sysctl %s", key);
    }
  return 0;
}
