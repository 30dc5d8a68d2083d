/* Datagrams to Unix sockets, which Node's dgram doesn't have: for /dev/log and journald. Neither call waits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "addon.h"

static int connect_to(const char *path, struct failure *failure) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return fail_with(failure, ENAMETOOLONG, "connect", path);
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail(failure, "socket", path);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  fail(failure, "connect", path);
  close(fd);
  return -1;
}

napi_value connect_datagram(napi_env env, napi_callback_info info) {
  napi_value values[1], result;
  char *path;
  struct failure failure = {0};
  if (!arguments(env, info, 1, values) || !argument_string(env, values[0], "path", &path)) return NULL;
  int fd = connect_to(path, &failure);
  free(path);
  if (fd < 0) return throw_failure(env, &failure);
  return napi_create_int32(env, fd, &result) == napi_ok ? result : NULL;
}

napi_value send_datagram(napi_env env, napi_callback_info info) {
  napi_value values[2], result;
  int fd;
  const uint8_t *data;
  size_t length;
  if (!arguments(env, info, 2, values) || !argument_fd(env, values[0], &fd) ||
      !argument_bytes(env, values[1], "data", &data, &length))
    return NULL;
  ssize_t sent;
  do {
    sent = send(fd, data, length, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && errno != EAGAIN && errno != ENOBUFS) {
    struct failure failure = {0};
    fail(&failure, "send", NULL);
    return throw_failure(env, &failure);
  }
  return napi_get_boolean(env, sent >= 0, &result) == napi_ok ? result : NULL;
}
