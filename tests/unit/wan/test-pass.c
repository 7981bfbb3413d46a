/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A node's request, passed on to servers that play a script: what comes back, and whose fault a failure is.
 */
#include "script-server.h"
#include "wan/http.h"

#include <string.h>

/* Asks @url for the only time. */
static gboolean
pass(const char *method, const char *url, GwRelayAnswer *ret_answer)
{
  GwHttpOptions options = { .patience = GW_PATIENCE_DEFAULT };
  g_autoptr(GCancellable) stop = g_cancellable_new();
  g_autoptr(GError) error = NULL;
  g_autoptr(GwHttp) http = gw_http_new(&options, &error);
  GwRelayAsk ask = { .method = (char *)method, .url = (char *)url };
  gboolean is_done;

  g_assert_no_error(error);
  is_done = gw_http_pass(http, &ask, stop, ret_answer, &error);
  g_assert_true(is_done == (error == NULL));
  g_assert_true(is_done == (ret_answer->status > 0));
  return is_done;
}

#define SERVER(...)                                                                                          \
  static const ScriptReply replies[] = { __VA_ARGS__ };                                                      \
  g_autoptr(ScriptServer) server = script_server_new(replies, G_N_ELEMENTS(replies));                        \
  g_autofree char *url = script_server_url(server);                                                          \
  GwRelayAnswer answer = { 0 }

static void
test_no_body_in_spite_of_a_length(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" },
         { "HTTP/1.1 304 Not Modified\r\nContent-Length: 9999999\r\n\r\n" });

  g_assert_true(pass("HEAD", url, &answer));
  g_assert_cmpuint(answer.status, ==, 200);
  g_assert_cmpuint(answer.size, ==, 0);
  gw_relay_answer_clear(&answer);
  g_assert_true(pass("GET", url, &answer));
  g_assert_cmpuint(answer.status, ==, 304);
  g_assert_cmpuint(answer.size, ==, 0);
  gw_relay_answer_clear(&answer);
}

static void
test_whose_fault(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nby" });
  g_autofree char *bad = g_strconcat(url, "/%zz", NULL);
  g_autofree char *digits = g_strnfill(4000, 'x'), *too_long = g_strconcat(url, "/", digits, NULL);
  const char *const faulty[] = { bad, too_long, url };

  for (gsize i = 0; i < G_N_ELEMENTS(faulty); i++) {
    g_assert_false(pass("GET", faulty[i], &answer));
    g_assert_false(answer.is_unreached);
    g_assert_cmpstr(answer.text, !=, "");
    gw_relay_answer_clear(&answer);
  }
  g_assert_false(pass("GET", "http://127.0.0.1:1/", &answer));
  g_assert_true(answer.is_unreached);
  gw_relay_answer_clear(&answer);
}

/* libsoup takes a connection that ends among chunks for the end of the body. */
static void
test_whole_only_if_its_length_was_said(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" }, { "HTTP/1.1 200 OK\r\n\r\nok" },
         { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" });

  for (int i = 0; i < 3; i++) {
    g_assert_true(pass("GET", url, &answer));
    g_assert_cmpmem(answer.body, answer.n_body, "ok", 2);
    g_assert_true(answer.is_whole == (i == 0));
    gw_relay_answer_clear(&answer);
  }
}

int
main(int argc, char *argv[])
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/wan/pass/no-body", test_no_body_in_spite_of_a_length);
  g_test_add_func("/wan/pass/whose-fault", test_whose_fault);
  g_test_add_func("/wan/pass/whole", test_whole_only_if_its_length_was_said);
  return g_test_run();
}
