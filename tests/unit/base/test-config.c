/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <string.h>

#include "base/config.h"
#include "base/error.h"

static const GwOption options[] = {
  { "daemon", "name", GW_OPTION_STRING, "site", 0, 0, NULL, "what it is called" },
  { "daemon", "transfers", GW_OPTION_INTEGER, "64", 1, 1000, NULL, "how many at once" },
  { "daemon", "offset", GW_OPTION_INTEGER, NULL, 0, 0, NULL, "any number" },
  { "daemon", "image-max", GW_OPTION_SIZE, "256MiB", 1024, 1 << 30, NULL, "largest image" },
  { "daemon", "backoff", GW_OPTION_DURATION, "1h", 1000, 86400000, NULL, "first wait" },
  { "daemon", "quiet", GW_OPTION_BOOLEAN, "no", 0, 0, NULL, "say less" },
  { "daemon", "listen", GW_OPTION_LIST, "80, 8000", 0, 0, NULL, "ports" },
  { "daemon", "doors", GW_OPTION_LISTEN, NULL, 0, 0, NULL, "where it listens" },
  { "daemon", "mode", GW_OPTION_CHOICE, "auto", 0, 0, "yes|no|auto", "how" },
  { "daemon", "state", GW_OPTION_PATH, NULL, 0, 0, NULL, "where" },
  { "upstream", "url", GW_OPTION_STRING, NULL, 0, 0, NULL, "from where" },
  { NULL, NULL, 0, NULL, 0, 0, NULL, NULL },
};
static const char *const instanced[] = { "upstream", "plugin", NULL };
static const char *const open_kinds[] = { "plugin", NULL };
static const GwConfigSchema schema = { options, instanced, open_kinds };

static GwConfig *
load(const char *text, GError **error)
{
  return gw_config_load_text(&schema, "t.conf", text, strlen(text), error);
}

static void
test_defaults(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConfig) config = gw_config_load(&schema, NULL, &error);
  g_auto(GStrv) list = gw_config_list(config, "daemon", NULL, "listen");
  g_auto(GStrv) instances = gw_config_instances(config, "upstream");

  g_assert_no_error(error);
  g_assert_cmpstr(gw_config_text(config, "daemon", NULL, "name"), ==, "site");
  g_assert_cmpint(gw_config_integer(config, "daemon", NULL, "transfers"), ==, 64);
  g_assert_cmpint(gw_config_integer(config, "daemon", NULL, "offset"), ==, 0);
  g_assert_cmpint(gw_config_size(config, "daemon", NULL, "image-max"), ==, 256 << 20);
  g_assert_cmpint(gw_config_duration_ms(config, "daemon", NULL, "backoff"), ==, 3600000);
  g_assert_false(gw_config_boolean(config, "daemon", NULL, "quiet"));
  g_assert_null(gw_config_text(config, "daemon", NULL, "state"));
  g_assert_cmpstr(gw_config_where(config, "daemon", NULL, "name"), ==, "default");
  g_assert_true(g_strv_equal((const char *const *)list, (const char *const[]){ "80", "8000", NULL }));
  g_assert_cmpuint(g_strv_length(instances), ==, 0);
}

static const char written[] = "# a comment\n"
                              "\n"
                              "[daemon]\r\n"
                              "  name = Z\xc3\xbcrich \\\\ plant\\sone  \n"
                              "transfers=8\n"
                              "offset = -5\n"
                              "image-max=64 KiB\n"
                              "backoff=90s\n"
                              "quiet=on\n"
                              "listen=; 81,,82 ;\n"
                              "mode=yes\n"
                              "state=/var/lib/x=y\n"
                              "[ upstream\tb.1:x_y-z ]\n"
                              "url=https://b/#not-a-comment\n"
                              "[upstream a]\n"
                              "url=\n"
                              "[plugin p]\n"
                              "whatever=15min\n"
                              "[upstream b.1:x_y-z]";

