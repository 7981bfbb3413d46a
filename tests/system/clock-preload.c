/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded: the wall clock of the process is off by as many nanoseconds as the file CLOCK_OFFSET says (a
 * 64-bit number, which a test changes while the process runs). Every other clock is right. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000

static volatile int64_t *offset_ns;

__attribute__((constructor)) static void
begin(void)
{
  int fd = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
  void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset_ns, PROT_READ, MAP_SHARED, fd, 0);

  if (mapped == MAP_FAILED)
    abort();
  offset_ns = mapped;
  (void)close(fd);
}

int
clock_gettime(clockid_t id, struct timespec *ret_time)
{
  int64_t ns;

  if (syscall(SYS_clock_gettime, id, ret_time) < 0)
    return -1;
  if (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)
    return 0;
  ns = (int64_t)ret_time->tv_sec * NS_PER_S + ret_time->tv_nsec + (offset_ns ? *offset_ns : 0);
  ret_time->tv_sec = ns / NS_PER_S;
  ret_time->tv_nsec = ns % NS_PER_S;
  return 0;
}

int
gettimeofday(struct timeval *ret_time, void *zone)
{
  struct timespec time;

  if (clock_gettime(CLOCK_REALTIME, &time) < 0)
    return -1;
  ret_time->tv_sec = time.tv_sec;
  ret_time->tv_usec = time.tv_nsec / 1000;
  return 0;
}
