/* Network namespaces: made, and sockets opened in them. The calling thread of JavaScript never moves. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "addon.h"

#define LISTEN_BACKLOG 4096

int enter_netns(const char *path, struct failure *failure) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(failure, "open", path);
  int status = setns(fd, CLONE_NEWNET) < 0 ? fail(failure, "setns", path) : 0;
  close(fd);
  return status;
}

/* ---- createNetns ---- */

struct create_netns {
  struct work work;
  char *path;
};

static int bring_loopback_up(struct failure *failure) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(failure, "socket", NULL);
  struct ifreq request = {.ifr_name = "lo"};
  int status = ioctl(fd, SIOCGIFFLAGS, &request);
  if (status == 0) {
    request.ifr_flags |= IFF_UP;
    status = ioctl(fd, SIOCSIFFLAGS, &request);
  }
  if (status < 0) fail(failure, "ioctl", "lo");
  close(fd);
  return status;
}

static bool is_namespace(const char *path) {
  struct statfs info;
  return statfs(path, &info) == 0 && info.f_type == NSFS_MAGIC;
}

/* Makes the file that the namespace is mounted on; *made says whether it is new. */
static int make_mountpoint(const char *path, bool *made, struct failure *failure) {
  int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  *made = fd >= 0;
  if (fd < 0 && errno != EEXIST) return fail(failure, "open", path);
  if (fd >= 0) close(fd);
  return 0;
}

static int mount_new_netns(const char *path, struct failure *failure) {
  if (unshare(CLONE_NEWNET) < 0) return fail(failure, "unshare", path);
  if (bring_loopback_up(failure) < 0) return -1;
  if (mount("/proc/thread-self/ns/net", path, NULL, MS_BIND, NULL) < 0) return fail(failure, "mount", path);
  return 0;
}

static void create_netns_run(struct work *work) {
  const char *path = ((struct create_netns *)work)->path;
  bool made = false;
  /* A second mount on top would hide the namespace that somebody uses. */
  if (is_namespace(path)) {
    fail_with(&work->failure, EEXIST, "mount", path);
    return;
  }
  if (make_mountpoint(path, &made, &work->failure) < 0) return;
  if (mount_new_netns(path, &work->failure) < 0 && made) unlink(path);
}

static void create_netns_destroy(struct work *work) {
  free(((struct create_netns *)work)->path);
  free(work);
}

napi_value create_netns(napi_env env, napi_callback_info info) {
  struct create_netns *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->work.run = create_netns_run;
  call->work.destroy = create_netns_destroy;
  napi_value values[1];
  if (!arguments(env, info, 1, values) || !argument_string(env, values[0], "path", &call->path))
    return work_reject(env, &call->work);
  return work_start(env, &call->work);
}

/* ---- socketInNetns ---- */

struct socket_in_netns {
  struct work work;
  char *netns;
  int type; /* SOCK_DGRAM or SOCK_STREAM */
  char *address_text;
  struct sockaddr_storage address;
  socklen_t address_length;
  int fd;
};

static int set_option(int fd, int level, int option) {
  int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on);
}