static void
test_values(void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConfig) config = load(written, &error);
  g_auto(GStrv) list = NULL;

  g_assert_no_error(error);
  g_assert_cmpstr(gw_config_text(config, "daemon", NULL, "name"), ==, "Z\xc3\xbcrich \\ plant one");
  g_assert_cmpint(gw_config_integer(config, "daemon", NULL, "transfers"), ==, 8);
  g_assert_cmpint(gw_config_integer(config, "daemon", NULL, "offset"), ==, -5);
  g_assert_cmpint(gw_config_size(config, "daemon", NULL, "image-max"), ==, 65536);
  g_assert_cmpint(gw_config_duration_ms(config, "daemon", NULL, "backoff"), ==, 90000);
  g_assert_true(gw_config_boolean(config, "daemon", NULL, "quiet"));
  g_assert_cmpstr(gw_config_text(config, "daemon", NULL, "state"), ==, "/var/lib/x=y");
  g_assert_cmpstr(gw_config_where(config, "daemon", NULL, "transfers"), ==, "t.conf:5");
  list = gw_config_list(config, "daemon", NULL, "listen");
  g_assert_true(g_strv_equal((const char *const *)list, (const char *const[]){ "81", "82", NULL }));
}

static void
test_instances(void)
{
  g_autoptr(GwConfig) config = load(written, NULL);
  g_auto(GStrv) names = gw_config_instances(config, "upstream");
  g_autoptr(GVariant) section = g_variant_ref_sink(gw_config_section(config, "plugin", "p"));
  g_autoptr(GVariant) none = g_variant_ref_sink(gw_config_section(config, "plugin", "q"));
  const char *value;

  g_assert_true(g_strv_equal((const char *const *)names, (const char *const[]){ "b.1:x_y-z", "a", NULL }));
  g_assert_cmpstr(gw_config_text(config, "upstream", "b.1:x_y-z", "url"), ==, "https://b/#not-a-comment");
  g_assert_cmpstr(gw_config_text(config, "upstream", "a", "url"), ==, "");
  g_assert_null(gw_config_text(config, "upstream", "c", "url"));
  g_assert_cmpuint(g_variant_n_children(section), ==, 1);
  g_assert_true(g_variant_lookup(section, "whatever", "&s", &value));
  g_assert_cmpstr(value, ==, "15min");
  g_assert_cmpuint(g_variant_n_children(none), ==, 0);
  g_assert_cmpint(gw_config_duration_ms(config, "plugin", "p", "whatever"), ==, 900000);
  g_assert_cmpint(gw_config_size(config, "plugin", "p", "whatever"), ==, 0);
  g_assert_null(gw_config_text(config, "plugin", "p", "absent"));
}

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
  const char *text, *message;
} bad[] = {
  { "name=x\n", "1: a key before the first [section]" },
  { "[daemon]\nnonsense\n", "2: expected key=value, [section] or # comment" },
  { "[daemon\n", "1: a section is written [name]" },
  { "[daemon] x\n", "1: a section is written [name]" },
  { "[\n", "1: a section is written [name]" },
  { "[]\n", "1: unknown section []" },
  { "[deamon]\n", "1: unknown section [deamon]; did you mean \"daemon\"?" },
  { "[plugins x]\n", "1: unknown section [plugins]; did you mean \"plugin\"?" },
  { "[zzz]\n", "1: unknown section [zzz]" },
  { "[daemon x]\n", "1: section [daemon] takes no name" },
  { "[upstream]\n", "1: section [upstream] needs a name: [upstream NAME]" },
  { "[upstream ]\n", "1: section [upstream] needs a name: [upstream NAME]" },
  { "[upstream a b]\n", "1: a name in [upstream NAME] is 1 to 64 letters, digits or ._:-" },
  { "[upstream a/b]\n", "1: a name in [upstream NAME] is 1 to 64 letters, digits or ._:-" },
  { "[upstream " A64 "a]\n", "1: a name in [upstream NAME] is 1 to 64 letters, digits or ._:-" },
  { "\n\n[daemon]\n# x\nlisen=80\n", "5: unknown key \"lisen\" in [daemon]; did you mean \"listen\"?" },
  { "[daemon]\nurl=x\n", "2: unknown key \"url\" in [daemon]" },
  { "[upstream a]\nname=x\n", "2: unknown key \"name\" in [upstream]" },
  { "[daemon]\n=x\n", "2: \"\" cannot be a key" },
  { "[plugin p]\na b=x\n", "2: \"a b\" cannot be a key" },
  { "[daemon]\nname[de]=x\n", "2: \"name[de]\" cannot be a key" },
  { "[daemon]\nquiet=yes\nname=x\nquiet=yes\n", "4: \"quiet\" is set already at t.conf:2" },
  { "[daemon]\nname=a\n[upstream a]\n[daemon]\nname=b\n", "5: \"name\" is set already at t.conf:2" },
  { "[daemon]\ntransfers=0\n", "2: transfers=0: expected 1..1000" },
  { "[daemon]\ntransfers=1001\n", "2: transfers=1001: expected 1..1000" },
  { "[daemon]\ntransfers=x\n", "2: transfers=x: expected a number" },
  { "[daemon]\ntransfers=\n", "2: transfers=: expected a number" },
  { "[daemon]\ntransfers=+5\n", "2: transfers=+5: expected a number" },
  { "[daemon]\ntransfers=5 \\s\n", "2: transfers=5  : expected a number" },
  { "[daemon]\noffset=9223372036854775808\n", "2: offset=9223372036854775808: expected a number" },
  { "[daemon]\nimage-max=1023\n", "2: image-max=1023: expected 1024..1073741824 bytes" },
  { "[daemon]\nimage-max=64k\n", "2: image-max=64k: expected a size like 64KiB or 10MB" },
  { "[daemon]\nbackoff=90\n", "2: backoff=90: expected a time with its unit: 500ms, 90s, 15min, 24h, 30d" },
  { "[daemon]\nbackoff=2d\n", "2: backoff=2d: expected 1000..86400000 ms" },
  { "[daemon]\nquiet=maybe\n", "2: quiet=maybe: expected yes or no" },
  { "[daemon]\nmode=never\n", "2: mode=never: expected yes|no|auto" },
  { "[daemon]\nmode=\n", "2: mode=: expected yes|no|auto" },
  { "[daemon]\nmode=yes|no\n", "2: mode=yes|no: expected yes|no|auto" },
#define EXPECTED_LISTEN                                                                                      \
  "expected ADDRESS:PORT, [ADDRESS]:PORT or :PORT, with \"tls:\" in front for TLS, or the name of a line, "  \
  "and not "
  { "[daemon]\ndoors=8000\n", "2: doors=8000: " EXPECTED_LISTEN "\"8000\"" },
  { "[daemon]\ndoors=:80, :x\n", "2: doors=:80, :x: " EXPECTED_LISTEN "\":x\"" },
  { "[daemon]\ndoors=:65536\n", "2: doors=:65536: " EXPECTED_LISTEN "\":65536\"" },
  { "[daemon]\ndoors=tls:roof\n", "2: doors=tls:roof: " EXPECTED_LISTEN "\"tls:roof\"" },
  { "[daemon]\ndoors=192.0.2.1\n", "2: doors=192.0.2.1: " EXPECTED_LISTEN "\"192.0.2.1\"" },
  { "[daemon]\ndoors=fe80::1:80\n", "2: doors=fe80::1:80: " EXPECTED_LISTEN "\"fe80::1:80\"" },
  { "[daemon]\nstate=var\n", "2: state=var: expected a path that begins with /" },
  { "[daemon]\nname=a\\qb\n", "2: unknown escape; known are \\s \\t \\n \\r \\\\" },
  { "[daemon]\nname=a\\\n", "2: unknown escape; known are \\s \\t \\n \\r \\\\" },
  { "[daemon]\nname=\xff\n", "2: not UTF-8 text" },
};

