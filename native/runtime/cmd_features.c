/* The runtime specification's "features" structure: what callers may put into a config.json. */
#include "commands.h"

#include "cleanup.h"
#include "version.h"

int
cmd_features (const char *root, int argc, char **argv, struct error *err)
{
  cleanup_json json_t *json = NULL;

  (void) root;
  (void) argv;
  if (argc != 1)
    return command_usage ("features", err);
  json = json_pack ("{s:s, s:s, s:[s,s,s,s,s,s],"
                    " s:{s:[s,s,s,s,s,s,s], s:{s:b,s:b,s:b,s:b}, s:{s:b,s:[s,s,s,s,s,s,s,s]},"
                    " s:{s:b}, s:{s:b}, s:{s:b}}}",
                    "ociVersionMin", "1.0.0", "ociVersionMax", OCI_VERSION, "hooks", "prestart", "createRuntime",
                    "createContainer", "startContainer", "poststart", "poststop", "linux", "namespaces", "cgroup",
                    "ipc", "mount", "network", "pid", "user", "uts", "cgroup", "v1", 1, "v2", 1, "systemd", 0, "rdma",
                    0, "seccomp", "enabled", 1, "actions", "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
                    "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_TRACE",
                    "SCMP_ACT_TRAP", "apparmor", "enabled", 1, "selinux", "enabled", 0, "intelRdt", "enabled", 0);
  if (json == NULL || json_dumpf (json, stdout, JSON_INDENT (2)) < 0 || putchar ('\n') == EOF)
    return error_set (err, 0, "write the features");
  return 0;
}
