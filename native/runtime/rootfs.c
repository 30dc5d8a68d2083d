#include "rootfs.h"

#include "cleanup.h"
#include "mounts.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* pivot_root(2) refuses a new root whose parent mount is shared, and binding the root on itself below a shared mount
 * would show on the host. The mount that holds PATH is at the nearest directory above that takes the change. */
static int
make_parent_private (const char *path, struct error *err)
{
  cleanup_free char *dir = xstrdup (path);

  while (mount (NULL, dir[0] != '\0' ? dir : "/", NULL, MS_PRIVATE, NULL) < 0)
    {
      if (errno != EINVAL || dir[0] == '\0')
        return error_set (err, errno, "make the mount of %s private", path);
      *strrchr (dir, '/') = '\0';
    }
  return 0;
}

int
rootfs_prepare (const struct spec *spec, const char *bundle, struct error *err)
{
  cleanup_free char *joined = spec->root_path[0] == '/' ? xstrdup (spec->root_path)
                                                        : xasprintf ("%s/%s", bundle, spec->root_path);
  cleanup_free char *path = realpath (joined, NULL);
  unsigned long propagation = spec->rootfs_propagation;
  int root;

  if (path == NULL)
    return error_set (err, errno, "open root file system %s", joined);
  /* "unbindable" is for what the container makes of it, and comes after the pivot. Unless the spec wants to share, all
   * of the host's mounts become slaves or private. */
  if (propagation == 0 || propagation & MS_UNBINDABLE)
    propagation = MS_SLAVE;
  if (!(propagation & MS_SHARED))
    propagation |= MS_REC;
  if (mount (NULL, "/", NULL, propagation, NULL) < 0)
    return error_set (err, errno, "set the propagation of /");
  if (propagation & MS_SHARED && make_parent_private (path, err) < 0)
    return -1;
  if (mount (path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
    return error_set (err, errno, "bind root file system %s", path);
  root = open (path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return error_set (err, errno, "open root file system %s", path);
  return root;
}

/* A detached mount of the host's /dev/null, never of the image's. */
static int
open_null (struct error *err)
{
  int mount = mount_copy (AT_FDCWD, "/dev/null", false, err);
  struct stat st;

  if (mount < 0)
    return -1;
  if (fstat (mount, &st) == 0 && S_ISCHR (st.st_mode) && st.st_rdev == makedev (1, 3))
    return mount;
  close (mount);
  return error_set (err, 0, "the host's /dev/null is not the null device");
}

/* One empty read-only tmpfs serves all masked directories: the first is it, the others are copies. */
static int
open_empty_directory (int first, struct error *err)
{
  struct mount_options options = { .set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                                   .data = { "size=0k", "mode=755" },
                                   .data_count = 2 };
  if (first >= 0)
    return mount_copy (first, "", false, err);
  return mount_new ("tmpfs", "tmpfs", &options, err);
}

static int
mask_path (int root, const char *path, int *empty_directory, struct error *err)
{
  cleanup_close int target = path_open_in_root (root, path, err), mount = -1;
  struct stat st;

  if (target < 0)
    return err->errnum == ENOENT || err->errnum == ENOTDIR ? 0 : -1;
  if (fstat (target, &st) < 0)
    return error_set (err, errno, "stat %s", path);
  mount = S_ISDIR (st.st_mode) ? open_empty_directory (*empty_directory, err) : open_null (err);
  if (mount < 0 || mount_attach (mount, target, path, err) < 0)
    return error_prefix (err, "mask %s", path);
  if (S_ISDIR (st.st_mode) && *empty_directory < 0)
    {
      *empty_directory = mount;
      mount = -1;
    }
  return 0;
}

static int
protect_path (int root, const char *path, struct error *err)
{
  cleanup_close int target = path_open_in_root (root, path, err), mount = -1;

  if (target < 0)
    return err->errnum == ENOENT || err->errnum == ENOTDIR ? 0 : -1;
  mount = mount_copy (target, "", true, err);
  if (mount < 0 || mount_change (mount, true, MOUNT_ATTR_RDONLY, 0, 0, err) < 0
      || mount_attach (mount, target, path, err) < 0)
    return error_prefix (err, "make %s read-only", path);
  return 0;
}

int
rootfs_protect (const struct spec *spec, int root, struct error *err)
{
  cleanup_close int empty_directory = -1;

  for (size_t i = 0; spec->readonly_paths != NULL && spec->readonly_paths[i] != NULL; i++)
    if (protect_path (root, spec->readonly_paths[i], err) < 0)
      return -1;
  for (size_t i = 0; spec->masked_paths != NULL && spec->masked_paths[i] != NULL; i++)
    if (mask_path (root, spec->masked_paths[i], &empty_directory, err) < 0)
      return -1;
  if (spec->root_readonly && mount_change (root, false, MOUNT_ATTR_RDONLY, 0, 0, err) < 0)
    return error_prefix (err, "make the root file system read-only");
  return 0;
}

int
rootfs_pivot (const struct spec *spec, int root, struct error *err)
{
  cleanup_close int old_root = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (old_root < 0)
    return error_set (err, errno, "open /");
  /* pivot_root (".", ".") stacks the old root on the new one, so that it needs no directory in the image. */
  if (fchdir (root) < 0 || syscall (SYS_pivot_root, ".", ".") < 0)
    return error_set (err, errno, "pivot_root");
  if (fchdir (old_root) < 0)
    return error_set (err, errno, "change to the old root");
  /* Not shared, or the host's own mounts would be unmounted too. */
  if (mount (NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2 (".", MNT_DETACH) < 0)
    return error_set (err, errno, "unmount the old root");
  if (chdir ("/") < 0)
    return error_set (err, errno, "change to the new root");
  if (spec->rootfs_propagation & (MS_SHARED | MS_UNBINDABLE)
      && mount (NULL, "/", NULL, spec->rootfs_propagation, NULL) < 0)
    return error_set (err, errno, "set the root file system's propagation");
  return 0;
}
