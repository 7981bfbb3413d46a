/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client against servers that play a script: what it asks, what it believes, when it gives up. */
#include "base/error.h"
#include "script-server.h"
#include "wan/http.h"

#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  GwHttpOptions options;
  GCancellable *stop;
  GByteArray *body;
  guint64 first_offset;
  gsize stop_after; /* the sink says no when it has so much; 0 = never */
  GatewayFetched head;
  GError *error;
} Client;

static Client
client_new(const char *home)
{
  Client client = {
    .options = { .home = g_strdup(home),
                 .patience = { .connect_ms = 5000, .slow_window_ms = 60000, .slow_bytes_per_s = 1024 },
                 .rates = { gw_rate_new(0), gw_rate_new(0) } },
    .stop = g_cancellable_new(),
    .body = g_byte_array_new(),
  };
  return client;
}

static void
client_clear(Client *client)
{
  gw_http_options_clear(&client->options);
  g_clear_object(&client->stop);
  g_clear_pointer(&client->body, g_byte_array_unref);
  g_clear_error(&client->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Client, client_clear)

static bool
sink(void *user, const GatewayFetched *head, const void *data, size_t size)
{
  Client *client = user;

  client->first_offset = head->offset;
  g_byte_array_append(client->body, data, (guint)size);
  return client->stop_after == 0 || client->body->len < client->stop_after;
}

static gboolean
run(Client *client, GatewayFetch fetch)
{
  GwHttp *http;
  gboolean is_done;
  GwHttpSink to = { sink, client };

  g_clear_error(&client->error);
  g_byte_array_set_size(client->body, 0);
  http = gw_http_new(&client->options, &client->error);
  g_assert_no_error(client->error);
  is_done = gw_http_run(http, &fetch, client->stop, &to, &client->head, &client->error);
  gw_http_free(http);
  g_assert_true(is_done == (client->error == NULL));
  return is_done;
}

static char *
write_file(const char *text)
{
  char *path = NULL;
  int fd = g_file_open_tmp("gatewayd-test-XXXXXX", &path, NULL);

  g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
  g_assert_cmpint(close(fd), ==, 0);
  return path;
}

#define SERVER(...)                                                                                          \
  static const ScriptReply replies[] = { __VA_ARGS__ };                                                      \
  g_autoptr(ScriptServer) server = script_server_new(replies, G_N_ELEMENTS(replies));                        \
  g_autofree char *url = script_server_url(server)

#define ASSERT_HAS(text, part) g_assert_nonnull(strstr(text, part))
#define ASSERT_HAS_NOT(text, part) g_assert_null(strstr(text, part))

static void
test_get(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nLast-Modified: Sat, 01 Jan 2022 00:00:00 GMT\r\n"
           "Date: Sat, 01 Jan 2022 00:01:00 GMT\r\n"
           "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nbytes" });
  g_auto(Client) client = client_new(url);
  g_autofree char *request = NULL;

  g_assert_true(run(&client, (GatewayFetch){ .url = url }));
  g_assert_cmpmem(client.body->data, client.body->len, "bytes", 5);
  g_assert_cmpuint(client.head.status, ==, 200);
  g_assert_cmpuint(client.head.total, ==, 5);
  g_assert_cmpstr(client.head.etag, ==, "\"v1\"");
  g_assert_cmpstr(client.head.last_modified, ==, "Sat, 01 Jan 2022 00:00:00 GMT");
  g_assert_cmpstr(client.head.location, ==, "");
  request = script_server_request(server, 0);
  ASSERT_HAS(request, "Accept-Encoding: identity\r\n");
  ASSERT_HAS_NOT(request, "Authorization");
  ASSERT_HAS_NOT(request, "Range");
}

/* RFC 9110 §8.8.2.2 */
static void
test_weak_last_modified(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nLast-Modified: Sat, 01 Jan 2022 00:00:00 GMT\r\n"
           "Date: Sat, 01 Jan 2022 00:00:59 GMT\r\nContent-Length: 0\r\n\r\n" },
         { "HTTP/1.1 200 OK\r\nLast-Modified: Sat, 01 Jan 2022 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n" });
  g_auto(Client) client = client_new(url);

  for (int i = 0; i < 2; i++) {
    g_assert_true(run(&client, (GatewayFetch){ .url = url }));
    g_assert_cmpstr(client.head.last_modified, ==, "");
  }
}

