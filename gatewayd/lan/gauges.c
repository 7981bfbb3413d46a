/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lan/gauges.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define SIZE (GW_GAUGE_COUNT * sizeof(GwGauge))

struct GwGauges {
  int fd;
  GwGauge *slots;
  guint next; /* where to look first */
};

GwGauges *
gw_gauges_new(GError **error)
{
  GW_AUTO_FD int fd = memfd_create("gauges", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  void *memory = MAP_FAILED;

  if (fd >= 0 && ftruncate(fd, (off_t)SIZE) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
    memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    return gw_fail_errno(error, errno, "cannot make the gauges"), NULL;
  GwGauges *gauges = g_new0(GwGauges, 1);
  gauges->slots = memory;
  gauges->fd = fd;
  fd = -1;
  return gauges;
}

void
gw_gauges_free(GwGauges *gauges)
{
  if (!gauges)
    return;
  (void)munmap(gauges->slots, SIZE);
  gw_close(&gauges->fd);
  g_free(gauges);
}

int
gw_gauges_fd(const GwGauges *gauges)
{
  return gauges->fd;
}

/* A reader takes a slot whose generation was the same before and after it looked. */
int
gw_gauges_take(GwGauges *gauges, const char *token, guint64 size)
{
  for (guint i = 0; i < GW_GAUGE_COUNT; i++) {
    guint slot = (gauges->next + i) % GW_GAUGE_COUNT;
    GwGauge *gauge = &gauges->slots[slot];
    if (__atomic_load_n(&gauge->is_used, __ATOMIC_RELAXED))
      continue;
    __atomic_add_fetch(&gauge->generation, 1, __ATOMIC_RELEASE);
    memset(gauge->token, 0, sizeof gauge->token);
    memcpy(gauge->token, token, strnlen(token, sizeof gauge->token - 1));
    __atomic_store_n(&gauge->acked, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&gauge->size, size, __ATOMIC_RELAXED);
    __atomic_store_n(&gauge->is_used, 1, __ATOMIC_RELEASE);
    gauges->next = slot + 1;
    return (int)slot;
  }
  return -1;
}

void
gw_gauges_set(GwGauges *gauges, int slot, guint64 acked)
{
  if (slot >= 0)
    __atomic_store_n(&gauges->slots[slot].acked, acked, __ATOMIC_RELAXED);
}

void
gw_gauges_give_back(GwGauges *gauges, int slot)
{
  if (slot < 0)
    return;
  __atomic_store_n(&gauges->slots[slot].is_used, 0, __ATOMIC_RELEASE);
  __atomic_add_fetch(&gauges->slots[slot].generation, 1, __ATOMIC_RELEASE);
}
