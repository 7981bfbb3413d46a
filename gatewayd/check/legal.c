/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check/run.h"
#include <link.h>

void
gw_legal_add(GwLegal *legal, const void *start, gsize size)
{
  g_assert(legal->n_ranges < G_N_ELEMENTS(legal->ranges));
  legal->ranges[legal->n_ranges].start = start;
  legal->ranges[legal->n_ranges++].end = (const char *)start + size;
}

typedef struct {
  GwLegal *legal;
  const char *inside;
} Search;

static gboolean
holds(const struct dl_phdr_info *info, const char *address)
{
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const char *start = (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (info->dlpi_phdr[i].p_type == PT_LOAD && address >= start &&
        address < start + info->dlpi_phdr[i].p_memsz)
      return TRUE;
  }
  return FALSE;
}

static int
add_segments(struct dl_phdr_info *info, size_t size, void *user)
{
  Search *search = user;
  if (!holds(info, search->inside))
    return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type == PT_LOAD)
      gw_legal_add(search->legal, (const char *)info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
                   info->dlpi_phdr[i].p_memsz);
  }
  return 1;
}

void
gw_legal_add_object(GwLegal *legal, const void *inside)
{
  dl_iterate_phdr(add_segments, &(Search){ legal, inside });
}

gboolean
gw_legal_has(const GwLegal *legal, GatewayText text)
{
  if (text.size == 0)
    return TRUE;
  for (guint i = 0; i < legal->n_ranges; i++) {
    if (text.data >= legal->ranges[i].start && text.data <= legal->ranges[i].end &&
        text.size <= (size_t)(legal->ranges[i].end - text.data))
      return TRUE;
  }
  return FALSE;
}