static void
test_conditional(void)
{
  SERVER({ "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n" });
  g_auto(Client) client = client_new(url);
  g_autofree char *first = NULL, *second = NULL;

  g_assert_true(run(&client, (GatewayFetch){ .url = url, .etag = "\"v1\"", .last_modified = "then" }));
  g_assert_cmpuint(client.head.status, ==, 304);
  g_assert_true(run(&client, (GatewayFetch){ .url = url, .last_modified = "then" }));
  first = script_server_request(server, 0);
  second = script_server_request(server, 1);
  ASSERT_HAS(first, "If-None-Match: \"v1\"\r\n");
  ASSERT_HAS(second, "If-Modified-Since: then\r\n");
}

static void
test_credentials(void)
{
  SERVER({ "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n" });
  g_auto(Client) client = client_new(url);
  g_autofree char *token_file = write_file("s3cret-token\n");
  g_autofree char *password_file = write_file("pass:word\n");
  g_autofree char *bearer = NULL, *basic = NULL, *other = NULL;

  client.options.secrets.token_file = g_strdup(token_file);
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_DENIED);
  ASSERT_HAS_NOT(client.error->message, "s3cret");
  g_clear_pointer(&client.options.secrets.token_file, g_free);
  client.options.secrets.password_file = g_strdup(password_file);
  client.options.secrets.user = g_strdup("gate");
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  client.options.home[strlen(client.options.home) - 1] ^= 1; /* another port is another origin */
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  bearer = script_server_request(server, 0);
  basic = script_server_request(server, 1);
  other = script_server_request(server, 2);
  ASSERT_HAS(bearer, "Authorization: Bearer s3cret-token\r\n");
  ASSERT_HAS(basic, "Authorization: Basic Z2F0ZTpwYXNzOndvcmQ=\r\n");
  ASSERT_HAS_NOT(other, "Authorization");
  (void)g_unlink(token_file);
  (void)g_unlink(password_file);
}

static void
test_bad_secret_files(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" });
  g_auto(Client) client = client_new(url);
  g_autofree char *file = write_file("to\x01ken\n");

  client.options.secrets.token_file = g_strdup(file);
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  (void)g_unlink(file);
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_cmpuint(script_server_count(server), ==, 0);
}

