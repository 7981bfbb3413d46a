/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tries what the sandboxes of the services forbid, each in a child of its own, and prints "can NAME" or
 * "cannot NAME". Put in the place of a service's program by test_probe.py. Promise K7. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int
try_socket(int family, int type)
{
  return socket(family, type, 0) >= 0;
}

static int
try_packet(void)
{
  return try_socket(AF_PACKET, SOCK_RAW);
}

static int
try_inet(void)
{
  return try_socket(AF_INET, SOCK_STREAM);
}

static int
try_netlink(void)
{
  return try_socket(AF_NETLINK, SOCK_RAW);
}

static int
try_exec(void)
{
  execl("/bin/true", "true", (char *)NULL);
  return 0;
}

/* Attaches to its own child. */
static int
try_ptrace(void)
{
  pid_t child = fork();

  if (child == 0) {
    pause();
    _exit(0);
  }
  int ok = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
  kill(child, SIGKILL);
  return ok;
}

static int
try_writable_code(void)
{
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
         MAP_FAILED;
}

static int
try_code_made_at_run_time(void)
{
  void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  return page != MAP_FAILED && mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static int
try_namespace(void)
{
  return unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER) == 0;
}

static int
try_mount(void)
{
  return mount("tmpfs", "/mnt", "tmpfs", 0, NULL) == 0;
}

static int
can_read(const char *path)
{
  return open(path, O_RDONLY) >= 0;
}

static int
can_make(const char *folder)
{
  char path[128];

  snprintf(path, sizeof path, "%s/probe.%d", folder, (int)getpid());
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd >= 0)
    unlink(path);
  return fd >= 0;
}

static int
try_shadow(void)
{
  return can_read("/etc/shadow");
}

static int
try_configuration(void)
{
  return can_read("/etc/gatewayd/gatewayd.conf");
}

static int
try_secrets(void)
{
  return can_read("/etc/gatewayd/credentials/token") || can_read("/etc/credstore/gatewayd.tls-key");
}

static int
try_database(void)
{
  return can_read("/var/lib/gatewayd/gatewayd.db");
}

static int
try_system_files(void)
{
  return can_make("/etc") || can_make("/usr/lib") || can_make("/run") || can_make("/root") ||
         can_make("/run/gatewayd");
}

static int
try_other_files(void)
{
  return can_make("/tmp") || can_make("/var/tmp") || can_make("/dev/shm");
}

static int
try_own_files(void)
{
  return can_make("/var/lib/gatewayd") && can_make("/var/cache/gatewayd");
}

static int
try_bus(void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/run/dbus/system_bus_socket" };
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

/* The process of another user: PID 1. */
static int
try_processes(void)
{
  return can_read("/proc/1/status");
}

static int
try_signal(void)
{
  return kill(1, 0) == 0;
}

static int
try_realtime(void)
{
  struct sched_param param = { .sched_priority = 1 };

  return sched_setscheduler(0, SCHED_FIFO, &param) == 0;
}

static const struct {
  const char *name;
  int (*try)(void);
} PROBES[] = {
  { "exec", try_exec },
  { "packet-socket", try_packet },
  { "inet-socket", try_inet },
  { "netlink-socket", try_netlink },
  { "ptrace", try_ptrace },
  { "writable-code", try_writable_code },
  { "code-made-at-run-time", try_code_made_at_run_time },
  { "namespace", try_namespace },
  { "mount", try_mount },
  { "shadow", try_shadow },
  { "configuration", try_configuration },
  { "secrets", try_secrets },
  { "database", try_database },
  { "system-files", try_system_files },
  { "other-files", try_other_files },
  { "own-files", try_own_files },
  { "bus", try_bus },
  { "other-processes", try_processes },
  { "signal", try_signal },
  { "realtime", try_realtime },
};

/* A child that was executed ends with 0, one that could with 0, all others differently. */
static int
is_possible(int (*try)(void))
{
  int status = 1;
  pid_t child = fork();

  if (child == 0) {
    alarm(10);
    _exit(try() ? 0 : 1);
  }
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int
main(void)
{
  for (size_t i = 0; i < sizeof PROBES / sizeof *PROBES; i++)
    printf("%s %s\n", is_possible(PROBES[i].try) ? "can" : "cannot", PROBES[i].name);
  return 0;
}
