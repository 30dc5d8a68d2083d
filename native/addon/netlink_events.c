/*
 * What the kernel tells by netlink multicast (netlink(7)): a thread passes it on to one end of a pair of sockets, as
 * Node can wait for a stream but not for a netlink socket. The thread ends when the other end is closed.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addon.h"

#define MAX_TYPES 32
#define MAX_EVENT (64 * 1024)

struct subscription {
  int netlink;
  int stream;
  uint8_t event[MAX_EVENT];
};

struct netlink_subscribe {
  struct work work;
  char *netns; /* or NULL */
  int protocol;
  uint32_t groups;
  size_t type_count;
  uint16_t types[MAX_TYPES];
  int stream; /* the caller's end */
};

/* Lets through what begins with a message of one of the types: nobody is woken by anything else. */
static int attach_filter(const struct netlink_subscribe *call, int netlink, struct failure *failure) {
  struct sock_filter program[MAX_TYPES + 3];
  unsigned short length = 0;
  program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type));
  for (size_t i = 0; i < call->type_count; i++) {
    /* The filter reads in network byte order. */
    uint32_t type = __builtin_bswap16(call->types[i]);
    program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type, (uint8_t)(call->type_count - i), 0);
  }
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
  program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
  struct sock_fprog filter = {.len = length, .filter = program};
  if (setsockopt(netlink, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) < 0)
    return fail(failure, "setsockopt", "SO_ATTACH_FILTER");
  return 0;
}

static int open_netlink(struct netlink_subscribe *call) {
  struct failure *failure = &call->work.failure;
  if (call->netns != NULL && enter_netns(call->netns, failure) < 0) return -1;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, call->protocol);
  if (fd < 0) return fail(failure, "socket", call->netns);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = call->groups};
  if (attach_filter(call, fd, failure) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    if (failure->error == 0) fail(failure, "bind", call->netns);
    close(fd);
    return -1;
  }
  return fd;
}

static bool send_all(int stream, const void *data, size_t length) {
  const uint8_t *at = data;
  while (length > 0) {
    ssize_t sent = send(stream, at, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    at += sent;
    length -= (size_t)sent;
  }
  return true;
}

/* Says that something was lost, and nobody knows what. */
static bool send_overrun(int stream) {
  struct nlmsghdr overrun = {.nlmsg_len = sizeof overrun, .nlmsg_type = NLMSG_OVERRUN};
  return send_all(stream, &overrun, sizeof overrun);
}

/* Passes one datagram on; false when the stream or the netlink socket has ended. */
static bool pass_on(struct subscription *subscription) {
  struct sockaddr_nl sender;
  struct iovec part = {.iov_base = subscription->event, .iov_len = sizeof subscription->event};
  struct msghdr message = {.msg_name = &sender, .msg_namelen = sizeof sender, .msg_iov = &part, .msg_iovlen = 1};
  ssize_t length = recvmsg(subscription->netlink, &message, 0);
  if (length < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (length < 0 && errno == ENOBUFS) return send_overrun(subscription->stream);
  if (length < 0) return false;
  if ((message.msg_flags & MSG_TRUNC) != 0) return send_overrun(subscription->stream);
  /* Whatever isn't from the kernel is none of its news. */
  if (sender.nl_pid != 0) return true;
  return send_all(subscription->stream, subscription->event, (size_t)length);
}

static void *run_subscription(void *argument) {
  struct subscription *subscription = argument;
  for (;;) {
    struct pollfd wanted[] = {{.fd = subscription->netlink, .events = POLLIN}, {.fd = subscription->stream}};
    if (poll(wanted, 2, -1) < 0 && errno != EINTR) break;
    /* Only its end is reported, as nothing else was asked for. */
    if (wanted[1].revents != 0) break;
    if (wanted[0].revents != 0 && !pass_on(subscription)) break;
  }
  close(subscription->netlink);
  close(subscription->stream);
  free(subscription);
  return NULL;
}

/* On a thread that takes no signals, so that the new one doesn't either. */
static int start_subscription(struct subscription *subscription) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 64 * 1024);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, run_subscription, subscription);
  pthread_attr_destroy(&attributes);
  return error;
}

static void netlink_subscribe_run(struct work *work) {
  struct netlink_subscribe *call = (struct netlink_subscribe *)work;
  int netlink = open_netlink(call);
  if (netlink < 0) return;
  int pair[2] = {-1, -1};
  struct subscription *subscription = malloc(sizeof *subscription);
  if (subscription == NULL) {
    fail_with(&work->failure, ENOMEM, "malloc", NULL);
  } else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
    fail(&work->failure, "socketpair", NULL);
  } else {
    subscription->netlink = netlink;
    subscription->stream = pair[1];
    int error = start_subscription(subscription);
    if (error == 0) {
      call->stream = pair[0];
      return;
    }
    fail_with(&work->failure, error, "pthread_create", NULL);
    close(pair[0]);
    close(pair[1]);
  }
  free(subscription);
  close(netlink);
}

static napi_value netlink_subscribe_result(napi_env env, struct work *work) {
  struct netlink_subscribe *call = (struct netlink_subscribe *)work;
  napi_value value;
  if (napi_create_int32(env, call->stream, &value) != napi_ok) return NULL;
  call->stream = -1; /* the caller's now */
  return value;
}

static void netlink_subscribe_destroy(struct work *work) {
  struct netlink_subscribe *call = (struct netlink_subscribe *)work;
  if (call->stream >= 0) close(call->stream);
  free(call->netns);
  free(call);
}

static bool read_types(napi_env env, napi_value value, struct netlink_subscribe *call) {
  uint32_t count = 0;
  bool array = false;
  if (napi_is_array(env, value, &array) != napi_ok || !array || napi_get_array_length(env, value, &count) != napi_ok ||
      count == 0 || count > MAX_TYPES)
    return throw_argument(env, "types", "an array of 1 to 32 numbers") != NULL;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    int64_t type;
    if (napi_get_element(env, value, i, &element) != napi_ok ||
        !argument_integer(env, element, "types", 0, UINT16_MAX, &type))
      return false;
    call->types[i] = (uint16_t)type;
  }
  call->type_count = count;
  return true;
}

napi_value netlink_subscribe(napi_env env, napi_callback_info info) {
  struct netlink_subscribe *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->stream = -1;
  call->work.run = netlink_subscribe_run;
  call->work.result = netlink_subscribe_result;
  call->work.destroy = netlink_subscribe_destroy;
  napi_value values[4];
  int64_t protocol, groups;
  if (!arguments(env, info, 4, values) || !argument_string_or_null(env, values[0], "netnsPath", &call->netns) ||
      !argument_integer(env, values[1], "protocol", 0, 31, &protocol) ||
      !argument_integer(env, values[2], "groups", 0, UINT32_MAX, &groups) || !read_types(env, values[3], call))
    return work_reject(env, &call->work);
  call->protocol = (int)protocol;
  call->groups = (uint32_t)groups;
  return work_start(env, &call->work);
}
