/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A core that a test leads by the hand: listens for a WAN worker, does what the JSON lines on its standard
 * input say, and writes what the worker says as JSON lines to its standard output. Usage: fake-core SOCKET
 * FOLDER; the bytes of fetch N go to FOLDER/N.
 *
 * Lines in:  {"do": "config", "sections": [["upstream", "NAME", {"key": "value"}], ...]}
 *            {"do": "poll", "name": ""}   {"do": "cancel", "id": 1}   {"do": "drop"}
 *            {"do": "fetch", "id": 1, "upstream": "NAME", "url": "", "base": "", "validator": "", "offset":
 * 0, "size": 1, "take": -1}      take: close the pipe after so many bytes; 0 = never read; -1 = all Lines
 * out: {"event": "listening" | "hello" | "announce" | "found" | "fetched" | "status" | "pipe" | "closed"} */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "link/messages.h"

#define MAX_LINE (4 * 1024 * 1024)

typedef struct {
  GMainLoop *loop;
  const char *folder;
  int listen_fd;
  GwLink *link;
  GHashTable *pipes; /* id -> Pipe */
} Core;

typedef struct {
  Core *core;
  guint64 id;
  int fd, file_fd;
  gint64 take;
  guint64 n_taken, offset;
  guint source;
} Pipe;

static void
say(json_t *event)
{
  char *text = json_dumps(event, JSON_COMPACT);

  (void)puts(text);
  (void)fflush(stdout);
  free(text);
  json_decref(event);
}

/* ---- fetches */

static void
pipe_free(gpointer data)
{
  Pipe *pipe = data;

  g_clear_handle_id(&pipe->source, g_source_remove);
  gw_close(&pipe->fd);
  gw_close(&pipe->file_fd);
  g_free(pipe);
}

/* Takes what the pipe holds now: FALSE at its end, or when enough was taken. */
static gboolean
take_some(Pipe *pipe, gssize *ret_n)
{
  static char buffer[64 * 1024];
  gsize want = pipe->take < 0 ? sizeof buffer : MIN(sizeof buffer, (gsize)pipe->take - pipe->n_taken);
  ssize_t n = read(pipe->fd, buffer, want);

  *ret_n = n;
  if (n < 0)
    return errno == EAGAIN;
  g_assert_cmpint(pwrite(pipe->file_fd, buffer, (gsize)n, (off_t)(pipe->offset + pipe->n_taken)), ==, n);
  pipe->n_taken += (guint64)n;
  return n > 0 && (pipe->take < 0 || pipe->n_taken < (guint64)pipe->take);
}

static void
end_pipe(Pipe *pipe, gboolean is_end)
{
  g_clear_handle_id(&pipe->source, g_source_remove);
  gw_close(&pipe->fd);
  say(json_pack("{s:s,s:I,s:I,s:b}", "event", "pipe", "id", (json_int_t)pipe->id, "bytes",
                (json_int_t)pipe->n_taken, "ended", is_end));
}

static gboolean
on_pipe(int fd, GIOCondition condition, gpointer user)
{
  Pipe *pipe = user;
  gssize n;

  if (take_some(pipe, &n))
    return G_SOURCE_CONTINUE;
  pipe->source = 0;
  end_pipe(pipe, n == 0);
  return G_SOURCE_REMOVE;
}

/* As the contract says: the pipe is read when the head has come, and closed when the fetch has failed. */
static void
follow_fetch(Core *core, const GwFetched *fetched)
{
  Pipe *pipe = g_hash_table_lookup(core->pipes, &fetched->id);
  gssize n = 1;

  if (!pipe || pipe->fd < 0)
    return;
  if (fetched->result == -1) {
    pipe->offset = fetched->is_restarted ? 0 : pipe->offset;
    if (fetched->is_restarted)
      g_assert_cmpint(ftruncate(pipe->file_fd, 0), ==, 0);
    if (pipe->take != 0)
      pipe->source = g_unix_fd_add(pipe->fd, G_IO_IN | G_IO_HUP, on_pipe, pipe);
  } else if (fetched->result > 0) {
    while (take_some(pipe, &n) && n > 0) {
    }
    end_pipe(pipe, FALSE);
  }
}