/* A redirect to another origin is followed without the credentials, and they do not come back with it. */
static void
test_redirect_drops_credentials(void)
{
  static const ScriptReply end[] = { { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndata" } };
  g_autoptr(ScriptServer) other = script_server_new(end, 1);
  g_autofree char *other_url = script_server_url(other);
  g_autofree char *away = g_strdup_printf(
      "HTTP/1.1 302 Found\r\nLocation: %s/elsewhere?q\r\nContent-Length: 0\r\n\r\n", other_url);
  const ScriptReply replies[] = { { "HTTP/1.1 301 Moved\r\nLocation: next\r\nContent-Length: 0\r\n\r\n" },
                                  { away } };
  g_autoptr(ScriptServer) server = script_server_new(replies, 2);
  g_autofree char *url = script_server_url(server);
  g_auto(Client) client = client_new(url);
  g_autofree char *token_file = write_file("s3cret");
  g_autofree char *first = NULL, *second = NULL, *third = NULL,
                  *final = g_strconcat(other_url, "/elsewhere?q", NULL);

  client.options.secrets.token_file = g_strdup(token_file);
  g_assert_true(run(&client, (GatewayFetch){ .url = url }));
  g_assert_cmpmem(client.body->data, client.body->len, "data", 4);
  g_assert_cmpstr(client.head.location, ==, final);
  first = script_server_request(server, 0);
  second = script_server_request(server, 1);
  third = script_server_request(other, 0);
  ASSERT_HAS(first, "Authorization: Bearer s3cret");
  ASSERT_HAS(second, "GET /next ");
  ASSERT_HAS(second, "Authorization: Bearer s3cret");
  ASSERT_HAS(third, "GET /elsewhere?q ");
  ASSERT_HAS_NOT(third, "s3cret");
  (void)g_unlink(token_file);
}

static void
test_redirect_loop(void)
{
  SERVER({ "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n" });
  g_auto(Client) client = client_new(url);

  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpuint(script_server_count(server), ==, 6);
}

static void
test_resume(void)
{
  SERVER({ "HTTP/1.1 206 Partial Content\r\nETag: \"v1\"\r\nContent-Range: bytes 6-10/11\r\n"
           "Content-Length: 5\r\n\r\nworld" });
  g_auto(Client) client = client_new(url);
  g_autofree char *request = NULL;

  g_assert_true(run(&client, (GatewayFetch){ .url = url, .offset = 6, .validator = "\"v1\"" }));
  g_assert_cmpmem(client.body->data, client.body->len, "world", 5);
  g_assert_cmpuint(client.first_offset, ==, 6);
  g_assert_cmpuint(client.head.total, ==, 11);
  request = script_server_request(server, 0);
  ASSERT_HAS(request, "Range: bytes=6-\r\n");
  ASSERT_HAS(request, "If-Range: \"v1\"\r\n");
}

static void
test_resume_only_under_strong_validator(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nETag: W/\"v1\"\r\nContent-Length: 11\r\n\r\nhello world" });
  g_auto(Client) client = client_new(url);
  g_autofree char *request = NULL;

  g_assert_true(run(&client, (GatewayFetch){ .url = url, .offset = 6, .validator = "W/\"v1\"" }));
  g_assert_cmpmem(client.body->data, client.body->len, "hello world", 11);
  g_assert_cmpuint(client.first_offset, ==, 0);
  request = script_server_request(server, 0);
  ASSERT_HAS_NOT(request, "Range");
}

static void
test_changed_while_resuming(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 11\r\n\r\nHELLO WORLD" });
  g_auto(Client) client = client_new(url);

  g_assert_true(run(&client, (GatewayFetch){ .url = url, .offset = 6, .validator = "\"v1\"" }));
  g_assert_cmpuint(client.first_offset, ==, 0);
  g_assert_cmpstr(client.head.etag, ==, "\"v2\"");
  g_assert_cmpmem(client.body->data, client.body->len, "HELLO WORLD", 11);
}

/* A server that answers with another range than asked for is asked again for everything. */
static void
test_wrong_range(void)
{
  SERVER({ "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/11\r\nContent-Length: 5\r\n\r\nhello" },
         { "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world" });
  g_auto(Client) client = client_new(url);
  g_autofree char *second = NULL;

  g_assert_true(run(&client, (GatewayFetch){ .url = url, .offset = 6, .validator = "\"v1\"" }));
  g_assert_cmpuint(client.first_offset, ==, 0);
  g_assert_cmpmem(client.body->data, client.body->len, "hello world", 11);
  second = script_server_request(server, 1);
  ASSERT_HAS_NOT(second, "Range");
}

