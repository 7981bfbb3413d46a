/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

static GPtrArray *journal; /* every field of every line sent */

/* Stands before libsystemd's own. */
int
sd_journal_sendv(const struct iovec *parts, int n)
{
  for (int i = 0; i < n; i++)
    g_ptr_array_add(journal, g_strndup(parts[i].iov_base, parts[i].iov_len));
  return 0;
}

typedef struct {
  int memory_fd;
  int stderr_fd;
} Capture;

static void
capture_begin(Capture *capture, gboolean is_journal)
{
  g_autofree char *stream = NULL;
  struct stat st;

  capture->memory_fd = memfd_create("stderr", MFD_CLOEXEC);
  capture->stderr_fd = dup(STDERR_FILENO);
  g_assert_cmpint(dup2(capture->memory_fd, STDERR_FILENO), ==, STDERR_FILENO);
  g_assert_cmpint(fstat(STDERR_FILENO, &st), ==, 0);
  stream = g_strdup_printf("%lu:%lu", (gulong)st.st_dev, (gulong)st.st_ino + !is_journal);
  g_setenv("JOURNAL_STREAM", stream, TRUE);
  gw_log_init("unit-test", LOG_INFO);
}

static char *
capture_end(Capture *capture)
{
  char *text;

  g_assert_cmpint(dup2(capture->stderr_fd, STDERR_FILENO), ==, STDERR_FILENO);
  g_assert_true(gw_fd_read(capture->memory_fd, 1 << 20, &text, NULL, NULL));
  gw_close(&capture->memory_fd);
  gw_close(&capture->stderr_fd);
  return text;
}

static void
test_stderr(void)
{
  g_autofree char *text = NULL;
  Capture capture;

  capture_begin(&capture, FALSE);
  gw_info(GW_SUBJECT_NODE, "02:00:00:00:00:01", "asked %d times", 3);
  gw_warning(GW_SUBJECT_DAEMON, NULL, "started");
  gw_debug(GW_SUBJECT_DAEMON, NULL, "nobody wants to know");
  text = capture_end(&capture);
  g_assert_cmpstr(text, ==,
                  "<6>unit-test: node 02:00:00:00:00:01: asked 3 times\n"
                  "<4>unit-test: daemon: started\n");
}

static gboolean
was_sent(const char *field)
{
  return g_ptr_array_find_with_equal_func(journal, field, g_str_equal, NULL);
}

static void
test_journal(void)
{
  g_autofree char *text = NULL;
  Capture capture;

  journal = g_ptr_array_new_with_free_func(g_free);
  capture_begin(&capture, TRUE);
  gw_log_event(&(GwLogEvent){ .priority = LOG_ERR,
                              .message_id = "0123456789abcdef0123456789abcdef",
                              .subject = GW_SUBJECT_PLUGIN,
                              .id = "example",
                              .text = "held back",
                              .fields = (GwLogField[]){ { "EVENT", "plugin.\nrefused" }, { NULL } } });
  text = capture_end(&capture);
  g_assert_cmpstr(text, ==, "");
  g_assert_cmpuint(journal->len, ==, 8);
  g_assert_true(was_sent("MESSAGE=example: held back"));
  g_assert_true(was_sent("PRIORITY=3"));
  g_assert_true(was_sent("SYSLOG_IDENTIFIER=unit-test"));
  g_assert_true(was_sent("GATEWAYD_SUBJECT=plugin"));
  g_assert_true(was_sent("GATEWAYD_ID=example"));
  g_assert_true(was_sent("GATEWAYD_PLUGIN=example"));
  g_assert_true(was_sent("GATEWAYD_EVENT=plugin.\\x0arefused"));
  g_assert_true(was_sent("MESSAGE_ID=0123456789abcdef0123456789abcdef"));
  g_ptr_array_unref(journal);
}

