#include "shim/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

int listen_in(int directory_fd, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  /* A state directory's own path may be longer than the 107 bytes that fit here. */
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory_fd, name);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  unlinkat(directory_fd, name, 0);
  mode_t before = umask(0177);
  int status = bind(fd, (struct sockaddr *)&address, sizeof address);
  umask(before);
  if (status == 0) status = listen(fd, 64);
  if (status == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int receive_descriptor(int connection) {
  char data[256];
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec vector = {.iov_base = data, .iov_len = sizeof data};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (recvmsg(connection, &message, MSG_CMSG_CLOEXEC) < 0) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) {
    errno = EPROTO;
    return -1;
  }
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

int terminal_receive(int listener) {
  int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return -1;
  int master = receive_descriptor(connection);
  int error = errno;
  close(connection);
  errno = error;
  return master;
}

void terminal_resize(int master, uint16_t rows, uint16_t columns) {
  struct winsize size = {.ws_row = rows, .ws_col = columns};
  ioctl(master, TIOCSWINSZ, &size);
}

char terminal_end_of_input(int master) {
  struct termios settings;
  if (tcgetattr(master, &settings) < 0 || (settings.c_lflag & ICANON) == 0) return '\0';
  return (char)settings.c_cc[VEOF];
}
