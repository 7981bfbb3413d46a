/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "gateway-plugin.h"

#define QUIET_TURNS 60 /* longer than the network takes to look for acknowledgements */

static gint64 clock_ms = 1000000;

gint64
bench_now(void)
{
  return clock_ms;
}

void
bench_tick(void)
{
  clock_ms += GW_WHEEL_TICK_MS;
}

/* ---- the core ---- */

static void
reply_ask(Bench *bench, guint32 serial)
{
  bench->answer.epoch = bench->epoch;
  bench->answer.until_boot_ms = bench->keep_ms ? clock_ms + bench->keep_ms : 0;
  gw_link_send(bench->core, GW_MESSAGE_ANSWER, serial, gw_answer_pack(&bench->answer), NULL, 0);
}

static void
on_ask(Bench *bench, const GwMessage *message)
{
  gw_ask_clear(&bench->ask);
  g_assert_true(gw_ask_unpack(message->payload, &bench->ask));
  bench->n_asks++;
  bench->pending_serial = message->serial;
  if (!bench->is_silent)
    reply_ask(bench, message->serial);
}

static void
on_tell(Bench *bench, const GwMessage *message)
{
  g_assert_cmpuint(bench->n_told, <, BENCH_TOLD_MAX);
  g_assert_true(gw_told_unpack(message->payload, &bench->told[bench->n_told++]));
  bench->pending_serial = message->serial;
  if (bench->is_acking)
    gw_link_send(bench->core, GW_MESSAGE_ACK, message->serial, gw_ack_pack(GATEWAY_ANSWER_ACCEPTED), NULL, 0);
}

static void
on_open(Bench *bench, const GwMessage *message)
{
  GwBlobMessage blob;

  bench->n_opens++;
  g_assert_true(gw_blob_unpack(message->payload, &blob));
  blob.is_busy = bench->is_image_busy;
  blob.size = bench->image_fd >= 0 || bench->is_dropped ? bench->image_size : 0;
  gw_link_send(bench->core, GW_MESSAGE_BLOB, message->serial, gw_blob_pack(&blob), &bench->image_fd,
               bench->image_fd >= 0 ? 1 : 0);
}

static void
on_hello(Bench *bench, const GwMessage *message)
{
  GwHello hello = { .version = GW_LINK_VERSION, .role = (char *)"core" };

  bench->n_hellos++;
  gw_hello_clear(&bench->hello);
  g_assert_true(gw_hello_unpack(message->payload, &bench->hello));
  bench_send(bench, GW_MESSAGE_HELLO, gw_hello_pack(&hello));
  bench_send(bench, GW_MESSAGE_CONFIG, gw_config_pack(1, bench->config));
  bench_send(bench, GW_MESSAGE_INVALIDATE, gw_invalidate_pack(bench->epoch, NULL));
}

static void
on_contacts(Bench *bench, GVariant *payload)
{
  g_autoptr(GArray) contacts = gw_contacts_unpack(payload);

  g_assert_nonnull(contacts);
  for (guint i = 0; i < contacts->len; i++)
    bench->n_contacts += g_array_index(contacts, GwContact, i).count;
}

static void
on_gauges(Bench *bench, const GwMessage *message)
{
  g_assert_cmpuint(message->n_fds, ==, 1);
  if (bench->gauges)
    munmap(bench->gauges, GW_GAUGE_COUNT * sizeof(GwGauge));
  bench->gauges = mmap(NULL, GW_GAUGE_COUNT * sizeof(GwGauge), PROT_READ, MAP_SHARED, message->fds[0], 0);
  g_assert_true(bench->gauges != MAP_FAILED);
}

static void
on_transfers(Bench *bench, GVariant *payload)
{
  g_clear_pointer(&bench->running, g_strfreev);
  g_assert_true(gw_transfers_unpack(payload, &bench->running));
}