static void
test_refusals(void)
{
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *expected = g_strconcat("t.conf:", bad[i].message, NULL);

    g_assert_null(load(bad[i].text, &error));
    g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
    g_assert_cmpstr(error->message, ==, expected);
  }
}

static void
test_nul(void)
{
  g_autoptr(GError) error = NULL;

  g_assert_null(gw_config_load_text(&schema, "t.conf", "[daemon]\nname=a\0b\n", 18, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpstr(error->message, ==, "t.conf:2: not UTF-8 text");
}

static void
test_endless(void)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = g_strnfill(1024 * 1024 + 1, '\n');

  g_assert_null(load(text, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_BAD_INPUT);
}

typedef struct {
  char *folder, *path, *drop_ins;
} Files;

static void
write_file(const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);

  g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
files_set_up(Files *files, gconstpointer unused)
{
  files->folder = g_dir_make_tmp("gw-config-XXXXXX", NULL);
  files->path = g_build_filename(files->folder, "g.conf", NULL);
  files->drop_ins = g_strconcat(files->path, ".d", NULL);
}

static void
empty_folder(const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name(dir))) {
    g_autofree char *path = g_build_filename(folder, name, NULL);

    g_remove(path);
  }
}

static void
files_tear_down(Files *files, gconstpointer unused)
{
  empty_folder(files->drop_ins);
  empty_folder(files->folder);
  g_assert_cmpint(g_rmdir(files->folder), ==, 0);
  g_free(files->folder);
  g_free(files->path);
  g_free(files->drop_ins);
}

