/* Flags of directories. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "addon.h"

static bool set_topdir(int fd) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return false;
  if ((flags & FS_TOPDIR_FL) != 0) return true;
  flags |= FS_TOPDIR_FL;
  return ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
}

napi_value spread_subdirectories(napi_env env, napi_callback_info info) {
  napi_value values[1], result = NULL;
  char *path = NULL;
  if (!arguments(env, info, 1, values) || !argument_path(env, values[0], &path)) return NULL;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    struct failure failure;
    fail(&failure, "open", path);
    throw_failure(env, &failure);
  } else {
    /* A hint: nothing depends on it, whatever the reason that a file system has for refusing it. */
    napi_get_boolean(env, set_topdir(fd), &result);
    close(fd);
  }
  free(path);
  return result;
}
