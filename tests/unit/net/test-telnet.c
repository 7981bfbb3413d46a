/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's side of RFC 2217, byte by byte. */
#include "net/telnet.h"
#include <string.h>

static GwTelnet telnet;
static GByteArray *answer, *data;

static void
begin(guint baud, guint data_bits, char parity, guint stop_bits)
{
  telnet = (GwTelnet){ .line = {
                           .baud = baud, .data_bits = data_bits, .parity = parity, .stop_bits = stop_bits } };
  g_byte_array_set_size(answer, 0);
  g_byte_array_set_size(data, 0);
}

/* In hex, cut into pieces of @piece bytes: what comes must not depend on them. */
static void
hear(const char *hex, gsize piece)
{
  g_autoptr(GByteArray) bytes = g_byte_array_new();
  guint8 out[256];

  for (; *hex; hex += *hex == ' ' ? 1 : 2) {
    guint8 byte = (guint8)(g_ascii_xdigit_value(hex[0]) * 16 + g_ascii_xdigit_value(hex[1]));
    if (*hex != ' ')
      g_byte_array_append(bytes, &byte, 1);
  }
  for (gsize at = 0; at < bytes->len; at += piece) {
    gsize n = gw_telnet_take(&telnet, bytes->data + at, MIN(piece, bytes->len - at), out, answer);
    g_assert_cmpuint(n, <=, piece);
    g_byte_array_append(data, out, (guint)n);
  }
}

static char *
hex_of(const GByteArray *bytes)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < bytes->len; i++)
    g_string_append_printf(text, "%02x", bytes->data[i]);
  return g_string_free(text, FALSE);
}

static void
expect(const char *expected_data, const char *expected_answer)
{
  g_autofree char *got_data = hex_of(data), *got_answer = hex_of(answer);

  g_assert_cmpstr(got_data, ==, expected_data);
  g_assert_cmpstr(got_answer, ==, expected_answer);
}

static void
test_first_words(void)
{
  begin(9600, 8, 'n', 1);
  gw_telnet_begin(answer);
  expect("", "fffb2c"
             "fffb00"
             "fffd00"
             "fffb03"
             "fffd03");
}

/* 65535 baud is none; but its bytes are FF, and must be doubled. */
static void
test_settings(void)
{
  begin(115200, 8, 'n', 1);
  hear("fffd2c", 1);
  expect("", "fffa2c010001c200fff0"
             "fffa2c0208fff0"
             "fffa2c0301fff0"
             "fffa2c0401fff0"
             "fffa2c0501fff0");
  begin(65535, 7, 'e', 2);
  telnet.line.has_hardware_flow = TRUE;
  hear("fffd2c fffd2c", 2); /* once */
  expect("", "fffa2c010000fffffffffff0"
             "fffa2c0207fff0"
             "fffa2c0303fff0"
             "fffa2c0402fff0"
             "fffa2c0503fff0");
}

static void
test_confirmed(void)
{
  for (gsize piece = 1; piece < 40; piece++) {
    begin(9600, 8, 'n', 1);
    hear("fffa2c6500002580fff0 fffa2c6608fff0 fffa2c6701fff0", piece);
    g_assert_false(gw_telnet_is_ready(&telnet));
    hear("41 fffa2c6801fff0 42 fffb00", piece);
    g_assert_false(gw_telnet_is_ready(&telnet)); /* a 0D would come out as two bytes */
    hear("fffd00", piece);
    g_assert_true(gw_telnet_is_ready(&telnet));
    expect("4142", "");
  }
}

static void
test_refused(void)
{
  static const char *const REFUSALS[] = {
    "fffe2c",               /* it does not set lines */
    "fffc00",               /* bytes from the line may be changed */
    "fffe00",               /* bytes towards it */
    "fffa2c6500001c20fff0", /* another speed */
    "fffa2c65258000fff0",   /* half a speed */
    "fffa2c6607fff0",
    "fffa2c6702fff0",
    "fffa2c6802fff0",
  };

  for (guint i = 0; i < G_N_ELEMENTS(REFUSALS); i++) {
    begin(9600, 8, 'n', 1);
    hear(REFUSALS[i], 100);
    g_assert_true(telnet.is_refused);
    g_assert_false(gw_telnet_is_ready(&telnet));
  }
}

/* What it does not know is refused once, what was offered is not answered: nobody answers answers. */
static void
test_options(void)
{
  begin(9600, 8, 'n', 1);
  hear("fffb01 fffb01 fffd18 fffd18 fffb00 fffd00 fffb03 fffd03 fffc03 fffe03", 1);
  expect("", "fffe01"
             "fffc18");
}

static void
test_data(void)
{
  begin(9600, 8, 'n', 1);
  hear("00 ffff 0d0a fff1 0d00 ffff ffff 41", 1);
  expect("00ff0d0a0d00ffff41", "");
  g_byte_array_set_size(answer, 0);
  gw_telnet_escape((const guint8 *)"\xff\x00\xff\xff", 4, answer);
  expect("00ff0d0a0d00ffff41", "ffff00ffffffff");
}

static void
test_flow(void)
{
  begin(9600, 8, 'n', 1);
  hear("fffa2c6cfff0", 1);
  g_assert_true(telnet.is_suspended);
  hear("fffa2c6dfff0", 1);
  g_assert_false(telnet.is_suspended);
}

/* Notices of modem lines, other options' words, and some that never end. */
static void
test_other_words(void)
{
  begin(9600, 8, 'n', 1);
  hear("fffa2c6b30fff0 fffa18005465fff0 fffafff0 fffa2cfff0 fffa2c65000000000000000000000000000000000000fff0 "
       "fffa2c65ffff0000fffffff0 41",
       1);
  g_assert_true(telnet.is_refused); /* the last but one is a speed: ff 00 00 ff */
  expect("41", "");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  answer = g_byte_array_new();
  data = g_byte_array_new();
  g_test_add_func("/net/telnet/first-words", test_first_words);
  g_test_add_func("/net/telnet/settings", test_settings);
  g_test_add_func("/net/telnet/confirmed", test_confirmed);
  g_test_add_func("/net/telnet/refused", test_refused);
  g_test_add_func("/net/telnet/options", test_options);
  g_test_add_func("/net/telnet/data", test_data);
  g_test_add_func("/net/telnet/flow", test_flow);
  g_test_add_func("/net/telnet/other-words", test_other_words);
  int result = g_test_run();
  g_byte_array_unref(answer);
  g_byte_array_unref(data);
  return result;
}
