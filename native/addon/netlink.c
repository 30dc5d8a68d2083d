/*
 * Netlink sockets: one request, and all that the kernel answers (netlink(7)). What the messages mean is the
 * caller's business; here they are only counted.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addon.h"

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

#define MAX_MESSAGE (64 * 1024 * 1024)
#define MAX_EXPECTED (1024 * 1024)
/* Room that one acknowledgement takes in a socket's buffer, counted generously. */
#define ACK_ROOM 4096
#define MAX_RECEIVE_ROOM (256 * 1024 * 1024)
/* The kernel answers while it takes the request; only a dump goes on afterwards. Longer means `expected` was wrong. */
#define ANSWER_TIMEOUT_MS 10000

/* ---- netlinkOpen ---- */

struct netlink_open {
  struct work work;
  char *netns; /* or NULL */
  int protocol;
  int fd;
};

static int open_socket(struct netlink_open *call) {
  struct failure *failure = &call->work.failure;
  if (call->netns != NULL && enter_netns(call->netns, failure) < 0) return -1;
  call->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, call->protocol);
  if (call->fd < 0) return fail(failure, "socket", call->netns);
  int on = 1;
  /* Errors with text, and without the request that caused them repeated. Both are only a convenience. */
  setsockopt(call->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(call->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  if (bind(call->fd, (struct sockaddr *)&address, sizeof address) < 0) return fail(failure, "bind", call->netns);
  return 0;
}

static void netlink_open_run(struct work *work) { open_socket((struct netlink_open *)work); }

static napi_value netlink_open_result(napi_env env, struct work *work) {
  struct netlink_open *call = (struct netlink_open *)work;
  napi_value value;
  if (napi_create_int32(env, call->fd, &value) != napi_ok) return NULL;
  call->fd = -1; /* the caller's now */
  return value;
}

static void netlink_open_destroy(struct work *work) {
  struct netlink_open *call = (struct netlink_open *)work;
  if (call->fd >= 0) close(call->fd);
  free(call->netns);
  free(call);
}

napi_value netlink_open(napi_env env, napi_callback_info info) {
  struct netlink_open *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->fd = -1;
  call->work.run = netlink_open_run;
  call->work.result = netlink_open_result;
  call->work.destroy = netlink_open_destroy;
  napi_value values[2];
  int64_t protocol;
  if (!arguments(env, info, 2, values) || !argument_string_or_null(env, values[0], "netnsPath", &call->netns) ||
      !argument_integer(env, values[1], "protocol", 0, 31, &protocol))
    return work_reject(env, &call->work);
  call->protocol = (int)protocol;
  return work_start(env, &call->work);
}

/* ---- netlinkRequest ---- */

struct datagram {
  struct datagram *next;
  size_t length;
  uint8_t data[];
};

struct netlink_request {
  struct work work;
  int fd;
  uint8_t *message;
  size_t length;
  int64_t expected;
  /* Sequence numbers of the request: other answers are late ones to a request that was given up. */
  uint32_t first_sequence;
  uint32_t last_sequence;
  /* What has come. */
  int64_t answered;
  bool refused;
  struct datagram *head;
  struct datagram **tail;
};

/*
 * Two requests on one socket would take each other's answers. One lock per descriptor would need a table
 * that knows when descriptors are closed; a few shared ones do as well, as no thread holds two.
 */
#define LOCK_COUNT 64
static pthread_mutex_t locks[LOCK_COUNT] = {[0 ... LOCK_COUNT - 1] = PTHREAD_MUTEX_INITIALIZER};

/* Checks that the buffer is made of whole messages, and finds their sequence numbers. */
static bool scan_request(struct netlink_request *call) {
  size_t left = call->length;
  bool first = true;
  for (const uint8_t *at = call->message; left >= sizeof(struct nlmsghdr);) {
    struct nlmsghdr header;
    memcpy(&header, at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > left) return false;
    if (first || header.nlmsg_seq < call->first_sequence) call->first_sequence = header.nlmsg_seq;
    if (first || header.nlmsg_seq > call->last_sequence) call->last_sequence = header.nlmsg_seq;
    first = false;
    size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= left) return true;
    at += step;
    left -= step;
  }
  return !first && left == 0;
}

/* Makes room for the request and for all its acknowledgements, which come before the first one is read. */
static void make_room(const struct netlink_request *call) {
  int64_t receive = call->expected * ACK_ROOM;
  int receive_room = (int)(receive < 1024 * 1024 ? 1024 * 1024 : receive > MAX_RECEIVE_ROOM ? MAX_RECEIVE_ROOM : receive);
  int send_room = (int)call->length + 64 * 1024;
  /* Without CAP_NET_ADMIN the buffers stay as they are: small requests still fit. */
  setsockopt(call->fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_room, sizeof receive_room);
  setsockopt(call->fd, SOL_SOCKET, SO_SNDBUFFORCE, &send_room, sizeof send_room);
}

