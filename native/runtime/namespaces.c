#include "namespaces.h"

#include "cleanup.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static const char *
proc_name (int flag)
{
  switch (flag)
    {
    case CLONE_NEWPID:
      return "pid_for_children";
    case CLONE_NEWNET:
      return "net";
    case CLONE_NEWIPC:
      return "ipc";
    case CLONE_NEWUTS:
      return "uts";
    default:
      return "cgroup";
    }
}

static int
open_namespace (const struct namespace_spec *namespace, struct error *err)
{
  int fd = open (namespace->path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return error_set (err, errno, "open namespace %s", namespace->path);
  if (ioctl (fd, NS_GET_NSTYPE) == namespace->flag)
    return fd;
  close (fd);
  return error_set (err, 0, "%s is not a namespace of the type that the specification says", namespace->path);
}

int
namespaces_check (const struct spec *spec, struct error *err)
{
  for (size_t i = 0; i < spec->namespace_count; i++)
    {
      const struct namespace_spec *namespace = &spec->namespaces[i];
      cleanup_close int fd = -1;

      if (namespace->path == NULL)
        continue;
      if (namespace->flag == CLONE_NEWNS || namespace->flag == CLONE_NEWUSER)
        return error_set (err, 0, "joining a %s namespace by path is not supported",
                          namespace->flag == CLONE_NEWNS ? "mount" : "user");
      fd = open_namespace (namespace, err);
      if (fd < 0)
        return -1;
    }
  return 0;
}

static int
enter_one (const struct namespace_spec *namespace, struct namespace_visit *visit, struct error *err)
{
  cleanup_free char *own_path = xasprintf ("/proc/self/ns/%s", proc_name (namespace->flag));
  cleanup_close int fd = open_namespace (namespace, err), own = -1;

  if (fd < 0)
    return -1;
  own = open (own_path, O_RDONLY | O_CLOEXEC);
  if (own < 0)
    return error_set (err, errno, "open %s", own_path);
  if (setns (fd, namespace->flag) < 0)
    return error_set (err, errno, "join namespace %s", namespace->path);
  visit->flags[visit->count] = namespace->flag;
  visit->own[visit->count++] = own;
  own = -1;
  return 0;
}

int
namespaces_enter (const struct spec *spec, struct namespace_visit *visit, struct error *err)
{
  struct error leave_error;

  visit->count = 0;
  for (size_t i = 0; i < spec->namespace_count; i++)
    if (spec->namespaces[i].path != NULL && enter_one (&spec->namespaces[i], visit, err) < 0)
      {
        namespaces_leave (visit, &leave_error);
        return -1;
      }
  return 0;
}

int
namespaces_leave (struct namespace_visit *visit, struct error *err)
{
  int result = 0;

  for (; visit->count > 0; visit->count--)
    {
      if (setns (visit->own[visit->count - 1], visit->flags[visit->count - 1]) < 0)
        result = error_set (err, errno, "return to the runtime's own namespace");
      close (visit->own[visit->count - 1]);
    }
  return result;
}

uint64_t
namespaces_clone_flags (const struct spec *spec)
{
  uint64_t flags = 0;

  for (size_t i = 0; i < spec->namespace_count; i++)
    if (spec->namespaces[i].path == NULL && spec->namespaces[i].flag != CLONE_NEWCGROUP)
      flags |= (uint64_t) (unsigned) spec->namespaces[i].flag;
  return flags;
}

pid_t
namespaces_fork (uint64_t flags, int cgroup_fd, struct error *err)
{
  struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
  pid_t pid;

  if (cgroup_fd >= 0)
    {
      args.flags |= CLONE_INTO_CGROUP;
      args.cgroup = (uint64_t) cgroup_fd;
    }
  pid = (pid_t) syscall (SYS_clone3, &args, sizeof args);
  if (pid < 0)
    error_set (err, errno, "create the process with its namespaces");
  return pid;
}

static int
write_map (pid_t pid, const char *file, const struct id_mapping *mappings, size_t count, struct error *err)
{
  cleanup_free char *path = xasprintf ("/proc/%d/%s", (int) pid, file);
  cleanup_free char *lines = xcalloc (count + 1, 40);
  size_t used = 0;

  for (size_t i = 0; i < count; i++)
    used += (size_t) sprintf (lines + used, "%u %u %u\n", mappings[i].container_id, mappings[i].host_id,
                              mappings[i].size);
  return write_kernel_file_at (AT_FDCWD, path, lines, err);
}

int
namespaces_map_ids (const struct spec *spec, pid_t pid, struct error *err)
{
  if (spec_namespace (spec, CLONE_NEWUSER) == NULL)
    return 0;
  if (spec->uid_mapping_count == 0 || spec->gid_mapping_count == 0)
    return error_set (err, 0, "a new user namespace needs uidMappings and gidMappings");
  if (write_map (pid, "uid_map", spec->uid_mappings, spec->uid_mapping_count, err) < 0)
    return -1;
  return write_map (pid, "gid_map", spec->gid_mappings, spec->gid_mapping_count, err);
}