static void
test_inert(void)
{
  static const struct {
    const char *text, *inert;
  } cases[] = {
    { "plain", "plain" },
    { "Z\xc3\xbcrich", "Z\xc3\xbcrich" },
    { "two\nlines\r\n", "two\\x0alines\\x0d\\x0a" },
    { "\x1b[31mred", "\\x1b[31mred" },
    { "exe.\xe2\x80\xaegpj", "exe.\\u{202e}gpj" },
    { "\xe2\x81\xa6x\xe2\x81\xa9", "\\u{2066}x\\u{2069}" },
    { "zero\xe2\x80\x8bwidth", "zero\\u{200b}width" },
    { "line\xe2\x80\xa8separator", "line\\u{2028}separator" },
    { "\xc2\x85", "\\u{85}" },
    { "bad \xff\xc3", "bad \\xff\\xc3" },
    { "half \xe2\x80", "half \\xe2\\x80" },
    { "del\x7f", "del\\x7f" },
    { "", "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autofree char *inert = gw_log_inert(cases[i].text);

    g_assert_cmpstr(inert, ==, cases[i].inert);
  }
}

static void
test_lines_are_bounded(void)
{
  g_autofree char *huge = g_strnfill(1 << 20, 'x');
  g_autofree char *inert = gw_log_inert(huge);

  g_assert_cmpuint(strlen(inert), <=, 2048);
  g_assert_true(g_str_has_suffix(inert, "x..."));
}

/* Both texts and ids come from peers. */
static void
test_no_line_can_be_forged(void)
{
  g_autofree char *text = NULL;
  Capture capture;

  capture_begin(&capture, FALSE);
  gw_info(GW_SUBJECT_PEER, "a\n<0>b", "%s", "c\n<0>d");
  text = capture_end(&capture);
  g_assert_cmpstr(text, ==, "<6>unit-test: peer a\\x0a<0>b: c\\x0a<0>d\n");
}

static guint
count(const char *text, const char *needle)
{
  guint n = 0;

  for (; (text = strstr(text, needle)); text++)
    n++;
  return n;
}

static void
test_peers_are_limited(void)
{
  g_autofree char *text = NULL;
  GwLogLimit limit = { 0 };
  Capture capture;

  capture_begin(&capture, FALSE);
  for (int i = 0; i < 25; i++)
    gw_log_peer(&limit, LOG_WARNING, GW_SUBJECT_PEER, "10.0.0.1", "first flood");
  limit.window_start_ms -= 59000;
  gw_log_peer(&limit, LOG_WARNING, GW_SUBJECT_PEER, "10.0.0.1", "too early");
  limit.window_start_ms -= 1000;
  gw_log_peer(&limit, LOG_WARNING, GW_SUBJECT_PEER, "10.0.0.1", "after the gap");
  gw_log_peer(&limit, LOG_DEBUG, GW_SUBJECT_PEER, "10.0.0.1", "not asked for");
  text = capture_end(&capture);
  g_assert_cmpuint(count(text, "first flood"), ==, 10);
  g_assert_cmpuint(count(text, "too early"), ==, 0);
  g_assert_cmpuint(count(text, "16 lines like the next were left out"), ==, 1);
  g_assert_cmpuint(count(text, "after the gap"), ==, 1);
  g_assert_cmpuint(count(text, "\n"), ==, 12);
}

static void
test_own_limits(void)
{
  g_autofree char *text = NULL;
  GwLogLimit limit = { .burst = 2, .interval_ms = 1000 };
  Capture capture;

  capture_begin(&capture, FALSE);
  for (int i = 0; i < 5; i++)
    gw_log_peer(&limit, LOG_WARNING, GW_SUBJECT_PEER, NULL, "line");
  limit.window_start_ms -= 1000;
  gw_log_peer(&limit, LOG_WARNING, GW_SUBJECT_PEER, NULL, "line");
  text = capture_end(&capture);
  g_assert_cmpuint(count(text, ": line\n"), ==, 3);
  g_assert_cmpuint(count(text, "3 lines like"), ==, 1);
}

static void
test_every_subject_has_a_name(void)
{
  for (int subject = GW_SUBJECT_DAEMON; subject <= GW_SUBJECT_USER; subject++)
    g_assert_nonnull(gw_subject_name((GwSubject)subject));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/log/stderr", test_stderr);
  g_test_add_func("/log/journal", test_journal);
  g_test_add_func("/log/inert", test_inert);
  g_test_add_func("/log/lines-are-bounded", test_lines_are_bounded);
  g_test_add_func("/log/no-line-can-be-forged", test_no_line_can_be_forged);
  g_test_add_func("/log/peers-are-limited", test_peers_are_limited);
  g_test_add_func("/log/own-limits", test_own_limits);
  g_test_add_func("/log/every-subject-has-a-name", test_every_subject_has_a_name);
  return g_test_run();
}