/* FREEBIND: the address may not be there yet. V6ONLY: "::" and "0.0.0.0" can be bound side by side. */
static int set_options(const struct socket_in_netns *call) {
  if (set_option(call->fd, SOL_SOCKET, SO_REUSEADDR) < 0) return -1;
  if (call->address.ss_family == AF_INET) return set_option(call->fd, IPPROTO_IP, IP_FREEBIND);
  if (set_option(call->fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0) return -1;
  return set_option(call->fd, IPPROTO_IPV6, IPV6_FREEBIND);
}

static int open_bound_socket(struct socket_in_netns *call) {
  struct failure *failure = &call->work.failure;
  if (enter_netns(call->netns, failure) < 0) return -1;
  call->fd = socket(call->address.ss_family, call->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (call->fd < 0) return fail(failure, "socket", call->address_text);
  if (set_options(call) < 0) return fail(failure, "setsockopt", call->address_text);
  if (bind(call->fd, (struct sockaddr *)&call->address, call->address_length) < 0)
    return fail(failure, "bind", call->address_text);
  if (call->type == SOCK_STREAM && listen(call->fd, LISTEN_BACKLOG) < 0)
    return fail(failure, "listen", call->address_text);
  return 0;
}

static void socket_in_netns_run(struct work *work) { open_bound_socket((struct socket_in_netns *)work); }

static napi_value socket_in_netns_result(napi_env env, struct work *work) {
  struct socket_in_netns *call = (struct socket_in_netns *)work;
  napi_value value;
  if (napi_create_int32(env, call->fd, &value) != napi_ok) return NULL;
  call->fd = -1; /* the caller's now */
  return value;
}

static void socket_in_netns_destroy(struct work *work) {
  struct socket_in_netns *call = (struct socket_in_netns *)work;
  if (call->fd >= 0) close(call->fd);
  free(call->netns);
  free(call->address_text);
  free(call);
}

static bool parse_address(struct socket_in_netns *call, uint16_t port) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)&call->address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&call->address;
  if (inet_pton(AF_INET, call->address_text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    call->address_length = sizeof *v4;
    return true;
  }
  if (inet_pton(AF_INET6, call->address_text, &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(port);
  call->address_length = sizeof *v6;
  return true;
}

static bool read_socket_arguments(napi_env env, napi_callback_info info, struct socket_in_netns *call) {
  napi_value object[1], netns, type, address, port;
  char *type_text = NULL;
  int64_t port_number;
  bool read = arguments(env, info, 1, object) && argument_property(env, object[0], "netnsPath", &netns) &&
              argument_string(env, netns, "netnsPath", &call->netns) &&
              argument_property(env, object[0], "address", &address) &&
              argument_string(env, address, "address", &call->address_text) &&
              argument_property(env, object[0], "port", &port) &&
              argument_integer(env, port, "port", 0, 65535, &port_number) &&
              argument_property(env, object[0], "type", &type) && argument_string(env, type, "type", &type_text);
  if (!read) return false;
  bool tcp = strcmp(type_text, "tcp") == 0, udp = strcmp(type_text, "udp") == 0;
  free(type_text);
  if (!tcp && !udp) return throw_argument(env, "type", "'udp' or 'tcp'") != NULL;
  call->type = tcp ? SOCK_STREAM : SOCK_DGRAM;
  if (!parse_address(call, (uint16_t)port_number)) return throw_argument(env, "address", "an IP address") != NULL;
  return true;
}

napi_value socket_in_netns(napi_env env, napi_callback_info info) {
  struct socket_in_netns *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->fd = -1;
  call->work.run = socket_in_netns_run;
  call->work.result = socket_in_netns_result;
  call->work.destroy = socket_in_netns_destroy;
  if (!read_socket_arguments(env, info, call)) return work_reject(env, &call->work);
  return work_start(env, &call->work);
}

/* ---- writeSysctl ---- */

struct write_sysctl {
  struct work work;
  char *netns;
  char *path;
  char *value;
};

/* /proc/sys/net shows the namespace of the thread that asks. */
static void write_sysctl_run(struct work *work) {
  const struct write_sysctl *call = (const struct write_sysctl *)work;
  struct failure *failure = &work->failure;
  if (enter_netns(call->netns, failure) < 0) return;
  int fd = open(call->path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) {
    fail(failure, "open", call->path);
    return;
  }
  size_t length = strlen(call->value);
  ssize_t written = write(fd, call->value, length);
  if (written < 0) fail(failure, "write", call->path);
  else if ((size_t)written < length) fail_with(failure, EIO, "write", call->path);
  close(fd);
}

static void write_sysctl_destroy(struct work *work) {
  struct write_sysctl *call = (struct write_sysctl *)work;
  free(call->netns);
  free(call->path);
  free(call->value);
  free(call);
}

napi_value write_sysctl(napi_env env, napi_callback_info info) {
  struct write_sysctl *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->work.run = write_sysctl_run;
  call->work.destroy = write_sysctl_destroy;
  napi_value values[3];
  if (!arguments(env, info, 3, values) || !argument_string(env, values[0], "netnsPath", &call->netns) ||
      !argument_string(env, values[1], "path", &call->path) || !argument_string(env, values[2], "value", &call->value))
    return work_reject(env, &call->work);
  return work_start(env, &call->work);
}