static void
do_fetch(Core *core, json_t *order)
{
  json_int_t id = 0, offset = 0, size = 0, take = -1;
  GwFetch fetch = { 0 };
  g_autofree char *path = NULL;
  int fds[2];
  Pipe *pipe = g_new0(Pipe, 1);

  g_assert_cmpint(json_unpack(order, "{s:I,s:s,s:s,s:s,s:s,s:I,s:I,s?I}", "id", &id, "upstream",
                              &fetch.upstream, "url", &fetch.url, "base", &fetch.base_url, "validator",
                              &fetch.validator, "offset", &offset, "size", &size, "take", &take),
                  ==, 0);
  fetch.id = (guint64)id;
  fetch.offset = (guint64)offset;
  fetch.expected_size = (guint64)size;
  g_assert_cmpint(pipe2(fds, O_CLOEXEC), ==, 0);
  g_assert_true(g_unix_set_fd_nonblocking(fds[0], TRUE, NULL));
  path = g_strdup_printf("%s/%" G_GUINT64_FORMAT, core->folder, fetch.id);
  *pipe = (Pipe){ core, fetch.id, fds[0],      open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600),
                  take, 0,        fetch.offset };
  g_assert_cmpint(pipe->file_fd, >=, 0);
  g_hash_table_replace(core->pipes, &pipe->id, pipe);
  g_assert_true(gw_link_send(core->link, GW_MESSAGE_FETCH, gw_link_next_serial(core->link),
                             gw_fetch_pack(&fetch), &fds[1], 1));
  g_assert_cmpint(close(fds[1]), ==, 0);
}

/* ---- orders */

static GVariant *
read_values(json_t *values)
{
  GVariantBuilder builder;
  const char *key;
  json_t *value;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a{ss}"));
  json_object_foreach(values, key, value)
      g_variant_builder_add(&builder, "{ss}", key, json_string_value(value));
  return g_variant_builder_end(&builder);
}

static void
do_config(Core *core, json_t *order)
{
  static guint32 epoch;
  json_t *sections = json_object_get(order, "sections"), *row;
  GVariantBuilder builder;
  gsize i;

  g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ssa{ss})"));
  json_array_foreach(sections, i, row)
      g_variant_builder_add(&builder, "(ss@a{ss})", json_string_value(json_array_get(row, 0)),
                            json_string_value(json_array_get(row, 1)), read_values(json_array_get(row, 2)));
  g_assert_true(gw_link_send(core->link, GW_MESSAGE_CONFIG, gw_link_next_serial(core->link),
                             gw_config_pack(++epoch, g_variant_builder_end(&builder)), NULL, 0));
}

static void
obey(Core *core, json_t *order)
{
  const char *verb = json_string_value(json_object_get(order, "do"));

  if (g_str_equal(verb, "config"))
    do_config(core, order);
  else if (g_str_equal(verb, "fetch"))
    do_fetch(core, order);
  else if (g_str_equal(verb, "poll"))
    g_assert_true(gw_link_send(core->link, GW_MESSAGE_POLL, gw_link_next_serial(core->link),
                               gw_poll_pack(json_string_value(json_object_get(order, "name")),
                                            json_is_true(json_object_get(order, "afresh"))),
                               NULL, 0));
  else if (g_str_equal(verb, "cancel"))
    g_assert_true(gw_link_send(core->link, GW_MESSAGE_CANCEL, gw_link_next_serial(core->link),
                               gw_id_pack((guint64)json_integer_value(json_object_get(order, "id"))), NULL,
                               0));
  else if (g_str_equal(verb, "drop"))
    g_clear_pointer(&core->link, gw_link_free);
  else
    g_error("no such order: %s", verb);
}

static gboolean
on_input(GIOChannel *input, GIOCondition condition, gpointer user)
{
  Core *core = user;
  g_autofree char *line = NULL;
  g_autoptr(GError) error = NULL;
  gsize size = 0;
  GIOStatus status = g_io_channel_read_line(input, &line, &size, NULL, &error);

  if (status == G_IO_STATUS_AGAIN)
    return G_SOURCE_CONTINUE;
  if (status != G_IO_STATUS_NORMAL) {
    g_main_loop_quit(core->loop);
    return G_SOURCE_REMOVE;
  }
  g_autoptr(json_t) order = gw_json_parse(line, size, MAX_LINE, &error);
  g_assert_no_error(error);
  obey(core, order);
  return G_SOURCE_CONTINUE;
}

/* ---- what the worker says */

static json_t *
text_of(int fd)
{
  g_autofree char *data = NULL;
  gsize size = 0;

  g_assert_true(gw_fd_read(fd, MAX_LINE, &data, &size, NULL));
  return json_stringn_nocheck(data, size);
}

static void
say_announce(const GwMessage *message)
{
  g_autofree char *upstream = NULL, *base = NULL;
  gboolean is_sealed = TRUE;

  g_assert_true(gw_announce_unpack(message->payload, &upstream, &base));
  for (guint i = 0; i < message->n_fds; i++)
    is_sealed &= (fcntl(message->fds[i], F_GET_SEALS) & F_SEAL_WRITE) != 0;
  say(json_pack("{s:s,s:s,s:s,s:b,s:o,s:o}", "event", "announce", "upstream", upstream, "base", base,
                "sealed", is_sealed, "document", text_of(message->fds[0]), "signature",
                message->n_fds > 1 ? text_of(message->fds[1]) : json_null()));
}

