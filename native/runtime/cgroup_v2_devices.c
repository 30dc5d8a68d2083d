/* cgroup v2 has no device files: a BPF program at the cgroup decides. */
#include "cgroup.h"

#include "cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>

/* Enough for one rule: type, access (4), major, minor, verdict (2). */
#define MAX_INSTRUCTIONS_PER_RULE 9

struct program
{
  struct bpf_insn *instructions;
  size_t count;
};

static void
emit (struct program *program, uint8_t code, uint8_t dst, uint8_t src, int16_t offset, int32_t immediate)
{
  program->instructions[program->count++]
      = (struct bpf_insn){ .code = code, .dst_reg = dst, .src_reg = src, .off = offset, .imm = immediate };
}

/* Loads struct bpf_cgroup_dev_ctx into registers: r2 type, r3 wanted access, r4 major, r5 minor. */
static void
emit_prologue (struct program *program)
{
  emit (program, BPF_LDX | BPF_W | BPF_MEM, 2, 1, offsetof (struct bpf_cgroup_dev_ctx, access_type), 0);
  emit (program, BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
  emit (program, BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
  emit (program, BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
  emit (program, BPF_LDX | BPF_W | BPF_MEM, 4, 1, offsetof (struct bpf_cgroup_dev_ctx, major), 0);
  emit (program, BPF_LDX | BPF_W | BPF_MEM, 5, 1, offsetof (struct bpf_cgroup_dev_ctx, minor), 0);
}

static void
emit_verdict (struct program *program, bool allow)
{
  emit (program, BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, allow);
  emit (program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int32_t
access_bits (const char *access)
{
  int32_t bits = 0;

  bits |= strchr (access, 'r') != NULL ? BPF_DEVCG_ACC_READ : 0;
  bits |= strchr (access, 'w') != NULL ? BPF_DEVCG_ACC_WRITE : 0;
  bits |= strchr (access, 'm') != NULL ? BPF_DEVCG_ACC_MKNOD : 0;
  return bits;
}

/* Jumps over the rule's verdict unless all its conditions hold; the jumps' targets are filled in at the end. */
static void
emit_rule (struct program *program, const struct device_rule *rule)
{
  size_t jumps[4], jump_count = 0;
  int32_t bits = access_bits (rule->access);

  if (rule->type != 'a')
    {
      jumps[jump_count++] = program->count;
      emit (program, BPF_JMP | BPF_JNE | BPF_K, 2, 0, 0, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    }
  if (bits != (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD))
    {
      /* An allow must cover all that is wanted, a deny holds when it touches any of it. */
      emit (program, BPF_ALU | BPF_MOV | BPF_X, 1, 3, 0, 0);
      emit (program, BPF_ALU | BPF_AND | BPF_K, 1, 0, 0, rule->allow ? ~bits : bits);
      jumps[jump_count++] = program->count;
      emit (program, BPF_JMP | (rule->allow ? BPF_JNE : BPF_JEQ) | BPF_K, 1, 0, 0, 0);
    }
  if (rule->major >= 0)
    {
      jumps[jump_count++] = program->count;
      emit (program, BPF_JMP | BPF_JNE | BPF_K, 4, 0, 0, (int32_t) rule->major);
    }
  if (rule->minor >= 0)
    {
      jumps[jump_count++] = program->count;
      emit (program, BPF_JMP | BPF_JNE | BPF_K, 5, 0, 0, (int32_t) rule->minor);
    }
  emit_verdict (program, rule->allow);
  for (size_t i = 0; i < jump_count; i++)
    program->instructions[jumps[i]].off = (int16_t) (program->count - jumps[i] - 1);
}

/* v1's rules: all is allowed to begin with, and the last rule that fits decides. So the last comes first here. */
static void
build (struct program *program, const struct resources_spec *resources)
{
  size_t rules = resources->device_rule_count + cgroup_default_device_rule_count;

  program->instructions = xcalloc (rules * MAX_INSTRUCTIONS_PER_RULE + 8, sizeof *program->instructions);
  emit_prologue (program);
  for (size_t i = cgroup_default_device_rule_count; i > 0; i--)
    emit_rule (program, &cgroup_default_device_rules[i - 1]);
  for (size_t i = resources->device_rule_count; i > 0; i--)
    {
      const struct device_rule *rule = &resources->device_rules[i - 1];

      /* "a" always means everything, as in v1's files. What came before it can't matter any more. */
      if (rule->type == 'a')
        {
          emit_verdict (program, rule->allow);
          return;
        }
      emit_rule (program, rule);
    }
  emit_verdict (program, true);
}

static int
load (const struct program *program)
{
  union bpf_attr attr;

  memset (&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uint64_t) (uintptr_t) program->instructions;
  attr.insn_cnt = (uint32_t) program->count;
  attr.license = (uint64_t) (uintptr_t) "Apache-2.0";
  return (int) syscall (SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

/* Takes away what a former cgroup_apply has attached, otherwise both programs would have to agree. */
static int
detach_former (int cgroup_fd)
{
  uint32_t ids[64];
  union bpf_attr query;

  memset (&query, 0, sizeof query);
  query.query.target_fd = (uint32_t) cgroup_fd;
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = (uint64_t) (uintptr_t) ids;
  query.query.prog_cnt = sizeof ids / sizeof ids[0];
  if (syscall (SYS_bpf, BPF_PROG_QUERY, &query, sizeof query) < 0)
    return -1;
  /* The newest is the last; it is the one to keep. */
  for (uint32_t i = 0; i + 1 < query.query.prog_cnt; i++)
    {
      union bpf_attr by_id, detach;
      cleanup_close int fd = -1;

      memset (&by_id, 0, sizeof by_id);
      by_id.prog_id = ids[i];
      fd = (int) syscall (SYS_bpf, BPF_PROG_GET_FD_BY_ID, &by_id, sizeof by_id);
      if (fd < 0)
        return -1;
      memset (&detach, 0, sizeof detach);
      detach.target_fd = (uint32_t) cgroup_fd;
      detach.attach_bpf_fd = (uint32_t) fd;
      detach.attach_type = BPF_CGROUP_DEVICE;
      if (syscall (SYS_bpf, BPF_PROG_DETACH, &detach, sizeof detach) < 0)
        return -1;
    }
  return 0;
}

int
cgroup_v2_apply_devices (const struct cgroup_hierarchy *hierarchy, const struct resources_spec *resources,
                         struct error *err)
{
  struct program program = { NULL, 0 };
  cleanup_close int cgroup_fd = -1, program_fd = -1;
  union bpf_attr attach;

  if (resources->device_rule_count == 0)
    return 0;
  build (&program, resources);
  program_fd = load (&program);
  free (program.instructions);
  if (program_fd < 0)
    return error_set (err, errno, "load the device rules' BPF program");
  cgroup_fd = open (hierarchy->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (cgroup_fd < 0)
    return error_set (err, errno, "open cgroup %s", hierarchy->dir);
  memset (&attach, 0, sizeof attach);
  attach.target_fd = (uint32_t) cgroup_fd;
  attach.attach_bpf_fd = (uint32_t) program_fd;
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  if (syscall (SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach) < 0
      || detach_former (cgroup_fd) < 0)
    return error_set (err, errno, "attach the device rules to cgroup %s", hierarchy->dir);
  return 0;
}