static void
test_range_not_satisfiable(void)
{
  SERVER({ "HTTP/1.1 416 No\r\nContent-Range: bytes */3\r\nContent-Length: 0\r\n\r\n" },
         { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew" });
  g_auto(Client) client = client_new(url);

  g_assert_true(run(&client, (GatewayFetch){ .url = url, .offset = 6, .validator = "\"v1\"" }));
  g_assert_cmpmem(client.body->data, client.body->len, "new", 3);
}

static void
test_part_nobody_asked_for(void)
{
  SERVER({ "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/11\r\nContent-Length: 5\r\n\r\nhello" });
  g_auto(Client) client = client_new(url);

  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_cmpuint(client.body->len, ==, 0);
}

static void
test_ends_early(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all" }, { "HTTP/1.1 200 O" });
  g_auto(Client) client = client_new(url);

  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_CORRUPT);
  g_assert_cmpmem(client.body->data, client.body->len, "not all", 7); /* what came is kept for a resume */
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_cmpuint(client.head.status, ==, 0);
}

static void
test_too_large(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n", "0123456789abcdef" },
         { "HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n" });
  g_auto(Client) client = client_new(url);

  g_assert_false(run(&client, (GatewayFetch){ .url = url, .max_size = 1000 }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpuint(client.body->len, ==, 0);
  g_assert_false(run(&client, (GatewayFetch){ .url = url, .max_size = 200000 }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_BAD_INPUT);
  g_assert_cmpuint(client.body->len, <=, 200000);
}

static void
test_slow_body(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", ".", 20 });
  g_auto(Client) client = client_new(url);

  client.options.patience.slow_window_ms = 300;
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_TIMED_OUT);
  ASSERT_HAS(client.error->message, "too slow: under 1024 bytes/s");
  g_assert_cmpuint(client.body->len, >, 0);
}

static void
test_slow_head(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\n", "X: y\r\n", 20 });
  g_auto(Client) client = client_new(url);

  client.options.patience.slow_window_ms = 300;
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_TIMED_OUT);
}

static void
test_endless_head(void)
{
  SERVER(
      { "HTTP/1.1 200 OK\r\n", "X-Endless: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789\r\n" });
  g_auto(Client) client = client_new(url);

  client.options.patience.slow_window_ms = 2000;
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
}

static void
test_silent(void)
{
  SERVER({ NULL });
  g_auto(Client) client = client_new(url);

  client.options.patience.slow_window_ms = 200;
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_TIMED_OUT);
}

/* Nobody completes the connection: the queue of a socket that never accepts is full. */
static void
test_no_connection(void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  int fds[4];
  g_autofree char *url = NULL;
  g_auto(Client) client = client_new("");

  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (i > 0) {
      (void)connect(fds[i], (struct sockaddr *)&address, sizeof address);
      continue;
    }
    g_assert_cmpint(bind(fds[0], (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(fds[0], 0), ==, 0);
    g_assert_cmpint(getsockname(fds[0], (struct sockaddr *)&address, &size), ==, 0);
  }
  url = g_strdup_printf("http://127.0.0.1:%u/", ntohs(address.sin_port));
  client.options.patience.connect_ms = 300;
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_TIMED_OUT);
  ASSERT_HAS(client.error->message, "no connection within 1 s");
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
    g_assert_cmpint(close(fds[i]), ==, 0);
}

static void
test_no_tls(void)
{
  SERVER({ NULL });
  g_auto(Client) client = client_new("");
  g_autofree char *secure = g_strconcat("https", url + strlen("http"), NULL);

  client.options.patience.connect_ms = 300;
  g_assert_false(run(&client, (GatewayFetch){ .url = secure }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_TIMED_OUT);
}

static void
test_nobody_there(void)
{
  g_auto(Client) client = client_new("http://127.0.0.1:1/");

  g_assert_false(run(&client, (GatewayFetch){ .url = "http://127.0.0.1:1/" }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_OFFLINE);
  g_assert_cmpuint(client.head.status, ==, 0);
}

static void
test_retry_after(void)
{
  SERVER({ "HTTP/1.1 429 Slow down\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n" },
         { "HTTP/1.1 503 Busy\r\nDate: Sat, 01 Jan 2022 00:00:00 GMT\r\n"
           "Retry-After: Sat, 01 Jan 2022 00:02:00 GMT\r\nContent-Length: 0\r\n\r\n" },
         { "HTTP/1.1 503 Busy\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n" },
         { "HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n" });
  g_auto(Client) client = client_new(url);

  for (int i = 0; i < 2; i++) {
    g_assert_false(run(&client, (GatewayFetch){ .url = url }));
    g_assert_error(client.error, GW_ERROR, GW_ERROR_BUSY);
    g_assert_cmpuint(client.head.retry_after_s, ==, 120);
  }
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_cmpuint(client.head.retry_after_s, ==, 0);
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_NOT_FOUND);
}

static gpointer
cancel(gpointer stop)
{
  g_cancellable_cancel(stop);
  return NULL;
}

static void
test_stop(void)
{
  SERVER({ "HTTP/1.1 200 OK\r\n\r\n", "data", 1 });
  g_auto(Client) client = client_new(url);
  g_autofree char *request = NULL;
  GThread *thread;

  client.stop_after = 100;
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_STOPPED);
  client.stop_after = 0;
  thread = g_thread_new("cancel", cancel, client.stop);
  g_assert_false(run(&client, (GatewayFetch){ .url = url }));
  g_assert_error(client.error, GW_ERROR, GW_ERROR_STOPPED);
  g_thread_join(thread);
}

