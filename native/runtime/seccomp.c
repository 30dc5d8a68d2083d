#include "seccomp.h"

#include "cleanup.h"
#include "field.h"
#include "seccomp_cache.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define cleanup_filter __attribute__ ((cleanup (release_filter)))

static void
release_filter (scmp_filter_ctx *filter)
{
  if (*filter != NULL)
    seccomp_release (*filter);
}

static int
read_action (json_t *object, const char *key, const char *errno_key, uint32_t *action, struct error *err)
{
  static const struct
  {
    const char *name;
    uint32_t action;
  } actions[] = {
    { "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
    { "SCMP_ACT_KILL", SCMP_ACT_KILL },
    { "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
    { "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
    { "SCMP_ACT_LOG", SCMP_ACT_LOG },
    { "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
  };
  uint32_t errnum = EPERM;
  const char *name = NULL;

  if (field_string (object, key, &name, err) < 0 || field_uint32 (object, errno_key, &errnum, err) < 0)
    return -1;
  if (name == NULL)
    return error_set (err, 0, "\"%s\" is missing", key);
  if (strcmp (name, "SCMP_ACT_ERRNO") == 0)
    *action = SCMP_ACT_ERRNO (errnum);
  else if (strcmp (name, "SCMP_ACT_TRACE") == 0)
    *action = SCMP_ACT_TRACE (errnum);
  else
    {
      for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
        if (strcmp (actions[i].name, name) == 0)
          {
            *action = actions[i].action;
            return 0;
          }
      return error_set (err, 0, "\"%s\" %s is not supported", key, name);
    }
  return 0;
}

static int
read_comparison (json_t *json, struct scmp_arg_cmp *comparison, struct error *err)
{
  static const char *const operators[] = {
    [SCMP_CMP_NE] = "SCMP_CMP_NE", [SCMP_CMP_LT] = "SCMP_CMP_LT", [SCMP_CMP_LE] = "SCMP_CMP_LE",
    [SCMP_CMP_EQ] = "SCMP_CMP_EQ", [SCMP_CMP_GE] = "SCMP_CMP_GE", [SCMP_CMP_GT] = "SCMP_CMP_GT",
    [SCMP_CMP_MASKED_EQ] = "SCMP_CMP_MASKED_EQ",
  };
  struct optional_int value = { false, 0 }, value_two = { false, 0 };
  const char *operator = NULL;
  uint32_t index = 0;

  if (field_uint32 (json, "index", &index, err) < 0 || field_int (json, "value", &value, err) < 0
      || field_int (json, "valueTwo", &value_two, err) < 0 || field_string (json, "op", &operator, err) < 0)
    return -1;
  if (index > 5)
    return error_set (err, 0, "a system call has no argument %u", index);
  for (int i = SCMP_CMP_NE; operator != NULL && i <= SCMP_CMP_MASKED_EQ; i++)
    if (strcmp (operators[i], operator) == 0)
      {
        comparison->arg = index;
        comparison->op = (enum scmp_compare) i;
        comparison->datum_a = (uint64_t) value.value;
        comparison->datum_b = (uint64_t) value_two.value;
        return 0;
      }
  return error_set (err, 0, "\"op\" must be one of SCMP_CMP_NE, LT, LE, EQ, GE, GT, MASKED_EQ");
}

/* libseccomp takes one comparison per argument in a rule, all of which must hold. A profile with two on the same
 * argument means that one of them must: as runc does it, each becomes a rule of its own. */
static int
add_rule (scmp_filter_ctx filter, uint32_t action, int number, const struct scmp_arg_cmp *comparisons, unsigned count)
{
  bool seen[6] = { false }, repeated = false;
  int result;

  for (unsigned i = 0; i < count; i++)
    {
      repeated = repeated || seen[comparisons[i].arg];
      seen[comparisons[i].arg] = true;
    }
  if (!repeated)
    return seccomp_rule_add_array (filter, action, number, count, comparisons);
  for (unsigned i = 0; i < count; i++)
    {
      result = seccomp_rule_add_array (filter, action, number, 1, &comparisons[i]);
      if (result < 0)
        return result;
    }
  return 0;
}

#define MAX_COMPARISONS 32

static int
read_comparisons (json_t *rule, struct scmp_arg_cmp *comparisons, unsigned *count, struct error *err)
{
  json_t *args = NULL, *item;
  size_t i;

  if (field_array (rule, "args", &args, err) < 0)
    return -1;
  if (json_array_size (args) > MAX_COMPARISONS)
    return error_set (err, 0, "more than %d \"args\"", MAX_COMPARISONS);
  json_array_foreach (args, i, item)
    if (read_comparison (item, &comparisons[i], err) < 0)
      return error_prefix (err, "args[%zu]", i);
  *count = (unsigned) json_array_size (args);
  return 0;
}

static int
add_syscalls (scmp_filter_ctx filter, json_t *rule, uint32_t default_action, struct error *err)
{
  struct scmp_arg_cmp comparisons[MAX_COMPARISONS];
  json_t *names = NULL, *item;
  unsigned count = 0;
  uint32_t action;
  size_t i;

  if (read_action (rule, "action", "errnoRet", &action, err) < 0 || field_array (rule, "names", &names, err) < 0
      || read_comparisons (rule, comparisons, &count, err) < 0)
    return -1;
  /* libseccomp refuses what says nothing new. */
  if (action == default_action)
    return 0;
  json_array_foreach (names, i, item)
    {
      int number, result;

      if (!json_is_string (item))
        return error_set (err, 0, "\"names\" must be an array of strings");
      /* A name that this libseccomp doesn't know is of another architecture, or newer than both. */
      number = seccomp_syscall_resolve_name (json_string_value (item));
      if (number == __NR_SCMP_ERROR)
        continue;
      result = add_rule (filter, action, number, comparisons, count);
      if (result < 0)
        return error_set (err, -result, "system call %s", json_string_value (item));
    }
  return 0;
}

static int
add_architectures (scmp_filter_ctx filter, json_t *profile, struct error *err)
{
  json_t *architectures = NULL, *item;
  size_t i;

  if (field_array (profile, "architectures", &architectures, err) < 0)
    return -1;
  json_array_foreach (architectures, i, item)
    {
      char name[32] = "";
      uint32_t token;
      int result;

      /* SCMP_ARCH_X86_64 is "x86_64" for libseccomp. */
      if (json_is_string (item) && strncmp (json_string_value (item), "SCMP_ARCH_", 10) == 0)
        for (size_t c = 0; c < sizeof name - 1 && json_string_value (item)[10 + c] != '\0'; c++)
          name[c] = (char) (json_string_value (item)[10 + c] | (json_string_value (item)[10 + c] == '_' ? 0 : 0x20));
      token = seccomp_arch_resolve_name (name);
      if (token == 0)
        return error_set (err, 0, "architectures[%zu] is unknown", i);
      result = seccomp_arch_add (filter, token);
      if (result < 0 && result != -EEXIST)
        return error_set (err, -result, "add architecture %s", name);
    }
  return 0;
}

static int
read_flags (json_t *profile, uint32_t *flags, struct error *err)
{
  static const struct
  {
    const char *name;
    uint32_t flag;
  } known[] = {
    { "SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC },
    { "SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG },
    { "SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW },
  };
  json_t *array = NULL, *item;
  size_t i, k;

  if (field_array (profile, "flags", &array, err) < 0)
    return -1;
  json_array_foreach (array, i, item)
    {
      for (k = 0; k < sizeof known / sizeof known[0]; k++)
        if (json_is_string (item) && strcmp (known[k].name, json_string_value (item)) == 0)
          break;
      if (k == sizeof known / sizeof known[0])
        return error_set (err, 0, "flags[%zu] is not supported", i);
      *flags |= known[k].flag;
    }
  return 0;
}

/* The highest number that the profile mentions for an architecture. */
static uint32_t
highest_number (json_t *profile, uint32_t architecture)
{
  json_t *rule, *name;
  size_t i, k;
  int highest = 0;

  json_array_foreach (json_object_get (profile, "syscalls"), i, rule)
    json_array_foreach (json_object_get (rule, "names"), k, name)
      {
        int number = seccomp_syscall_resolve_name_arch (architecture, json_string_value (name));
        highest = number > highest ? number : highest;
      }
  return (uint32_t) highest;
}

/* System calls newer than the profile fail with ENOSYS instead of its default, because C libraries fall back to older
 * calls then, and don't on EPERM. runc does the same. Numbers from 2^30 are x32's and negative ones. */
static void
add_enosys_block (struct seccomp_program *program, uint32_t architecture, uint32_t highest)
{
  const struct sock_filter block[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, arch)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, architecture, 0, 4),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JGT | BPF_K, highest, 0, 2),
    BPF_JUMP (BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };

  memcpy (program->instructions + program->count, block, sizeof block);
  program->count += sizeof block / sizeof block[0];
}

static void
add_enosys (struct seccomp_program *program, scmp_filter_ctx filter, json_t *profile, uint32_t default_action)
{
  static const uint32_t architectures[] = { SCMP_ARCH_X86_64, SCMP_ARCH_X86,     SCMP_ARCH_AARCH64, SCMP_ARCH_ARM,
                                            SCMP_ARCH_S390X,  SCMP_ARCH_PPC64LE, SCMP_ARCH_RISCV64 };

  if (default_action == SCMP_ACT_ALLOW || default_action == SCMP_ACT_LOG)
    return;
  for (size_t i = 0; i < sizeof architectures / sizeof architectures[0]; i++)
    if (seccomp_arch_exist (filter, architectures[i]) == 0)
      add_enosys_block (program, architectures[i], highest_number (profile, architectures[i]));
}

/* libseccomp 2.5 exports to a file only. */
static int
export_filter (scmp_filter_ctx filter, struct seccomp_program *program, struct error *err)
{
  cleanup_close int fd = memfd_create ("seccomp", MFD_CLOEXEC);
  size_t room = sizeof program->instructions - program->count * sizeof program->instructions[0];
  ssize_t size;
  int result;

  if (fd < 0)
    return error_set (err, errno, "memfd_create");
  result = seccomp_export_bpf (filter, fd);
  if (result < 0)
    return error_set (err, -result, "compile the profile");
  size = lseek (fd, 0, SEEK_END);
  if (size < 0 || (size_t) size > room)
    return error_set (err, 0, "the profile makes too large a filter");
  if (pread (fd, program->instructions + program->count, (size_t) size, 0) != size)
    return error_set (err, errno, "read the compiled profile");
  program->count += (uint32_t) ((size_t) size / sizeof program->instructions[0]);
  return 0;
}

static int
compile (struct seccomp_program *program, json_t *profile, struct error *err)
{
  cleanup_filter scmp_filter_ctx filter = NULL;
  json_t *syscalls = NULL, *item;
  uint32_t default_action;
  size_t i;

  if (read_action (profile, "defaultAction", "defaultErrnoRet", &default_action, err) < 0
      || field_refuse (profile, "listenerPath", "user notification isn't implemented", err) < 0
      || read_flags (profile, &program->flags, err) < 0 || field_array (profile, "syscalls", &syscalls, err) < 0)
    return -1;
  filter = seccomp_init (default_action);
  if (filter == NULL)
    return error_set (err, 0, "libseccomp refuses the default action");
  /* A binary tree instead of a chain: the kernel walks it for every known call once when the filter is loaded, to
   * learn which calls are always allowed. */
  if (seccomp_attr_set (filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) < 0)
    return error_set (err, 0, "libseccomp can't optimise");
  if (add_architectures (filter, profile, err) < 0)
    return -1;
  json_array_foreach (syscalls, i, item)
    if (add_syscalls (filter, item, default_action, err) < 0)
      return error_prefix (err, "syscalls[%zu]", i);
  add_enosys (program, filter, profile, default_action);
  return export_filter (filter, program, err);
}

size_t
seccomp_program_size (const struct seccomp_program *program)
{
  return offsetof (struct seccomp_program, instructions) + program->count * sizeof program->instructions[0];
}

int
seccomp_compile (struct seccomp_program *program, json_t *profile, const char *cache_directory, struct error *err)
{
  cleanup_free char *text = NULL;

  program->flags = program->count = 0;
  if (profile == NULL)
    return 0;
  text = json_dumps (profile, JSON_COMPACT);
  if (text == NULL)
    return error_set (err, 0, "linux.seccomp: not valid text");
  if (seccomp_cache_read (cache_directory, text, program))
    return 0;
  if (compile (program, profile, err) < 0)
    return error_prefix (err, "linux.seccomp");
  seccomp_cache_write (cache_directory, text, program);
  return 0;
}

int
seccomp_load_program (const struct seccomp_program *program, struct error *err)
{
  struct sock_fprog filter
      = { .len = (unsigned short) program->count, .filter = (struct sock_filter *) program->instructions };

  if (program->count == 0)
    return 0;
  if (syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, program->flags, &filter) != 0)
    return error_set (err, errno, "load the seccomp filter");
  return 0;
}
