/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection of the link: a source that reads messages, and a bounded queue of those that the socket did
 * not take yet. */
#include "link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define HEAD_SIZE 8
#define MAX_BATCH 64                               /* messages read or written in one turn */
#define MAX_QUEUED_BYTES ((gsize)16 * 1024 * 1024) /* of all waiting messages */

/* What stands in front of each payload. Both ends are on one machine: its own byte order. */
typedef struct {
  guint8 version, reserved;
  guint16 type;
  guint32 serial;
} Head;
G_STATIC_ASSERT(sizeof(Head) == HEAD_SIZE);

/* A message that waits; its descriptors are our own copies. */
typedef struct {
  Head head;
  GVariant *payload;
  int fds[GW_LINK_MAX_FDS];
  guint n_fds;
} Waiting;

struct GwLink {
  GSource source; /* first: the source is the link */
  int fd;
  gpointer tag;
  GwLinkEvents events;
  gpointer user;
  GQueue queue;
  gsize queued_bytes;
  guint32 last_serial;
  gboolean is_closed; /* nothing is sent any more */
  gboolean is_freed;  /* nothing is told any more */
  guint8 *buffer;     /* GW_LINK_MAX_MESSAGE */
};

/* ---- the messages ---- */

static const struct {
  const char *name, *format;
} messages[] = {
  [GW_MESSAGE_HELLO] = { "hello", "a{sv}" },
  [GW_MESSAGE_CONFIG] = { "config", "(ua(ssa{ss}))" },
  [GW_MESSAGE_ASK] = { "ask", "ay" },
  [GW_MESSAGE_ANSWER] = { "answer", "ay" },
  [GW_MESSAGE_OPEN] = { "open", "a{sv}" },
  [GW_MESSAGE_BLOB] = { "blob", "a{sv}" },
  [GW_MESSAGE_TELL] = { "tell", "ay" },
  [GW_MESSAGE_ACK] = { "ack", "ay" },
  [GW_MESSAGE_CONTACTS] = { "contacts", "a(sssxxui)" },
  [GW_MESSAGE_INVALIDATE] = { "invalidate", "a{sv}" },
  [GW_MESSAGE_WAKE] = { "wake", "a{sv}" },
  [GW_MESSAGE_STOP] = { "stop", "a{sv}" },
  [GW_MESSAGE_GAUGES] = { "gauges", "a{sv}" },
  [GW_MESSAGE_TRANSFERS] = { "transfers", "a{sv}" },
  [GW_MESSAGE_RELAY] = { "relay", "a{sv}" },
  [GW_MESSAGE_RELAYED] = { "relayed", "a{sv}" },
  [GW_MESSAGE_ANNOUNCE] = { "announce", "a{sv}" },
  [GW_MESSAGE_FOUND] = { "found", "a{sv}" },
  [GW_MESSAGE_FETCH] = { "fetch", "a{sv}" },
  [GW_MESSAGE_FETCHED] = { "fetched", "a{sv}" },
  [GW_MESSAGE_POLL] = { "poll", "a{sv}" },
  [GW_MESSAGE_STATUS] = { "status", "a{sv}" },
  [GW_MESSAGE_REPORT] = { "report", "a{sv}" },
  [GW_MESSAGE_REPORTED] = { "reported", "a{sv}" },
  [GW_MESSAGE_CANCEL] = { "cancel", "a{sv}" },
  [GW_MESSAGE_TRUST] = { "trust", "a{sv}" },
  [GW_MESSAGE_PUBLISH] = { "publish", "a{sv}" },
  [GW_MESSAGE_PUBLISHED] = { "published", "a{sv}" },
  [GW_MESSAGE_LEAD] = { "lead", "a{sv}" },
};

const char *
gw_message_format(GwMessageType type)
{
  return (guint)type < G_N_ELEMENTS(messages) ? messages[type].format : NULL;
}

const char *
gw_message_name(GwMessageType type)
{
  const char *name = (guint)type < G_N_ELEMENTS(messages) ? messages[type].name : NULL;

  return name ? name : "unknown";
}

GVariant *
gw_link_parse(const void *data, gsize size, GwMessageType *ret_type, guint32 *ret_serial, GError **error)
{
  const char *format;
  Head head;

  if (size < HEAD_SIZE || size > GW_LINK_MAX_MESSAGE)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a message of %" G_GSIZE_FORMAT " bytes", size), NULL;
  memcpy(&head, data, HEAD_SIZE);
  if (head.version != GW_LINK_VERSION)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a message of link version %u", head.version), NULL;
  format = gw_message_format((GwMessageType)head.type);
  if (!format)
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "a message of unknown type %u", head.type), NULL;

  /* A copy of its own, because GVariant wants it aligned. */
  g_autoptr(GBytes) bytes = g_bytes_new((const guint8 *)data + HEAD_SIZE, size - HEAD_SIZE);
  gboolean is_packed = strcmp(format, "ay") == 0; /* any string of bytes is in normal form */
  g_autoptr(GVariant) payload =
      g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(format), bytes, is_packed));
  if (!g_variant_is_normal_form(payload))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a malformed %s message",
                   gw_message_name((GwMessageType)head.type)),
           NULL;
  *ret_type = (GwMessageType)head.type;
  *ret_serial = head.serial;
  return g_steal_pointer(&payload);
}

