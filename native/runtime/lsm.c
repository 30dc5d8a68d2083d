#include "lsm.h"

#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool
is_set (const char *text)
{
  return text != NULL && text[0] != '\0';
}

static bool
apparmor_enabled (void)
{
  cleanup_free char *enabled = NULL;
  struct error ignored;

  return read_file_at (AT_FDCWD, "/sys/module/apparmor/parameters/enabled", &enabled, NULL, &ignored) == 0
         && enabled[0] == 'Y';
}

int
lsm_check (const struct spec *spec, const struct process_spec *process, struct error *err)
{
  if (is_set (process->selinux_label) || is_set (spec->mount_label))
    return error_set (err, 0, "SELinux labels are not supported; leave selinuxLabel and mountLabel out");
  if (is_set (process->apparmor_profile) && !apparmor_enabled ())
    return error_set (err, 0, "apparmorProfile \"%s\" is set, but this host has no AppArmor",
                      process->apparmor_profile);
  return 0;
}

int
lsm_open (const struct process_spec *process, int *fd, struct error *err)
{
  *fd = -1;
  if (!is_set (process->apparmor_profile))
    return 0;
  /* The first since Linux 5.8; the second is whichever security module came first. */
  *fd = open ("/proc/self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
  if (*fd < 0)
    *fd = open ("/proc/self/attr/exec", O_WRONLY | O_CLOEXEC);
  if (*fd < 0)
    return error_set (err, errno, "open AppArmor's attributes");
  return 0;
}

int
lsm_set_exec_profile (int fd, const struct process_spec *process, struct error *err)
{
  cleanup_free char *command = NULL;

  if (fd < 0)
    return 0;
  command = xasprintf ("exec %s", process->apparmor_profile);
  if (write (fd, command, strlen (command)) < 0)
    return error_set (err, errno, "apply AppArmor profile \"%s\"", process->apparmor_profile);
  return 0;
}
