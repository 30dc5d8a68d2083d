#include "shim/oom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Is `word` one of the comma-separated words of `list`? */
static bool has_word(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; at != NULL; at = strchr(at, ',')) {
    if (*at == ',') at++;
    if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == '\0' || at[length] == '\n')) return true;
  }
  return false;
}

/*
 * Where a cgroup hierarchy is mounted: v1's memory controller, or v2. On a hybrid host both are there. The
 * line's format is in proc(5): "36 35 98:0 /root /mountpoint options - fstype source superoptions".
 */
static char *find_mount(bool v1) {
  FILE *file = fopen("/proc/self/mountinfo", "re");
  if (file == NULL) return NULL;
  char *line = NULL, *found = NULL;
  size_t size = 0;
  while (found == NULL && getline(&line, &size, file) >= 0) {
    char mountpoint[4096], fstype[64], super[4096];
    char *tail = strstr(line, " - ");
    if (tail == NULL || sscanf(line, "%*s %*s %*s %*s %4095s", mountpoint) != 1) continue;
    if (sscanf(tail, " - %63s %*s %4095s", fstype, super) != 2) continue;
    bool matches = v1 ? strcmp(fstype, "cgroup") == 0 && has_word(super, "memory") : strcmp(fstype, "cgroup2") == 0;
    if (matches) found = strdup(mountpoint);
  }
  free(line);
  fclose(file);
  return found;
}

/* The process's cgroup in that hierarchy: lines of /proc/PID/cgroup are "id:controllers:path", v2's is "0::path". */
static char *find_cgroup(pid_t pid, bool v1) {
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/cgroup", pid);
  FILE *file = fopen(name, "re");
  if (file == NULL) return NULL;
  char *line = NULL, *found = NULL;
  size_t size = 0;
  while (found == NULL && getline(&line, &size, file) >= 0) {
    char *controllers = strchr(line, ':');
    char *path = controllers == NULL ? NULL : strchr(controllers + 1, ':');
    if (path == NULL) continue;
    *path++ = '\0';
    path[strcspn(path, "\n")] = '\0';
    bool matches = v1 ? has_word(controllers + 1, "memory") : strncmp(line, "0:", 2) == 0;
    if (matches) found = strdup(path);
  }
  free(line);
  fclose(file);
  return found;
}

static char *find_counter(pid_t pid, bool v1) {
  char *mountpoint = find_mount(v1);
  char *cgroup = mountpoint == NULL ? NULL : find_cgroup(pid, v1);
  char *path = NULL;
  /* The root cgroup counts the whole host's. */
  if (cgroup != NULL && strcmp(cgroup, "/") != 0 &&
      asprintf(&path, "%s%s/%s", mountpoint, cgroup, v1 ? "memory.oom_control" : "memory.events") < 0)
    path = NULL;
  free(mountpoint);
  free(cgroup);
  return path;
}

void oom_counter_find(struct oom_counter *counter, pid_t pid) {
  /* Where v1 has the memory controller, v2 hasn't. */
  counter->path = find_counter(pid, true);
  if (counter->path == NULL) counter->path = find_counter(pid, false);
}

bool oom_counter_read(const struct oom_counter *counter) {
  FILE *file = counter->path == NULL ? NULL : fopen(counter->path, "re");
  if (file == NULL) return false;
  char key[64];
  long long value;
  bool killed = false;
  while (fscanf(file, "%63s %lld", key, &value) == 2)
    if (strcmp(key, "oom_kill") == 0 && value > 0) killed = true;
  fclose(file);
  return killed;
}
