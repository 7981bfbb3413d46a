/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Heads of HTTP requests: what was understood lies within its own bytes and its limits, and no shorter part
 * of it was good already. */
#include <stdint.h>

#include "net/http-head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(const GwHttpHead *head, GwSlice slice)
{
  if (!slice.data || slice.size == 0)
    return;
  g_assert(slice.data >= head->raw.data && slice.data + slice.size <= head->raw.data + head->raw.size);
  for (gsize i = 0; i < slice.size; i++) /* nothing that could begin another line */
    g_assert(slice.data[i] != '\r' && slice.data[i] != '\n' && slice.data[i] != 0);
}

static void
check_head(const GwHttpHead *head)
{
  g_assert(gw_http_method_name(head->method)[0] != '?');
  g_assert(head->n_fields <= GW_HTTP_FIELDS_MAX);
  g_assert(head->raw.size <= GW_HTTP_HEAD_MAX);
  g_assert(head->path.size > 0 && head->path.data[0] == '/');
  g_assert(!head->is_chunked || (!head->has_length && head->minor_version == 1));
  g_assert(head->has_length || head->length == 0);
  g_assert(head->length <= G_MAXINT64);
  check_inside(head, head->target);
  check_inside(head, head->query);
  check_inside(head, head->host);
  check_inside(head, head->range);
  check_inside(head, head->if_range);
  check_inside(head, head->if_none_match);
  for (guint i = 0; i < head->n_fields; i++) {
    g_assert(head->fields[i].name.size > 0);
    check_inside(head, head->fields[i].name);
    check_inside(head, head->fields[i].value);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  GwHttpHead head;
  int used = gw_http_head_parse(data, size, &head);

  g_assert(used >= -505 && used <= GW_HTTP_HEAD_MAX && used <= (int)size);
  if (used <= 0) {
    g_assert(used == 0 || used <= -400);
    return 0;
  }
  check_head(&head);
  for (int part = 0; part < used; part += 1 + used / 64)
    g_assert(gw_http_head_parse(data, (gsize)part, &head) == 0);
  g_assert(gw_http_head_parse(data, (gsize)used, &head) == used);

  g_autofree guint8 *copy = g_memdup2(data, (gsize)used);
  gw_http_head_rebase(&head, copy);
  check_head(&head);
  return 0;
}
