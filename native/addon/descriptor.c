/* File descriptors: closed, and locked between processes. */
#include <errno.h>
#include <sys/file.h>
#include <unistd.h>

#include "addon.h"

napi_value close_fd(napi_env env, napi_callback_info info) {
  napi_value values[1];
  int fd;
  if (!arguments(env, info, 1, values) || !argument_fd(env, values[0], &fd)) return NULL;
  /* On Linux the descriptor is gone even after EINTR: trying again could close somebody else's. */
  if (close(fd) < 0 && errno != EINTR) {
    struct failure failure;
    fail(&failure, "close", NULL);
    return throw_failure(env, &failure);
  }
  return NULL;
}

napi_value try_lock(napi_env env, napi_callback_info info) {
  napi_value values[1], result;
  int fd;
  if (!arguments(env, info, 1, values) || !argument_fd(env, values[0], &fd)) return NULL;
  bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK) {
    struct failure failure;
    fail(&failure, "flock", NULL);
    return throw_failure(env, &failure);
  }
  return napi_get_boolean(env, locked, &result) == napi_ok ? result : NULL;
}