/* Deaf, or the cloud's word. */
static void
on_relay(Bench *bench, const GwMessage *message)
{
  gw_relay_ask_clear(&bench->relay);
  g_assert_true(gw_relay_ask_unpack(message->payload, &bench->relay));
  bench->n_relays++;
  if (!bench->is_silent)
    g_assert_true(gw_link_send(bench->core, GW_MESSAGE_RELAYED, message->serial,
                               gw_relay_answer_pack(&bench->relayed), NULL, 0));
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  Bench *bench = user;

  bench->n_messages++;
  if (message->type == GW_MESSAGE_HELLO)
    on_hello(bench, message);
  else if (message->type == GW_MESSAGE_ASK)
    on_ask(bench, message);
  else if (message->type == GW_MESSAGE_TELL)
    on_tell(bench, message);
  else if (message->type == GW_MESSAGE_OPEN)
    on_open(bench, message);
  else if (message->type == GW_MESSAGE_CONTACTS)
    on_contacts(bench, message->payload);
  else if (message->type == GW_MESSAGE_GAUGES)
    on_gauges(bench, message);
  else if (message->type == GW_MESSAGE_TRANSFERS)
    on_transfers(bench, message->payload);
  else if (message->type == GW_MESSAGE_RELAY)
    on_relay(bench, message);
  else
    g_error("the worker sent %s", gw_message_name(message->type));
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  Bench *bench = user;

  g_assert_no_error(error);
  g_clear_pointer(&bench->core, gw_link_free);
}

static const GwLinkEvents events = { on_message, on_closed };

static void
accept_worker(Bench *bench)
{
  int fd = bench->core || bench->listen_fd < 0 ? -1 : accept4(bench->listen_fd, NULL, NULL, SOCK_CLOEXEC);

  if (fd >= 0)
    bench->core = gw_link_new(fd, gw_reactor_context(bench->reactor), &events, bench);
}

void
bench_kill_core(Bench *bench)
{
  g_clear_pointer(&bench->core, gw_link_free);
  gw_close(&bench->listen_fd);
}

void
bench_start_core(Bench *bench)
{
  GError *error = NULL;

  bench->listen_fd = gw_link_listen(bench->link_path, &error);
  g_assert_no_error(error);
  bench_settle(bench);
  bench_pass(bench, 1000);
}

void
bench_send(Bench *bench, GwMessageType type, GVariant *payload)
{
  g_assert_true(gw_link_send(bench->core, type, 0, payload, NULL, 0));
}

/* A plugin that @sections do not name would listen at its own port. */
static gboolean
is_named(GVariant *sections, const char *plugin)
{
  GVariantIter iter;
  const char *section, *name;

  g_variant_iter_init(&iter, sections);
  while (g_variant_iter_next(&iter, "(&s&s@a{ss})", &section, &name, NULL)) {
    if (strcmp(section, "plugin") == 0 && strcmp(name, plugin) == 0)
      return TRUE;
  }
  return FALSE;
}

static GVariant *
complete(const GPtrArray *files, GVariant *sections)
{
  GVariantBuilder builder;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ssa{ss})"));
  for (gsize i = 0; i < g_variant_n_children(sections); i++) {
    g_autoptr(GVariant) section = g_variant_get_child_value(sections, i);
    g_variant_builder_add_value(&builder, section);
  }
  for (guint i = 0; i < files->len; i++) {
    const char *name = ((const GwPluginFile *)files->pdata[i])->name;
    if (!is_named(sections, name) && strcmp(name, "example-line") != 0)
      g_variant_builder_add_parsed(&builder, "('plugin', %s, {'enabled': 'no'})", name);
  }
  return g_variant_builder_end(&builder);
}

void
bench_configure(Bench *bench, const char *config)
{
  g_autoptr(GVariant) sections = g_variant_ref_sink(g_variant_new_parsed(config));

  g_clear_pointer(&bench->config, g_variant_unref);
  bench->config = g_variant_ref_sink(complete(bench->files, sections));
  if (bench->core)
    bench_send(bench, GW_MESSAGE_CONFIG, gw_config_pack(2, bench->config));
}

