/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"
#include "model/findings.h"

#include <string.h>

static GwFindings *
three(void)
{
  GwFindings *findings = gw_findings_new();
  GwMember *itself = gw_member_new("", 9);

  g_hash_table_replace(itself->facts, g_strdup("chip"), g_strdup("x1"));
  g_ptr_array_add(findings->members, itself);
  g_ptr_array_add(findings->members, gw_member_new("a.bin", 1));
  g_ptr_array_add(findings->members, gw_member_new("sub/b.bin", 2));
  return findings;
}

static gboolean
round_trip(const GwFindings *findings, GwSays *ret_says)
{
  g_autoptr(GVariant) said = g_variant_ref_sink(gw_says_findings(findings));

  return gw_says_unpack(g_variant_get_data(said), g_variant_get_size(said), ret_says, NULL);
}

static void
test_round_trip(void)
{
  g_autoptr(GwFindings) findings = three();
  g_auto(GwSays) says = { 0 };

  g_assert_true(round_trip(findings, &says));
  g_assert_cmpuint(says.findings->members->len, ==, 3);
  const GwMember *itself = gw_findings_itself(says.findings);
  g_assert_cmpuint(itself->size, ==, 9);
  g_assert_cmpstr(g_hash_table_lookup(itself->facts, "chip"), ==, "x1");
}

static void
test_job(void)
{
  const GwJob job = { .file_name = (char *)"a", .member = 7, .max_size = 8 };
  g_autoptr(GVariant) packed = g_variant_ref_sink(gw_job_pack(&job));
  g_auto(GwJob) read = { 0 };

  g_assert_true(gw_job_unpack(g_variant_get_data(packed), g_variant_get_size(packed), &read, NULL));
  g_assert_cmpstr(read.file_name, ==, "a");
  g_assert_cmpuint(read.member, ==, 7);
  g_assert_cmpuint(read.max_size, ==, 8);
  g_assert_false(gw_job_unpack("x", 1, &read, NULL));
}

static void
assert_choice(const char *glob, int code, guint expected, const char *words)
{
  g_autoptr(GwFindings) findings = three();
  g_autoptr(GError) error = NULL;
  guint32 index = G_MAXUINT32;
  gboolean is_found = gw_findings_choose(findings, glob, &index, &error);

  g_assert_true(is_found == (code == 0));
  if (is_found)
    g_assert_cmpuint(index, ==, expected);
  else
    g_assert_error(error, GW_ERROR, code);
  g_assert_true(is_found || strstr(error->message, words));
}

static void
test_choose(void)
{
  g_autoptr(GwFindings) nothing = gw_findings_new();
  guint32 index;

  assert_choice("a.bin", 0, 1, "");
  assert_choice("b.bin", 0, 2, "");
  assert_choice("sub/*", 0, 2, "");
  assert_choice("*", GW_ERROR_BAD_INPUT, 0, "choose one of: a.bin, sub/b.bin");
  assert_choice("*.hex", GW_ERROR_NOT_FOUND, 0, "it holds: a.bin, sub/b.bin");
  g_assert_false(gw_findings_choose(nothing, "*", &index, NULL));
}

static void
test_names(void)
{
  static const char *const BAD[] = { "", "/a", "../a", "a/../b", "a/..", "a\\b", "a\nb", "\x1b[2J", "\xff" };
  static const char *const GOOD[] = { "a", "a/b", "..a", "a..", "b\xc3\xb6se.bin", "a b" };
  g_autofree char *long_name = g_strnfill(GW_MEMBER_NAME_MAX + 1, 'a');

  for (gsize i = 0; i < G_N_ELEMENTS(BAD); i++)
    g_assert_false(gw_member_name_check(BAD[i], NULL));
  for (gsize i = 0; i < G_N_ELEMENTS(GOOD); i++)
    g_assert_true(gw_member_name_check(GOOD[i], NULL));
  g_assert_false(gw_member_name_check(long_name, NULL));
}

/* The program may have been taken over. */
static void
test_lies(void)
{
  g_autoptr(GwFindings) name = three(), many = three(), facts = three(), refusal = three();
  g_auto(GwSays) says = { 0 };

  g_ptr_array_add(name->members, gw_member_new("../a", 1));
  g_assert_false(round_trip(name, &says));
  for (guint i = 0; i < GW_MEMBERS_MAX; i++)
    g_ptr_array_add(many->members, gw_member_new("a", 1));
  g_assert_false(round_trip(many, &says));
  GwMember *member = facts->members->pdata[0];
  g_hash_table_replace(member->facts, g_strdup("chip"), g_strdup("x\ny"));
  g_assert_false(round_trip(facts, &says));
  g_free(refusal->refusal);
  refusal->refusal = g_strdup("line\nline");
  g_assert_false(round_trip(refusal, &says));
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/findings/round-trip", test_round_trip);
  g_test_add_func("/findings/job", test_job);
  g_test_add_func("/findings/choose", test_choose);
  g_test_add_func("/findings/names", test_names);
  g_test_add_func("/promise/K9/lies", test_lies);
  return g_test_run();
}
