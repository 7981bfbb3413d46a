/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data plane alone, as a program to be measured: serves the named files through the real handler
 * interface, images
 * (*.bin) as bodies with an observer, everything else as bytes. No policy, no core.
 *
 * serve --port PORT [--tls CERTIFICATE --key KEY] [--pace TOTAL] FILE... */
#include "base/error.h"
#include "base/file.h"
#include "net/http-server.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MEMORY_MAX (16u << 20)

typedef struct {
  char *path; /* "/name" */
  char *bytes;
  gsize size;
  GwBody *body;
} Served;

static GPtrArray *served;
static guint64 n_complete;

static const Served *
find(GwSlice path)
{
  for (guint i = 0; i < served->len; i++) {
    const Served *candidate = served->pdata[i];

    if (gw_slice_equal(path, candidate->path))
      return candidate;
  }
  return NULL;
}

static void
on_done(gpointer user, const GwTransferGauge *gauge, gboolean is_complete)
{
  n_complete += (guint64)is_complete;
}

static void
on_request(GwHttpExchange *exchange, const GwHttpRequest *request, gpointer user)
{
  static const GwTransferObserver observer = { .done = on_done };
  static const GwHttpField octets[] = { { { (const guint8 *)"Content-Type", 12 },
                                          { (const guint8 *)"application/octet-stream", 24 } } };
  static const GwHttpField json[] = { { { (const guint8 *)"Content-Type", 12 },
                                        { (const guint8 *)"application/json", 16 } } };
  const Served *found = find(request->head->path);
  GwHttpReply reply = { .status = 200, .n_fields = 1 };

  if (!found) {
    gw_http_reply_status(exchange, 404);
    return;
  }
  reply.fields = found->body ? octets : json;
  reply.body = found->body;
  reply.bytes = (GwSlice){ (const guint8 *)found->bytes, found->size };
  reply.observer = found->body ? &observer : NULL;
  gw_http_reply(exchange, &reply);
}

/* As the worker does it: small images become sealed memory, large ones are served where they stand. */
static GwBody *
load_body(const char *path, GError **error)
{
  GW_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  g_autofree char *data = NULL;
  g_autofree char *etag = NULL;
  struct stat status;
  gsize size;

  if (fd < 0 || fstat(fd, &status) < 0) {
    gw_fail(error, GW_ERROR_NOT_FOUND, "cannot open %s", path);
    return NULL;
  }
  etag = g_strdup_printf("\"%lx-%lx\"", (long)status.st_mtime, (long)status.st_size);
  if (status.st_size > MEMORY_MAX)
    return gw_body_new_fd(g_steal_fd(&fd), (guint64)status.st_size, etag, error);
  if (!gw_fd_read(fd, MEMORY_MAX, &data, &size, error))
    return NULL;
  return gw_body_new_fd(gw_memfd_sealed("image", data, size, error), size, etag, error);
}

static gboolean
load(const char *path, GError **error)
{
  Served *entry = g_new0(Served, 1);
  g_autofree char *name = g_path_get_basename(path);

  entry->path = g_strconcat("/", name, NULL);
  g_ptr_array_add(served, entry);
  if (!g_str_has_suffix(path, ".bin"))
    return g_file_get_contents(path, &entry->bytes, &entry->size, error);
  entry->body = load_body(path, error);
  return entry->body != NULL;
}

static gboolean
everybody(const GwAddress *address, gpointer user)
{
  return TRUE;
}

static void
raise_descriptor_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static gboolean
run(int port, const char *certificate, const char *key, gint64 pace, GError **error)
{
  const GwGateLimits gate_limits = { .max_total = 60000, .max_per_adopted = 60000, .is_adopted = everybody };
  const GwHttpLimits limits = { .total_bytes_per_s = (guint64)pace, .idle_ms = 600000 };
  const GwHttpHandler handler = { .request = on_request };
  g_autoptr(GwReactor) reactor = gw_reactor_new(NULL, error);
  g_autoptr(GwGate) gate = gw_gate_new(&gate_limits);
  g_autoptr(GwTls) tls = NULL;
  g_autoptr(GwHttpServer) server = NULL;
  GwListen listen_on = { .inherited_fd = -1, .backlog = 4096 };

  if (!reactor || !gw_address_parse("127.0.0.1", (guint16)port, &listen_on.address, error))
    return FALSE;
  if (certificate && !(tls = gw_tls_new(certificate, key, error)))
    return FALSE;
  server = gw_http_server_new(reactor, gate, &limits, &handler, NULL);
  if (!gw_http_server_listen(server, &listen_on, tls, NULL, error))
    return FALSE;
  puts("ready");
  fflush(stdout);
  for (;;)
    g_main_context_iteration(NULL, TRUE);
}

int
main(int argc, char **argv)
{
  int port = 0;
  gint64 pace = 0;
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &port, "port on 127.0.0.1", "PORT" },
    { "tls", 0, 0, G_OPTION_ARG_FILENAME, &certificate, "serve over TLS", "CERTIFICATE" },
    { "key", 0, 0, G_OPTION_ARG_FILENAME, &key, "its key", "KEY" },
    { "pace", 0, 0, G_OPTION_ARG_INT64, &pace, "bytes per second of all transfers", "TOTAL" },
    { NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL },
  };
  g_autoptr(GOptionContext) options = g_option_context_new("FILE...");
  g_autoptr(GError) error = NULL;

  g_option_context_add_main_entries(options, entries, NULL);
  served = g_ptr_array_new();
  raise_descriptor_limit();
  if (g_option_context_parse(options, &argc, &argv, &error)) {
    gboolean is_loaded = TRUE;

    for (int i = 1; i < argc && is_loaded; i++)
      is_loaded = load(argv[i], &error);
    if (is_loaded)
      run(port, certificate, key, pace, &error);
  }
  fprintf(stderr, "serve: %s\n", error->message);
  return 1;
}