/* ---- sending ---- */

static void
close_fds(int *fds, guint n_fds)
{
  for (guint i = 0; i < n_fds; i++)
    gw_close(&fds[i]);
}

static void
message_free(Waiting *message)
{
  close_fds(message->fds, message->n_fds);
  g_variant_unref(message->payload);
  g_free(message);
}

static void
put_fds(struct msghdr *header, const int *fds, guint n_fds)
{
  header->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
  struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
  cmsg->cmsg_level = SOL_SOCKET;
  cmsg->cmsg_type = SCM_RIGHTS;
  cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
  memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
}

/* 0, or the errno. Where the kernel cannot take descriptors on their way any more, the message goes without
 * them: the other side reads that as busy. */
static int
transmit(int fd, const Waiting *message)
{
  gsize size = g_variant_get_size(message->payload);
  struct iovec parts[2] = {
    { (void *)&message->head, HEAD_SIZE },
    { (void *)g_variant_get_data(message->payload), size },
  };
  alignas(struct cmsghdr) char control[CMSG_SPACE(GW_LINK_MAX_FDS * sizeof(int))] = { 0 };
  struct msghdr header = { .msg_iov = parts, .msg_iovlen = size > 0 ? 2 : 1 };

  if (message->n_fds > 0) {
    header.msg_control = control;
    put_fds(&header, message->fds, message->n_fds);
  }
  if (sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
    return 0;
  if (message->n_fds == 0 || (errno != ETOOMANYREFS && errno != EMFILE))
    return errno == ENOBUFS ? EAGAIN : errno;
  header.msg_control = NULL;
  header.msg_controllen = 0;
  return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ? 0 : errno;
}

/* If a copy cannot be made, the message goes without any. */
static void
dup_fds(Waiting *message, const int *fds, guint n_fds)
{
  for (guint i = 0; i < n_fds; i++) {
    message->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
    if (message->fds[i] < 0) {
      close_fds(message->fds, i);
      return;
    }
  }
  message->n_fds = n_fds;
}

static void
watch(GwLink *link)
{
  gboolean is_waiting = link->queue.length > 0 && !link->is_closed;

  g_source_modify_unix_fd(&link->source, link->tag, G_IO_IN | (is_waiting ? G_IO_OUT : 0));
}

static void
enqueue(GwLink *link, const Waiting *message)
{
  Waiting *waiting = g_new0(Waiting, 1);

  waiting->head = message->head;
  waiting->payload = g_variant_ref(message->payload);
  dup_fds(waiting, message->fds, message->n_fds);
  g_queue_push_tail(&link->queue, waiting);
  link->queued_bytes += g_variant_get_size(message->payload);
  watch(link);
}

gboolean
gw_link_send(GwLink *link, GwMessageType type, guint32 serial, GVariant *payload, const int *fds, guint n_fds)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);
  Waiting message = { .head = { GW_LINK_VERSION, 0, (guint16)type, serial },
                      .payload = sunk,
                      .n_fds = n_fds };
  gsize size = g_variant_get_size(sunk);
  int err = EAGAIN;

  g_assert(n_fds <= GW_LINK_MAX_FDS && gw_message_format(type));
  g_assert(g_variant_is_of_type(sunk, G_VARIANT_TYPE(gw_message_format(type))));
  if (link->is_closed || size + HEAD_SIZE > GW_LINK_MAX_MESSAGE)
    return FALSE;
  for (guint i = 0; i < n_fds; i++)
    message.fds[i] = fds[i];
  if (link->queue.length == 0)
    err = transmit(link->fd, &message);
  if (err == 0)
    return TRUE;
  if (err != EAGAIN) {
    link->is_closed = TRUE; /* said by `closed` once what the peer still sent is read */
    return FALSE;
  }
  if (link->queue.length >= GW_LINK_MAX_QUEUE || link->queued_bytes + size > MAX_QUEUED_BYTES)
    return FALSE;
  enqueue(link, &message);
  return TRUE;
}

static void
drop_queue(GwLink *link)
{
  g_queue_clear_full(&link->queue, (GDestroyNotify)message_free);
  link->queued_bytes = 0;
}

