#include "devices.h"

#include "cleanup.h"
#include "mounts.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const struct
{
  const char *path;
  unsigned major, minor;
} standard_devices[] = {
  { "/dev/null", 1, 3 },   { "/dev/zero", 1, 5 },    { "/dev/full", 1, 7 },
  { "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const struct
{
  const char *path, *target;
} standard_symlinks[] = {
  { "/dev/fd", "/proc/self/fd" },       { "/dev/stdin", "/proc/self/fd/0" },
  { "/dev/stdout", "/proc/self/fd/1" }, { "/dev/stderr", "/proc/self/fd/2" },
  { "/dev/ptmx", "pts/ptmx" },
};

/* Inside a user namespace nobody may make device nodes, so the host's is bound instead. */
static int
bind_from_host (const struct device_spec *device, int root, struct error *err)
{
  cleanup_close int target = path_make_in_root (root, device->path, PATH_FILE, err);
  cleanup_close int mount = target < 0 ? -1 : mount_copy (AT_FDCWD, device->path, false, err);
  struct stat st;

  if (mount < 0)
    return -1;
  if (fstat (mount, &st) < 0 || st.st_rdev != device->number)
    return error_set (err, 0, "the host's %s is another device", device->path);
  return mount_attach (mount, target, device->path, err);
}

static int
make_device (const struct device_spec *device, int root, bool user_namespace, struct error *err)
{
  const char *name;
  cleanup_close int parent = -1;
  struct stat st;

  if (user_namespace)
    return bind_from_host (device, root, err);
  parent = path_make_parent_in_root (root, device->path, &name, err);
  if (parent < 0)
    return -1;
  if (mknodat (parent, name, device->mode, device->number) < 0)
    {
      if (errno != EEXIST)
        return error_set (err, errno, "create %s", device->path);
      if (fstatat (parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & S_IFMT) != (device->mode & S_IFMT)
          || st.st_rdev != device->number)
        return error_set (err, 0, "%s exists and is something else", device->path);
    }
  /* A parent that is O_PATH is fine for the *at calls; what stands at NAME is known to be no symlink. */
  if (fchownat (parent, name, device->uid, device->gid, AT_SYMLINK_NOFOLLOW) < 0
      || fchmodat (parent, name, device->mode & 07777, 0) < 0)
    return error_set (err, errno, "set owner and mode of %s", device->path);
  return 0;
}

static int
make_symlink (int root, const char *path, const char *target, struct error *err)
{
  const char *name;
  cleanup_close int parent = path_make_parent_in_root (root, path, &name, err);

  if (parent < 0)
    return -1;
  if (symlinkat (target, parent, name) < 0 && errno != EEXIST)
    return error_set (err, errno, "create symlink %s", path);
  return 0;
}

static bool
dev_is_bound (const struct spec *spec)
{
  bool bound = false;

  for (size_t i = 0; i < spec->mount_count; i++)
    if (strcmp (spec->mounts[i].destination, "/dev") == 0)
      bound = spec->mounts[i].type == NULL || strcmp (spec->mounts[i].type, "bind") == 0;
  return bound;
}

int
devices_make (const struct spec *spec, int root, struct error *err)
{
  bool user_namespace = spec_namespace (spec, CLONE_NEWUSER) != NULL;

  if (dev_is_bound (spec))
    return 0;
  for (size_t i = 0; i < sizeof standard_devices / sizeof standard_devices[0]; i++)
    {
      struct device_spec device = {
        .path = standard_devices[i].path,
        .mode = S_IFCHR | 0666,
        .number = makedev (standard_devices[i].major, standard_devices[i].minor),
      };
      if (make_device (&device, root, user_namespace, err) < 0)
        return -1;
    }
  for (size_t i = 0; i < spec->device_count; i++)
    if (make_device (&spec->devices[i], root, user_namespace, err) < 0)
      return -1;
  for (size_t i = 0; i < sizeof standard_symlinks / sizeof standard_symlinks[0]; i++)
    if (make_symlink (root, standard_symlinks[i].path, standard_symlinks[i].target, err) < 0)
      return -1;
  return 0;
}