static int send_request(struct netlink_request *call) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t sent;
  do {
    sent = sendto(call->fd, call->message, call->length, 0, (struct sockaddr *)&kernel, sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? fail(&call->work.failure, "sendto", "netlink") : 0;
}

/* Counts the ends and refusals in a datagram; false when none of it belongs to the request. */
static bool count_answers(struct netlink_request *call, const struct datagram *datagram) {
  bool ours = false;
  size_t left = datagram->length;
  for (const uint8_t *at = datagram->data; left >= sizeof(struct nlmsghdr);) {
    struct nlmsghdr header;
    memcpy(&header, at, sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > left) break;
    if (header.nlmsg_seq >= call->first_sequence && header.nlmsg_seq <= call->last_sequence) {
      ours = true;
      if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) call->answered++;
      int32_t error = 0;
      if (header.nlmsg_type == NLMSG_ERROR && header.nlmsg_len >= sizeof header + sizeof error)
        memcpy(&error, at + sizeof header, sizeof error);
      if (error != 0) call->refused = true;
    }
    size_t step = NLMSG_ALIGN(header.nlmsg_len);
    if (step >= left) break;
    at += step;
    left -= step;
  }
  return ours;
}

/* Waits for an answer: 1 when there is one, 0 when no more will come, -1 on failure. */
static int wait_for_answer(struct netlink_request *call) {
  struct pollfd wanted = {.fd = call->fd, .events = POLLIN};
  int ready;
  do {
    /* A batch that is refused as a whole gets one error rather than one for each of its messages. */
    ready = poll(&wanted, 1, call->refused ? 0 : ANSWER_TIMEOUT_MS);
  } while (ready < 0 && errno == EINTR);
  if (ready < 0) return fail(&call->work.failure, "poll", "netlink");
  if (ready == 0 && !call->refused) return fail_with(&call->work.failure, ETIMEDOUT, "recv", "netlink");
  return ready;
}

/* Receives one datagram of whatever size; NULL with the failure set. */
static struct datagram *receive_datagram(struct netlink_request *call) {
  for (;;) {
    ssize_t size = recv(call->fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    /* ENOBUFS: answers were lost, and nobody can say which. The caller must look at the state anew. */
    if (size < 0) {
      fail(&call->work.failure, "recv", "netlink");
      return NULL;
    }
    struct datagram *datagram = malloc(sizeof *datagram + (size_t)size);
    if (datagram == NULL) {
      fail_with(&call->work.failure, ENOMEM, "recv", "netlink");
      return NULL;
    }
    ssize_t length = recv(call->fd, datagram->data, (size_t)size, 0);
    if (length >= 0) {
      datagram->length = (size_t)length;
      datagram->next = NULL;
      return datagram;
    }
    free(datagram);
    if (errno == EINTR) continue;
    fail(&call->work.failure, "recv", "netlink");
    return NULL;
  }
}

static int receive_answers(struct netlink_request *call) {
  while (call->answered < call->expected) {
    int ready = wait_for_answer(call);
    if (ready <= 0) return ready;
    struct datagram *datagram = receive_datagram(call);
    if (datagram == NULL) return -1;
    if (count_answers(call, datagram)) {
      *call->tail = datagram;
      call->tail = &datagram->next;
    } else {
      free(datagram);
    }
  }
  return 0;
}

static void netlink_request_run(struct work *work) {
  struct netlink_request *call = (struct netlink_request *)work;
  pthread_mutex_t *lock = &locks[call->fd % LOCK_COUNT];
  pthread_mutex_lock(lock);
  make_room(call);
  if (send_request(call) == 0) receive_answers(call);
  pthread_mutex_unlock(lock);
}

static napi_value netlink_request_result(napi_env env, struct work *work) {
  struct netlink_request *call = (struct netlink_request *)work;
  napi_value array, buffer;
  if (napi_create_array(env, &array) != napi_ok) return NULL;
  uint32_t index = 0;
  for (struct datagram *datagram = call->head; datagram != NULL; datagram = datagram->next) {
    if (napi_create_buffer_copy(env, datagram->length, datagram->data, NULL, &buffer) != napi_ok) return NULL;
    if (napi_set_element(env, array, index++, buffer) != napi_ok) return NULL;
  }
  return array;
}

static void netlink_request_destroy(struct work *work) {
  struct netlink_request *call = (struct netlink_request *)work;
  while (call->head != NULL) {
    struct datagram *next = call->head->next;
    free(call->head);
    call->head = next;
  }
  free(call->message);
  free(call);
}

static bool read_request_arguments(napi_env env, napi_callback_info info, struct netlink_request *call) {
  napi_value values[3];
  const uint8_t *data;
  if (!arguments(env, info, 3, values) || !argument_fd(env, values[0], &call->fd) ||
      !argument_integer(env, values[2], "expected", 0, MAX_EXPECTED, &call->expected) ||
      !argument_bytes(env, values[1], "message", &data, &call->length))
    return false;
  if (call->length == 0 || call->length > MAX_MESSAGE || (call->message = malloc(call->length)) == NULL)
    return throw_argument(env, "message", "of 1 byte to 64 MiB") != NULL;
  memcpy(call->message, data, call->length);
  if (!scan_request(call)) return throw_argument(env, "message", "a sequence of whole netlink messages") != NULL;
  return true;
}

napi_value netlink_request(napi_env env, napi_callback_info info) {
  struct netlink_request *call = work_allocate(env, sizeof *call);
  if (call == NULL) return NULL;
  call->tail = &call->head;
  call->work.run = netlink_request_run;
  call->work.result = netlink_request_result;
  call->work.destroy = netlink_request_destroy;
  if (!read_request_arguments(env, info, call)) return work_reject(env, &call->work);
  return work_start(env, &call->work);
}