static void
test_drop_ins(Files *files, gconstpointer unused)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GwConfig) config = NULL;
  g_autofree char *where = g_build_filename(files->drop_ins, "20.conf:2", NULL);

  write_file(files->folder, "g.conf", "[daemon]\nname=main\ntransfers=1\n[upstream a]\nurl=1\n");
  g_assert_cmpint(g_mkdir(files->drop_ins, 0700), ==, 0);
  write_file(files->drop_ins, "20.conf", "[daemon]\nname=twenty\n");
  write_file(files->drop_ins, "10.conf", "[daemon]\nname=ten\nquiet=yes\n[upstream b]\nurl=2\n");
  write_file(files->drop_ins, "30.conf~", "[nonsense]\n");
  write_file(files->drop_ins, ".40.conf", "[nonsense]\n");
  config = gw_config_load(&schema, files->path, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(gw_config_text(config, "daemon", NULL, "name"), ==, "twenty");
  g_assert_cmpstr(gw_config_where(config, "daemon", NULL, "name"), ==, where);
  g_assert_cmpint(gw_config_integer(config, "daemon", NULL, "transfers"), ==, 1);
  g_assert_true(gw_config_boolean(config, "daemon", NULL, "quiet"));
  g_assert_cmpstr(gw_config_text(config, "upstream", "b", "url"), ==, "2");
}

static void
test_a_bad_drop_in_is_named(Files *files, gconstpointer unused)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *expected = g_strconcat(files->drop_ins, "/10.conf:3: quiet=x: expected yes or no", NULL);

  write_file(files->folder, "g.conf", "");
  g_assert_cmpint(g_mkdir(files->drop_ins, 0700), ==, 0);
  write_file(files->drop_ins, "10.conf", "[daemon]\n\nquiet=x\n");
  g_assert_null(gw_config_load(&schema, files->path, &error));
  g_assert_cmpstr(error->message, ==, expected);
}

static void
test_no_file(Files *files, gconstpointer unused)
{
  g_autoptr(GError) error = NULL;

  g_assert_null(gw_config_load(&schema, files->path, &error));
  g_assert_error(error, GW_ERROR, GW_ERROR_NOT_FOUND);
}

