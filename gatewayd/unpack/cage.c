/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack/cage.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "model/findings.h"

/* Memory and time cost nobody anything; the descriptors that there are are the job's. */
static const int ALLOWED[] = {
  SCMP_SYS(read),         SCMP_SYS(pread64),         SCMP_SYS(write),
  SCMP_SYS(lseek),        SCMP_SYS(sendmsg),         SCMP_SYS(brk),
  SCMP_SYS(munmap),       SCMP_SYS(mremap),          SCMP_SYS(madvise),
  SCMP_SYS(futex),        SCMP_SYS(clock_gettime),   SCMP_SYS(getrandom),
  SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(exit),
  SCMP_SYS(exit_group),
};
/* Of a descriptor, never of a path. */
static const int LOOKS[] = { SCMP_SYS(fstat), SCMP_SYS(fstat64) };

static gboolean
limit(__rlimit_resource_t what, guint64 soft, guint64 hard, GError **error)
{
  const struct rlimit value = { soft, hard };

  return setrlimit(what, &value) == 0 || gw_fail_errno(error, errno, "cannot set a limit");
}

/* Pages of our address space, in bytes. */
static gboolean
measure(guint64 *ret_size, GError **error)
{
  FILE *file = fopen("/proc/self/statm", "re");
  unsigned long pages = 0;
  int n = file ? fscanf(file, "%lu", &pages) : 0;

  if (file)
    (void)fclose(file);
  if (n != 1)
    return gw_fail(error, GW_ERROR_INTERNAL, "cannot read /proc/self/statm");
  *ret_size = (guint64)pages * (guint64)sysconf(_SC_PAGESIZE);
  return TRUE;
}

static gboolean
set_limits(GError **error)
{
  guint64 base = 0;

  (void)alarm(GW_JOB_WALL_SECONDS);
  return measure(&base, error) && limit(RLIMIT_CORE, 0, 0, error) &&
         limit(RLIMIT_CPU, GW_JOB_CPU_SECONDS, GW_JOB_CPU_SECONDS, error) &&
         limit(RLIMIT_FSIZE, 0, 0, error) && limit(RLIMIT_NOFILE, 0, 0, error) &&
         limit(RLIMIT_AS, base + GW_CAGE_MEMORY, base + GW_CAGE_MEMORY, error);
}

/* Pages that can be written are never code. */
static int
allow_pages(scmp_filter_ctx filter, int call)
{
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static int
add_rules(scmp_filter_ctx filter)
{
  int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);

  for (gsize i = 0; i < G_N_ELEMENTS(ALLOWED) && rc == 0; i++)
    rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, ALLOWED[i], 0);
  for (gsize i = 0; i < G_N_ELEMENTS(LOOKS) && rc == 0; i++)
    (void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, LOOKS[i], 0); /* not every machine has both */
  if (rc == 0)
    rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                          SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
  if (rc == 0)
    rc = allow_pages(filter, SCMP_SYS(mmap));
  return rc == 0 ? allow_pages(filter, SCMP_SYS(mprotect)) : rc;
}

static gboolean
filter_calls(GError **error)
{
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  int rc = filter ? add_rules(filter) : -ENOMEM;

  if (rc == 0)
    rc = seccomp_load(filter);
  if (filter)
    seccomp_release(filter);
  return rc == 0 || gw_fail_errno(error, -rc, "cannot filter system calls");
}

gboolean
gw_cage_enter(GError **error)
{
  (void)prctl(PR_SET_DUMPABLE, 0);
  return set_limits(error) && filter_calls(error);
}
