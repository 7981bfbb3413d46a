/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packed messages that nobody of ours would send: newer ones are understood, wrong ones refused whole. */
#include <string.h>

#include "link/messages.h"

/* A packed message: places, sizes and bytes, as link/packed.h has them on a machine of our kind. */
#define bytes_of(text)                                                                                       \
  g_variant_ref_sink(g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, text, sizeof(text) - 1, 1))

static void
test_unknown_member(void)
{
  g_autoptr(GVariant) payload = bytes_of("\0\4\0\0"
                                         "\2\0\0\0"
                                         "\6\1\0\0"
                                         "n"
                                         "\310\2\0\0"
                                         "xy");
  GwAsk ask;

  g_assert_true(gw_ask_unpack(payload, &ask));
  g_assert_cmpstr(ask.node, ==, "n");
  gw_ask_clear(&ask);
}

static void
refuse_ask(GVariant *refused)
{
  g_autoptr(GVariant) payload = refused;
  GwAsk ask, before;

  memset(&ask, 0x55, sizeof ask);
  before = ask;
  g_assert_false(gw_ask_unpack(payload, &ask));
  g_assert_cmpmem(&ask, sizeof ask, &before, sizeof before);
}

static void
test_refused_payloads(void)
{
#define KIND "\0\4\0\0\2\0\0\0"
  refuse_ask(bytes_of(KIND "\6\1\0\0\377"));              /* a node of no UTF-8 */
  refuse_ask(bytes_of(KIND "\6\2\0\0a\0"));               /* with a NUL in it */
  refuse_ask(bytes_of("\0\3\0\0\2\0\0"));                 /* a kind of three bytes */
  refuse_ask(bytes_of(KIND "\17\3\0\0abc"));              /* no map */
  refuse_ask(bytes_of(KIND "\6\1\0\0a\6\1\0\0b"));        /* two nodes */
  refuse_ask(bytes_of(KIND "\7\1\0\0a\6\1\0\0b"));        /* in falling order */
  refuse_ask(bytes_of(KIND "\6\2\0\0a"));                 /* longer than there is */
  refuse_ask(bytes_of(KIND "\6\1\0"));                    /* half a head */
  refuse_ask(bytes_of("\0\4\0\0\6\0\0\0"));               /* an unknown kind */
  refuse_ask(bytes_of("\6\1\0\0n"));                      /* none */
  refuse_ask(g_variant_ref_sink(g_variant_new_int32(7))); /* no bytes */
#undef KIND
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/packed/unknown-member", test_unknown_member);
  g_test_add_func("/packed/refused", test_refused_payloads);
  return g_test_run();
}