static void
test_snapshots_do_not_change(Files *files, gconstpointer unused)
{
  g_autoptr(GwConfig) before = NULL, after = NULL;

  write_file(files->folder, "g.conf", "[daemon]\nname=before\n");
  before = gw_config_load(&schema, files->path, NULL);
  write_file(files->folder, "g.conf", "[daemon]\nname=after\n");
  after = gw_config_load(&schema, files->path, NULL);
  g_assert_cmpstr(gw_config_text(before, "daemon", NULL, "name"), ==, "before");
  g_assert_cmpstr(gw_config_text(after, "daemon", NULL, "name"), ==, "after");
}

static void
test_units(void)
{
  static const struct {
    const char *text;
    gint64 bytes, ms; /* -1: refused */
  } cases[] = {
    { "0", 0, 0 },
    { "5", 5, -1 },
    { "5B", 5, -1 },
    { "2KiB", 2048, -1 },
    { "3 MiB", 3 << 20, -1 },
    { "1GiB", 1 << 30, -1 },
    { "1TiB", G_GINT64_CONSTANT(1) << 40, -1 },
    { "2KB", 2000, -1 },
    { "2kB", 2000, -1 },
    { "2MB", 2000000, -1 },
    { "2GB", 2000000000, -1 },
    { "250ms", -1, 250 },
    { "90s", -1, 90000 },
    { "15min", -1, 900000 },
    { "2h", -1, 7200000 },
    { "30d", -1, G_GINT64_CONSTANT(2592000000) },
    { "0s", -1, 0 },
    { "", -1, -1 },
    { "-1s", -1, -1 },
    { "+1s", -1, -1 },
    { " 1s", -1, -1 },
    { "1s ", -1, -1 },
    { "s", -1, -1 },
    { "1m", -1, -1 },
    { "1.5h", -1, -1 },
    { "1h30min", -1, -1 },
    { "9223372036854775807", G_MAXINT64, -1 },
    { "9223372036854775808", -1, -1 },
    { "9007199254740992KiB", -1, -1 },
    { "9223372036854775807d", -1, -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    gint64 bytes = -1, ms = -1;

    g_test_message("\"%s\"", cases[i].text);
    g_assert_cmpint(gw_parse_size(cases[i].text, &bytes), ==, cases[i].bytes >= 0);
    g_assert_cmpint(bytes, ==, cases[i].bytes);
    g_assert_cmpint(gw_parse_duration_ms(cases[i].text, &ms), ==, cases[i].ms >= 0);
    g_assert_cmpint(ms, ==, cases[i].ms);
  }
}

static void
test_booleans(void)
{
  static const char *const yes[] = { "yes", "true", "on", "1" };
  static const char *const no[] = { "no", "false", "off", "0" };
  static const char *const neither[] = { "", "Yes", "y", "2", "yes " };
  gboolean value;

  for (guint i = 0; i < 4; i++) {
    g_assert_true(gw_parse_boolean(yes[i], &value) && value);
    g_assert_true(gw_parse_boolean(no[i], &value) && !value);
  }
  for (guint i = 0; i < G_N_ELEMENTS(neither); i++)
    g_assert_false(gw_parse_boolean(neither[i], &value));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/config/defaults", test_defaults);
  g_test_add_func("/config/values", test_values);
  g_test_add_func("/config/instances", test_instances);
  g_test_add_func("/config/refusals", test_refusals);
  g_test_add_func("/config/nul", test_nul);
  g_test_add_func("/config/endless", test_endless);
  g_test_add_func("/config/units", test_units);
  g_test_add_func("/config/booleans", test_booleans);
#define ADD(path, function) g_test_add(path, Files, NULL, files_set_up, function, files_tear_down)
  ADD("/config/drop-ins", test_drop_ins);
  ADD("/config/a-bad-drop-in-is-named", test_a_bad_drop_in_is_named);
  ADD("/config/no-file", test_no_file);
  ADD("/config/snapshots-do-not-change", test_snapshots_do_not_change);
  return g_test_run();
}
