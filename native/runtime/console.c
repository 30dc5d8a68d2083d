#include "console.h"

#include "cleanup.h"
#include "mounts.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/vfs.h>

int
console_resize (int master, unsigned rows, unsigned columns, struct error *err)
{
  struct winsize size = { .ws_row = (unsigned short) rows, .ws_col = (unsigned short) columns };

  if (ioctl (master, TIOCSWINSZ, &size) < 0)
    return error_set (err, errno, "resize the terminal to %u rows and %u columns", rows, columns);
  return 0;
}

int
console_open (int root, const struct process_spec *process, int *master, int *slave, struct error *err)
{
  cleanup_close int new_master = path_open_no_symlinks (root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, err);
  struct statfs fs;
  int unlocked = 0, new_slave;

  if (new_master < 0)
    return -1;
  if (fstatfs (new_master, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC)
    return error_set (err, 0, "/dev/pts is no devpts file system");
  if (ioctl (new_master, TIOCSPTLCK, &unlocked) < 0)
    return error_set (err, errno, "unlock the terminal");
  if ((process->rows != 0 || process->columns != 0)
      && console_resize (new_master, process->rows, process->columns, err) < 0)
    return -1;
  /* Without a path, so that nothing the container has put at /dev/pts/N can stand in for it. */
  new_slave = ioctl (new_master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (new_slave < 0)
    return error_set (err, errno, "open the terminal");
  *slave = new_slave;
  *master = new_master;
  new_master = -1;
  return 0;
}

int
console_bind (int root, int slave, struct error *err)
{
  cleanup_close int target = path_make_in_root (root, "/dev/console", PATH_FILE, err);
  cleanup_close int mount = target < 0 ? -1 : mount_copy (slave, "", false, err);

  if (mount < 0 || mount_attach (mount, target, "/dev/console", err) < 0)
    return error_prefix (err, "make /dev/console");
  return 0;
}

int
console_become (int slave, struct error *err)
{
  if (ioctl (slave, TIOCSCTTY, 0) < 0)
    return error_set (err, errno, "make the terminal the controlling one");
  for (int fd = 0; fd < 3; fd++)
    if (dup2 (slave, fd) < 0)
      return error_set (err, errno, "make the terminal a standard stream");
  return 0;
}

int
console_connect (const char *socket_path, struct error *err)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  cleanup_close int fd = -1;
  int result;

  if (strlen (socket_path) >= sizeof address.sun_path)
    return error_set (err, ENAMETOOLONG, "console socket %s", socket_path);
  strcpy (address.sun_path, socket_path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    return error_set (err, errno, "connect to console socket %s", socket_path);
  result = fd;
  fd = -1;
  return result;
}

/* Room for one descriptor, aligned as CMSG_* need it. */
union descriptor_message
{
  char bytes[CMSG_SPACE (sizeof (int))];
  struct cmsghdr align;
};

int
console_send (int socket, int master, struct error *err)
{
  static const char name[] = "/dev/ptmx";
  union descriptor_message control = { { 0 } };
  struct iovec payload = { .iov_base = (void *) name, .iov_len = sizeof name - 1 };
  struct msghdr message = {
    .msg_iov = &payload, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  struct cmsghdr *header = CMSG_FIRSTHDR (&message);

  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (sizeof (int));
  memcpy (CMSG_DATA (header), &master, sizeof master);
  if (sendmsg (socket, &message, MSG_NOSIGNAL) < 0)
    return error_set (err, errno, "send the terminal");
  return 0;
}

int
console_receive (int socket, struct error *err)
{
  union descriptor_message control;
  char name[64];
  struct iovec payload = { .iov_base = name, .iov_len = sizeof name };
  struct msghdr message = {
    .msg_iov = &payload, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
  };
  struct cmsghdr *header;
  int master;

  if (recvmsg (socket, &message, MSG_CMSG_CLOEXEC) < 0)
    return error_set (err, errno, "receive the terminal");
  header = CMSG_FIRSTHDR (&message);
  if (header == NULL || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN (sizeof (int)))
    return error_set (err, 0, "received no terminal");
  memcpy (&master, CMSG_DATA (header), sizeof master);
  return master;
}
