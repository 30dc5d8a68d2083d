/* Flags of directories. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "addon.h"

/* Of file systems that know no such flags, or not this one. */
static bool means_unknown(int error) {
  return error == ENOTTY || error == EOPNOTSUPP || error == EINVAL || error == ENOSYS;
}

/* -1 with errno set. */
static int set_topdir(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  int flags = 0;
  int result = ioctl(fd, FS_IOC_GETFLAGS, &flags);
  if (result == 0 && (flags & FS_TOPDIR_FL) == 0) {
    flags |= FS_TOPDIR_FL;
    result = ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

napi_value spread_subdirectories(napi_env env, napi_callback_info info) {
  napi_value values[1], result = NULL;
  char *path = NULL;
  if (!arguments(env, info, 1, values) || !argument_path(env, values[0], &path)) return NULL;
  int done = set_topdir(path);
  if (done == 0 || means_unknown(errno)) {
    napi_get_boolean(env, done == 0, &result);
  } else {
    struct failure failure;
    fail(&failure, "ioctl", path);
    throw_failure(env, &failure);
  }
  free(path);
  return result;
}
