/* The mount of type "cgroup": the container sees its own cgroups at the place it is used to. */
#include "mounts.h"

#include "cleanup.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A mount of one hierarchy. With a cgroup namespace a new mount has its root at the container's own cgroup by itself.
 * Without one it is a bind mount of the host's: with v1 of the container's cgroup, with v2 of the whole tree, so that
 * the path in /proc/self/cgroup is one below /sys/fs/cgroup, as with other runtimes. A new mount of v2 from the host's
 * namespace would change the options of the host's own. */
static int
open_hierarchy (const struct mount_context *context, const struct cgroup_hierarchy *hierarchy,
                const struct mount_options *options, struct error *err)
{
  struct mount_options v1 = { .set = options->set };
  int mount;

  if (spec_namespace (context->spec, CLONE_NEWCGROUP) == NULL)
    {
      const char *shown = cgroup_is_unified (context->cgroup) ? hierarchy->root : hierarchy->dir;

      mount = mount_copy (AT_FDCWD, shown, true, err);
      if (mount >= 0 && mount_change (mount, true, options->set, 0, 0, err) < 0)
        {
          close (mount);
          return -1;
        }
      return mount;
    }
  if (hierarchy->v2)
    return mount_new ("cgroup2", "cgroup", options, err);

  /* "none" keeps a named hierarchy from asking for all controllers. Controllers mounted together come as a list of
   * flags. */
  cleanup_free char *names = xstrdup (hierarchy->name);
  char *next = names;
  if (strncmp (names, "name=", 5) == 0)
    v1.data[v1.data_count++] = "none";
  for (char *name; (name = strsep (&next, ",")) != NULL && v1.data_count < MOUNT_OPTIONS_MAX;)
    v1.data[v1.data_count++] = name;
  return mount_new ("cgroup", "cgroup", &v1, err);
}

/* cpu → cpu,cpuacct and so on, for hierarchies with more than one controller. */
static int
link_controllers (int directory, const char *hierarchy_name, struct error *err)
{
  cleanup_free char *names = xstrdup (hierarchy_name);
  char *next = names;

  if (strchr (hierarchy_name, ',') == NULL)
    return 0;
  for (char *name; (name = strsep (&next, ",")) != NULL;)
    if (symlinkat (hierarchy_name, directory, name) < 0 && errno != EEXIST)
      return error_set (err, errno, "create symlink %s", name);
  return 0;
}

static int
mount_hierarchy (const struct mount_context *context, int directory, const struct cgroup_hierarchy *hierarchy,
                 const struct mount_options *options, struct error *err)
{
  const char *name = strrchr (hierarchy->root, '/') + 1;
  cleanup_close int mount = open_hierarchy (context, hierarchy, options, err);
  cleanup_close int target = -1;

  if (mount < 0)
    return error_prefix (err, "hierarchy %s", name);
  if (mkdirat (directory, name, 0755) < 0)
    return error_set (err, errno, "create directory %s", name);
  target = openat (directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (target < 0)
    return error_set (err, errno, "open directory %s", name);
  if (mount_attach (mount, target, name, err) < 0)
    return -1;
  return link_controllers (directory, name, err);
}

int
mount_cgroup (const struct mount_context *context, const char *destination, const struct mount_options *options,
              struct error *err)
{
  struct mount_options tmpfs
      = { .set = options->set & ~(uint64_t) MOUNT_ATTR_RDONLY, .data = { "mode=755" }, .data_count = 1 };
  cleanup_close int target = path_make_in_root (context->root, destination, PATH_DIRECTORY, err);
  cleanup_close int mount = -1, directory = -1;

  if (target < 0)
    return -1;
  if (cgroup_is_unified (context->cgroup))
    {
      mount = open_hierarchy (context, &context->cgroup->hierarchies[0], options, err);
      return mount < 0 ? -1 : mount_attach (mount, target, destination, err);
    }
  mount = mount_new ("tmpfs", "tmpfs", &tmpfs, err);
  if (mount < 0 || mount_attach (mount, target, destination, err) < 0)
    return -1;
  directory = openat (mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return error_set (err, errno, "open %s", destination);
  for (size_t i = 0; i < context->cgroup->count; i++)
    if (mount_hierarchy (context, directory, &context->cgroup->hierarchies[i], options, err) < 0)
      return -1;
  return 0;
}