static void
say_found(const GwMessage *message)
{
  g_autofree char *upstream = NULL, *url = NULL, *name = NULL;
  guint64 size = 0;

  g_assert_true(gw_found_unpack(message->payload, &upstream, &url, &name, &size));
  say(json_pack("{s:s,s:s,s:s,s:s,s:I}", "event", "found", "upstream", upstream, "url", url, "name", name,
                "size", (json_int_t)size));
}

static void
say_fetched(Core *core, const GwMessage *message)
{
  GwFetched fetched = { 0 };

  g_assert_true(gw_fetched_unpack(message->payload, &fetched));
  say(json_pack("{s:s,s:I,s:i,s:b,s:s,s:s}", "event", "fetched", "id", (json_int_t)fetched.id, "result",
                fetched.result, "restarted", fetched.is_restarted, "validator", fetched.validator, "text",
                fetched.text));
  follow_fetch(core, &fetched);
  gw_fetched_clear(&fetched);
}

static void
say_status(const GwMessage *message)
{
  g_autofree char *upstream = NULL, *text = NULL;
  gboolean is_well = FALSE;

  g_assert_true(gw_status_unpack(message->payload, &upstream, &is_well, &text));
  say(json_pack("{s:s,s:s,s:b,s:s}", "event", "status", "upstream", upstream, "well", is_well, "text", text));
}

static void
say_hello(const GwMessage *message)
{
  GwHello hello = { 0 };
  json_t *names = json_array();

  g_assert_true(gw_hello_unpack(message->payload, &hello));
  for (gsize i = 0; i < g_variant_n_children(hello.plugins); i++) {
    g_autoptr(GVariant) table = g_variant_get_child_value(hello.plugins, i);
    const char *name = "";

    (void)g_variant_lookup(table, "name", "&s", &name);
    json_array_append_new(names, json_string(name));
  }
  say(json_pack("{s:s,s:s,s:o}", "event", "hello", "role", hello.role, "plugins", names));
  gw_hello_clear(&hello);
}

static void
on_message(GwLink *link, const GwMessage *message, gpointer user)
{
  switch (message->type) {
  case GW_MESSAGE_HELLO:
    say_hello(message);
    break;
  case GW_MESSAGE_ANNOUNCE:
    say_announce(message);
    break;
  case GW_MESSAGE_FOUND:
    say_found(message);
    break;
  case GW_MESSAGE_FETCHED:
    say_fetched(user, message);
    break;
  case GW_MESSAGE_STATUS:
    say_status(message);
    break;
  default:
    g_error("an unexpected %s message", gw_message_name(message->type));
  }
}

static void
on_closed(GwLink *link, const GError *error, gpointer user)
{
  Core *core = user;

  g_clear_pointer(&core->link, gw_link_free);
  say(json_pack("{s:s,s:s?}", "event", "closed", "text", error ? error->message : NULL));
}

static gboolean
on_connection(int fd, GIOCondition condition, gpointer user)
{
  static const GwLinkEvents EVENTS = { on_message, on_closed };
  Core *core = user;
  int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (peer < 0)
    return G_SOURCE_CONTINUE;
  gw_link_free(core->link);
  core->link = gw_link_new(peer, NULL, &EVENTS, core);
  return G_SOURCE_CONTINUE;
}

int
main(int argc, char *argv[])
{
  Core core = { 0 };
  g_autoptr(GError) error = NULL;
  g_autoptr(GIOChannel) input = g_io_channel_unix_new(STDIN_FILENO);

  g_assert_cmpint(argc, ==, 3);
  core.folder = argv[2];
  core.loop = g_main_loop_new(NULL, FALSE);
  core.pipes = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, pipe_free);
  core.listen_fd = gw_link_listen(argv[1], &error);
  g_assert_no_error(error);
  g_unix_fd_add(core.listen_fd, G_IO_IN, on_connection, &core);
  g_io_channel_set_flags(input, G_IO_FLAG_NONBLOCK, NULL);
  g_io_add_watch(input, G_IO_IN | G_IO_HUP, on_input, &core);
  say(json_pack("{s:s}", "event", "listening"));
  g_main_loop_run(core.loop);
  gw_link_free(core.link);
  g_hash_table_unref(core.pipes);
  g_main_loop_unref(core.loop);
  return 0;
}