static void
flush(GwLink *link)
{
  for (guint i = 0; i < MAX_BATCH && link->queue.length > 0; i++) {
    Waiting *message = g_queue_peek_head(&link->queue);
    int err = transmit(link->fd, message);
    if (err == EAGAIN)
      break;
    link->queued_bytes -= g_variant_get_size(message->payload);
    message_free(g_queue_pop_head(&link->queue));
    if (err != 0) {
      link->is_closed = TRUE;
      drop_queue(link);
    }
  }
  watch(link);
}

/* ---- reading ---- */

static void
end(GwLink *link, const GError *error)
{
  link->is_closed = TRUE;
  drop_queue(link);
  g_source_destroy(&link->source);
  if (!link->is_freed && link->events.closed)
    link->events.closed(link, error, link->user);
}

/* Takes what descriptors came; more than there is room for are closed. */
static guint
take_fds(struct msghdr *header, int fds[GW_LINK_MAX_FDS])
{
  guint n_fds = 0;

  for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
    if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
      continue;
    gsize n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (gsize i = 0; i < n; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof fd);
      if (n_fds < GW_LINK_MAX_FDS)
        fds[n_fds++] = fd;
      else
        (void)close(fd);
    }
  }
  return n_fds;
}

static void
deliver(GwLink *link, gsize size, int *fds, guint n_fds)
{
  g_autoptr(GError) error = NULL;
  GwMessage message = { .fds = fds, .n_fds = n_fds };
  g_autoptr(GVariant) payload = gw_link_parse(link->buffer, size, &message.type, &message.serial, &error);

  message.payload = payload;
  if (payload && link->events.message)
    link->events.message(link, &message, link->user);
  close_fds(fds, n_fds);
  if (error && !g_error_matches(error, GW_ERROR, GW_ERROR_UNSUPPORTED))
    end(link, error);
}

/* One message. FALSE: nothing more for now, or it is over. */
static gboolean
receive(GwLink *link)
{
  struct iovec part = { link->buffer, GW_LINK_MAX_MESSAGE };
  alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))];
  struct msghdr header = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
  };
  int fds[GW_LINK_MAX_FDS] = { -1, -1 };
  ssize_t size = recvmsg(link->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  /* A peer that died with our messages unread leaves a reset in front of its own last ones. */
  if (size < 0)
    return errno == EINTR || errno == ECONNRESET;
  if (size == 0) {
    end(link, NULL);
    return FALSE;
  }
  guint n_fds = take_fds(&header, fds);
  if (header.msg_flags & MSG_CTRUNC) {
    close_fds(fds, n_fds);
    n_fds = 0; /* not one too few: two descriptors may mean something else than one */
  }
  if (header.msg_flags & MSG_TRUNC)
    size = 0;
  deliver(link, (gsize)size, fds, n_fds);
  return !g_source_is_destroyed(&link->source);
}

static gboolean
dispatch(GSource *source, GSourceFunc callback, gpointer user)
{
  GwLink *link = (GwLink *)source;
  GIOCondition ready = g_source_query_unix_fd(source, link->tag);

  if (ready & G_IO_OUT)
    flush(link);
  for (guint i = 0; ready & ~G_IO_OUT && i < MAX_BATCH; i++) {
    if (g_source_is_destroyed(source) || !receive(link))
      break;
  }
  return G_SOURCE_CONTINUE;
}

static void
finalize(GSource *source)
{
  GwLink *link = (GwLink *)source;

  drop_queue(link);
  gw_close(&link->fd);
  g_free(link->buffer);
}

/* ---- life ---- */

GwLink *
gw_link_new(int fd, GMainContext *context, const GwLinkEvents *events, gpointer user)
{
  static GSourceFuncs functions = { .dispatch = dispatch, .finalize = finalize };
  GwLink *link = (GwLink *)g_source_new(&functions, sizeof(GwLink));

  link->fd = fd;
  link->events = *events;
  link->user = user;
  link->is_closed = link->is_freed = FALSE;
  link->last_serial = 0;
  link->queued_bytes = 0;
  link->buffer = g_malloc(GW_LINK_MAX_MESSAGE);
  g_queue_init(&link->queue);
  g_source_set_static_name(&link->source, "link");
  link->tag = g_source_add_unix_fd(&link->source, fd, G_IO_IN);
  g_source_attach(&link->source, context);
  return link;
}

void
gw_link_free(GwLink *link)
{
  if (!link)
    return;
  link->is_freed = link->is_closed = TRUE;
  drop_queue(link);
  g_source_destroy(&link->source);
  g_source_unref(&link->source);
}

guint32
gw_link_next_serial(GwLink *link)
{
  if (++link->last_serial == 0)
    link->last_serial = 1;
  return link->last_serial;
}

gsize
gw_link_queued(const GwLink *link)
{
  return link->queue.length;
}