void
bench_answer_nothing(Bench *bench)
{
  bench->answer = (GwAnswer){
    .kind = GATEWAY_ANSWER_NOTHING, .reason = GATEWAY_REASON_NO_RULE, .node = (char *)"n1", .is_adopted = TRUE
  };
}

void
bench_answer_offer(Bench *bench)
{
  bench->answer = (GwAnswer){ .kind = GATEWAY_ANSWER_OFFER,
                              .node = (char *)"n1",
                              .is_adopted = TRUE,
                              .token = (char *)BENCH_TOKEN,
                              .name = (char *)"f.bin",
                              .software_version = (char *)"2.0.0",
                              .size = bench->image_size,
                              .digests = { .sha256 = { 1, 2, 3 } } };
}

void
bench_answer_bytes(Bench *bench)
{
  bench_answer_offer(bench);
  bench->answer.kind = GATEWAY_ANSWER_BYTES;
}

guint
bench_count_told(const Bench *bench, GwToldKind kind)
{
  guint n = 0;

  for (guint i = 0; i < bench->n_told; i++)
    n += bench->told[i].kind == kind;
  return n;
}

const GwTold *
bench_find_told(const Bench *bench, GwToldKind kind)
{
  for (guint i = 0; i < bench->n_told; i++) {
    if (bench->told[i].kind == kind)
      return &bench->told[i];
  }
  return NULL;
}

guint64
bench_gauge(const Bench *bench, const char *token)
{
  for (guint i = 0; i < GW_GAUGE_COUNT; i++) {
    const GwGauge *gauge = &bench->gauges[i];
    if (gauge->is_used && strcmp(gauge->token, token) == 0)
      return gauge->acked;
  }
  return G_MAXUINT64;
}

/* ---- time ---- */

/* FALSE: nothing came to it. */
static gboolean
client_read(Client *client)
{
  char buffer[65536];
  ssize_t n;

  if (client->is_deaf || client->is_over)
    return FALSE;
  n = read(client->fd, buffer, sizeof buffer);
  /* The kernel would wait 40 real milliseconds with its acknowledgement; our clock does not. */
  (void)setsockopt(client->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){ 1 }, sizeof(int));
  if (n > 0)
    g_string_append_len(client->heard, buffer, n);
  client->was_reset |= n < 0 && errno == ECONNRESET;
  client->is_over |= n == 0 || client->was_reset;
  return n > 0;
}

/* FALSE: nothing came to nodes or core; timers do not count. */
static gboolean
turn(Bench *bench)
{
  guint n_before = bench->n_messages;
  gboolean has_worked = FALSE;

  (void)g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE);
  accept_worker(bench);
  for (guint i = 0; i < bench->clients->len; i++)
    has_worked |= client_read(bench->clients->pdata[i]);
  clock_ms += GW_WHEEL_TICK_MS;
  return has_worked || bench->n_messages != n_before;
}

void
bench_settle(Bench *bench)
{
  for (guint quiet = 0; quiet < QUIET_TURNS;)
    quiet = turn(bench) ? 0 : quiet + 1;
}

void
bench_pass(Bench *bench, gint64 ms)
{
  gint64 end_ms = clock_ms + ms;

  while (clock_ms < end_ms) {
    (void)turn(bench);
    clock_ms += MIN(ms / 50, 200);
  }
  bench_settle(bench);
}

/* ---- nodes ---- */

static void
client_free(gpointer data)
{
  Client *client = data;

  gw_close(&client->fd);
  g_string_free(client->heard, TRUE);
  g_free(client);
}

void
client_close(Client *client)
{
  Bench *bench = client->bench;

  g_ptr_array_remove(bench->clients, client);
  bench_settle(bench);
}

