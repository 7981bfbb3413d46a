/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names on their way into URLs and back; which files are passed over; when a file is settled. */
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "../../../plugins/upstream/directory/folder.h"
#include "../../../plugins/upstream/directory/listing.h"

#include <fcntl.h>
#include <unistd.h>

static void
test_names(void)
{
  static const struct {
    const char *name, *url;
  } cases[] = {
    { "fw.bin", "fw.bin" },     { "a b#c?d%e/f", "a%20b%23c%3Fd%25e%2Ff" },
    { "\xc3\xa4", "%C3%A4" },   { "", "" },
    { "~a-b_c.d", "~a-b_c.d" },
  };
  char text[64];

  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_assert_true(folder_encode(cases[i].name, text, sizeof text));
    g_assert_cmpstr(text, ==, cases[i].url);
    g_assert_true(folder_decode(cases[i].url, strlen(cases[i].url), text, sizeof text));
    g_assert_cmpstr(text, ==, cases[i].name);
  }
}

static void
test_bad_names(void)
{
  static const char *const BAD[] = { "%", "%4", "%zz", "%00", "a%0", "a%00b" };
  char text[8];

  for (gsize i = 0; i < G_N_ELEMENTS(BAD); i++)
    g_assert_false(folder_decode(BAD[i], strlen(BAD[i]), text, sizeof text));
  g_assert_true(folder_decode("1234567", 7, text, sizeof text));
  g_assert_false(folder_decode("12345678", 8, text, sizeof text));
  g_assert_true(folder_encode("1234", text, sizeof text));
  g_assert_false(folder_encode("12345678", text, sizeof text));
  g_assert_false(folder_encode("   ", text, sizeof text));
}

static void
test_temporary(void)
{
  static const char *const YES[] = {
    ".x", "~$x", "x~", "x.part", "x.PART", "x.tmp", "x.crdownload", "x.swp"
  };
  static const char *const NO[] = { "x", "x.bin", "part", "x.part.bin", "tmp.bin" };

  for (gsize i = 0; i < G_N_ELEMENTS(YES); i++)
    g_assert_true(folder_is_temporary(YES[i]));
  for (gsize i = 0; i < G_N_ELEMENTS(NO); i++)
    g_assert_false(folder_is_temporary(NO[i]));
}

static void
put(const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);

  g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
drop(const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);

  g_assert_cmpint(g_unlink(path), ==, 0);
}

/* Time is an argument: no test of this waits. */
static void
test_settling(void)
{
  g_autofree Listing *listing = g_new0(Listing, 1);
  g_autofree char *folder = g_dir_make_tmp("gatewayd-test-XXXXXX", NULL);
  int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Listed *file;

  put(folder, "fw.bin", "one");
  g_assert_true(listing_scan(listing, dir_fd, 1000));
  file = listing_find(listing, "fw.bin");
  g_assert_nonnull(file);
  g_assert_false(listing_is_settled(file, 5999, 5000));
  g_assert_true(listing_is_settled(file, 6000, 5000));
  put(folder, "fw.bin", "other");
  g_assert_true(listing_scan(listing, dir_fd, 7000));
  g_assert_false(listing_is_settled(file, 7000, 5000));
  listing_note_writing(listing, "fw.bin", true);
  g_assert_false(listing_is_settled(file, 99000, 5000));
  listing_note_writing(listing, NULL, false);
  g_assert_true(listing_is_settled(file, 99000, 5000));
  file->is_told = true;
  drop(folder, "fw.bin");
  g_assert_true(listing_scan(listing, dir_fd, 99000));
  g_assert_null(listing_find(listing, "fw.bin"));
  g_assert_false(listing_is_settled(file, 199000, 5000));
  listing_clear(listing);
  (void)close(dir_fd);
  g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/directory/names", test_names);
  g_test_add_func("/directory/bad-names", test_bad_names);
  g_test_add_func("/directory/temporary", test_temporary);
  g_test_add_func("/directory/settling", test_settling);
  return g_test_run();
}
