#include "self_exe.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static bool
is_protected (int exe)
{
  struct statvfs fs;

  if (fcntl (exe, F_GET_SEALS) == SEALS)
    return true;
  return fstatvfs (exe, &fs) == 0 && fs.f_flag & ST_RDONLY;
}

/* A detached bind mount. It belongs to no mount namespace, so there is no remounting it, and nothing shows in any
 * mount table. Costs 20 microseconds, where the copy takes some hundred. */
static int
open_readonly_mount (void)
{
  struct mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };
  int fd = open_tree (AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

  if (fd >= 0 && mount_setattr (fd, "", AT_EMPTY_PATH, &readonly, sizeof readonly) < 0)
    {
      close (fd);
      return -1;
    }
  return fd;
}

static int
open_sealed_copy (int exe)
{
  int copy = memfd_create ("gantry-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  struct stat st;

  if (copy >= 0 && fstat (exe, &st) == 0 && sendfile (copy, exe, NULL, (size_t) st.st_size) == st.st_size
      && fcntl (copy, F_ADD_SEALS, SEALS) == 0)
    return copy;
  if (copy >= 0)
    close (copy);
  return -1;
}

int
self_exe_protect (char **argv, struct error *err)
{
  cleanup_close int exe = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC), safe = -1;

  if (exe < 0)
    return error_set (err, errno, "open /proc/self/exe");
  if (is_protected (exe))
    return prctl (PR_SET_NAME, "gantry-runtime") < 0 ? error_set (err, errno, "set the process's name") : 0;
  safe = open_readonly_mount ();
  if (safe < 0)
    safe = open_sealed_copy (exe);
  if (safe < 0)
    return error_set (err, errno, "protect the runtime's own binary");
  execveat (safe, "", argv, environ, AT_EMPTY_PATH);
  return error_set (err, errno, "execute the protected binary");
}