Client *
client_new(Bench *bench, const char *plugin, guint host)
{
  const GwAddress *address = gw_lan_address(bench->lan, plugin);
  Client *client = g_new0(Client, 1);
  struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host) };
  struct sockaddr_storage to;

  g_assert_nonnull(address);
  socklen_t size = gw_address_to_sockaddr(address, &to);
  client->bench = bench;
  client->heard = g_string_new(NULL);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint(bind(client->fd, (struct sockaddr *)&from, sizeof from), ==, 0);
  g_assert_true(connect(client->fd, (struct sockaddr *)&to, size) == 0 || errno == EINPROGRESS);
  g_ptr_array_add(bench->clients, client);
  bench_settle(bench);
  return client;
}

void
client_send(Client *client, const char *text)
{
  g_assert_cmpint(send(client->fd, text, strlen(text), MSG_NOSIGNAL), ==, (ssize_t)strlen(text));
  bench_settle(client->bench);
}

const char *
bench_get(Bench *bench, const char *plugin, const char *path)
{
  static char *reply;
  g_autofree char *request = g_strdup_printf("GET %s HTTP/1.1\r\nHost: gw\r\n\r\n", path);
  Client *client = client_new(bench, plugin, 1);

  client_send(client, request);
  g_free(reply);
  reply = g_strdup(client->heard->str);
  client_close(client);
  return reply;
}

/* ---- life ---- */

void
bench_make_image(Bench *bench, gsize size)
{
  GError *error = NULL;

  g_free(bench->image);
  gw_close(&bench->image_fd);
  bench->image_size = size;
  bench->image = g_malloc(size);
  for (gsize i = 0; i < size; i++)
    bench->image[i] = (char)(i * 31 + i / 251);
  bench->image_fd = gw_memfd_sealed("image", bench->image, size, &error);
  g_assert_no_error(error);
}

void
bench_open(Bench *bench, const char *folders, const char *config)
{
  static guint n_benches;
  GwLoader loader = { .folders = folders, .kinds = 1u << GATEWAY_REQUEST | 1u << GATEWAY_SESSION };
  GError *error = NULL;

  memset(bench, 0, sizeof *bench);
  bench->link_path = g_strdup_printf("@lan-test-%d-%u", getpid(), n_benches++);
  bench->listen_fd = gw_link_listen(bench->link_path, &error);
  g_assert_no_error(error);
  bench->clients = g_ptr_array_new_with_free_func(client_free);
  bench->epoch = 1;
  bench->keep_ms = 60000;
  bench->is_acking = TRUE;
  bench->image_fd = -1;
  bench_make_image(bench, 300000);
  bench_answer_nothing(bench);
  bench->reactor = gw_reactor_new(NULL, &error);
  gw_reactor_set_clock(bench->reactor, bench_now);
  bench->guard = gw_guard_new(memfd_create("notes", MFD_CLOEXEC), clock_ms, &error);
  g_assert_no_error(error);
  bench->files = gw_loader_run(&loader);
  bench_configure(bench, config);
  GwLanSetup setup = {
    .link_path = bench->link_path, .instance = "", .files = bench->files, .guard = bench->guard
  };
  bench->lan = gw_lan_new(bench->reactor, &setup, &error);
  g_assert_no_error(error);
  bench_settle(bench);
  g_assert_true(gw_lan_is_configured(bench->lan));
}

void
bench_close(Bench *bench)
{
  g_ptr_array_unref(bench->clients);
  gw_lan_free(bench->lan);
  gw_link_free(bench->core);
  gw_close(&bench->listen_fd);
  gw_close(&bench->image_fd);
  while (g_main_context_iteration(gw_reactor_context(bench->reactor), FALSE))
    ;
  gw_reactor_free(bench->reactor);
  g_ptr_array_unref(bench->files);
  gw_guard_free(bench->guard);
  gw_hello_clear(&bench->hello);
  gw_relay_ask_clear(&bench->relay);
  gw_ask_clear(&bench->ask);
  for (guint i = 0; i < bench->n_told; i++)
    gw_told_clear(&bench->told[i]);
  if (bench->gauges)
    munmap(bench->gauges, GW_GAUGE_COUNT * sizeof(GwGauge));
  g_strfreev(bench->running);
  g_variant_unref(bench->config);
  g_free(bench->image);
  g_free(bench->link_path);
}