/* What the environment says about proxies is not heard; what the configuration says is. */
static void
test_proxy(void)
{
  static const ScriptReply proxied[] = { { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy" } };
  g_autoptr(ScriptServer) proxy = script_server_new(proxied, 1);
  SERVER({ "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ndirect" });
  g_auto(Client) client = client_new(url);
  g_autofree char *request = NULL, *proxy_url = script_server_url(proxy);

  g_assert_true(run(&client, (GatewayFetch){ .url = url }));
  g_assert_cmpmem(client.body->data, client.body->len, "direct", 6);
  client.options.proxy = g_strdup(proxy_url);
  g_assert_true(run(&client, (GatewayFetch){ .url = "http://cloud.example/x" }));
  g_assert_cmpmem(client.body->data, client.body->len, "proxy", 5);
  request = script_server_request(proxy, 0);
  ASSERT_HAS(request, "GET http://cloud.example/x HTTP/1.1\r\n");
}

static void
test_post(void)
{
  SERVER({ "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok" });
  g_auto(Client) client = client_new(url);
  g_autofree char *request = NULL;

  g_assert_true(run(
      &client,
      (GatewayFetch){
          .url = url, .method = "POST", .content_type = "application/json", .body = "{}", .body_size = 2 }));
  g_assert_cmpmem(client.body->data, client.body->len, "ok", 2);
  request = script_server_request(server, 0);
  ASSERT_HAS(request, "POST / HTTP/1.1\r\n");
  ASSERT_HAS(request, "Content-Type: application/json\r\n");
}

int
main(int argc, char *argv[])
{
  (void)g_setenv("http_proxy", "http://127.0.0.1:1", TRUE); /* a proxy that nobody asked for */
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/wan/http/get", test_get);
  g_test_add_func("/wan/http/weak-last-modified", test_weak_last_modified);
  g_test_add_func("/wan/http/conditional", test_conditional);
  g_test_add_func("/wan/http/credentials", test_credentials);
  g_test_add_func("/wan/http/bad-secret-files", test_bad_secret_files);
  g_test_add_func("/wan/http/redirect-drops-credentials", test_redirect_drops_credentials);
  g_test_add_func("/wan/http/redirect-loop", test_redirect_loop);
  g_test_add_func("/wan/http/resume", test_resume);
  g_test_add_func("/wan/http/resume-only-under-strong-validator", test_resume_only_under_strong_validator);
  g_test_add_func("/wan/http/changed-while-resuming", test_changed_while_resuming);
  g_test_add_func("/wan/http/wrong-range", test_wrong_range);
  g_test_add_func("/wan/http/range-not-satisfiable", test_range_not_satisfiable);
  g_test_add_func("/wan/http/part-nobody-asked-for", test_part_nobody_asked_for);
  g_test_add_func("/wan/http/ends-early", test_ends_early);
  g_test_add_func("/promise/U5/too-large", test_too_large);
  g_test_add_func("/promise/U5/endless-head", test_endless_head);
  g_test_add_func("/promise/U6/slow-body", test_slow_body);
  g_test_add_func("/promise/U6/slow-head", test_slow_head);
  g_test_add_func("/promise/U6/silent", test_silent);
  g_test_add_func("/wan/http/no-connection", test_no_connection);
  g_test_add_func("/wan/http/no-tls", test_no_tls);
  g_test_add_func("/wan/http/nobody-there", test_nobody_there);
  g_test_add_func("/wan/http/retry-after", test_retry_after);
  g_test_add_func("/wan/http/stop", test_stop);
  g_test_add_func("/wan/http/proxy", test_proxy);
  g_test_add_func("/wan/http/post", test_post);
  return g_test_run();
}
