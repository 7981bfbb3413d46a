/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a serial server sends: never more bytes of the line than came, and answers that are bounded. What is
 * escaped comes back as it was. */
#include "net/telnet.h"

#include <stdint.h>
#include <string.h>

#define ANSWER_MAX 2048 /* each option is refused once in each direction, the line is set up once */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autoptr(GByteArray) answer = g_byte_array_new(), escaped = g_byte_array_new();
  g_autofree guint8 *out = g_malloc(size + 1), *again = g_malloc(2 * size + 1);
  GwTelnet telnet = { .line = { .baud = 115200 } }, other = { .line = { .baud = 9600 } };

  gsize n = gw_telnet_take(&telnet, data, size, out, answer);
  g_assert_cmpuint(n, <=, size);
  g_assert_cmpuint(answer->len, <=, ANSWER_MAX);
  gw_telnet_escape(data, size, escaped);
  g_byte_array_set_size(answer, 0);
  g_assert_cmpuint(gw_telnet_take(&other, escaped->data, escaped->len, again, answer), ==, size);
  g_assert_cmpint(memcmp(again, data, size), ==, 0);
  g_assert_cmpuint(answer->len, ==, 0);
  return 0;
}
