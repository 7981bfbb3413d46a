/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole FTP session under a model of its host. Whatever the client sends and whenever answers and data
 * channels come: replies are well-formed, one for each command and in order; nothing is asked or sent before
 * the login; data goes to the client's own address only; 226 follows the last acknowledgement. Input: the
 * client's address, LF, "a" (active=yes) or "p", LF, then an event a line, as in run_event(). */
#include "gateway-plugin.h"
#include <glib.h>

#define SCRATCH_SIZE 16384
#define PASSWORD "s3cret"
#define ALL_RECEIVED "226 All of it was received.\r\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef enum { CHANNEL_NONE, CHANNEL_AWAITED, CHANNEL_OPEN, CHANNEL_STREAMING } Channel;

typedef struct {
  GatewaySettings settings; /* first: is the settings */
  gboolean is_active;
  guint64 state[512];
  char peer[80];
  GatewayEventKind event;
  gboolean has_ask, is_logged_in, may_stream, is_closed, was_streaming;
  GatewayAskKind ask;
  guint64 size; /* of the image that may be streamed */
  Channel channel;
  guint n_commands, n_replies; /* the greeting is one of each */
} Session;

static const char *
setting_text(const GatewaySettings *settings, const char *key)
{
  return strcmp(key, "external-address") == 0 ? "198.51.100.7" : "";
}

static bool
setting_flag(const GatewaySettings *settings, const char *key)
{
  return ((const Session *)(const void *)settings)->is_active;
}

/* ---- what comes out ---- */

static gboolean
is_line_of_features(const char *line)
{
  return line[0] == ' ' || g_str_has_prefix(line, "211-");
}

static void
check_reply(Session *session, const char *line, gsize size)
{
  g_assert(size >= 4 && size <= 128);
  for (gsize i = 0; i < size; i++)
    g_assert(g_ascii_isprint(line[i]));
  if (is_line_of_features(line))
    return;
  g_assert(line[0] >= '1' && line[0] <= '5' && g_ascii_isdigit(line[1]) && g_ascii_isdigit(line[2]) &&
           line[3] == ' ');
  session->n_replies += line[0] != '1';
  if (g_str_has_prefix(line, "331 ") || g_str_has_prefix(line, "530 The login"))
    session->is_logged_in = FALSE;
  if (line[0] < '4' && line[0] != '3' && !session->is_logged_in)
    g_assert(g_str_has_prefix(line, "220 ") || g_str_has_prefix(line, "221 "));
  if (line[0] == '3' && !session->is_logged_in)
    g_assert(g_str_has_prefix(line, "331 "));
  if (strncmp(line, ALL_RECEIVED, size) == 0)
    g_assert(session->event == GATEWAY_EVENT_DATA_DRAINED && session->was_streaming);
}

static void
check_send(Session *session, GatewayText text)
{
  const char *at = text.data, *end = text.data + text.size;

  g_assert(text.size > 0);
  while (at < end) {
    const char *line_end = memmem(at, (gsize)(end - at), "\r\n", 2);
    g_assert_nonnull(line_end);
    check_reply(session, at, (gsize)(line_end - at));
    at = line_end + 2;
  }
}

static void
check_ask(Session *session, const GatewayAsk *ask)
{
  g_assert(!session->has_ask && ask->identity == GATEWAY_IDENTITY_CREDENTIAL);
  g_assert(ask->node.size > 0 && ask->node.size <= 64 && ask->credential.size > 0);
  g_assert((ask->kind == GATEWAY_ASK_INTRODUCE) == !session->is_logged_in);
  if (ask->kind == GATEWAY_ASK_BYTES)
    g_assert_cmpuint(ask->image_name.size, ==, 7);
  else
    g_assert(ask->kind == GATEWAY_ASK_OFFER || ask->kind == GATEWAY_ASK_INTRODUCE ||
             (ask->kind == GATEWAY_ASK_TELL && ask->detail.size > 0));
  session->has_ask = TRUE;
  session->ask = ask->kind;
  session->may_stream = FALSE;
}

static void
check_data(Session *session, const GatewayAction *action)
{
  g_assert(session->is_logged_in && session->channel == CHANNEL_NONE);
  if (action->text.size > 0) {
    g_assert(session->is_active && action->number >= 1024 && action->number <= 65535);
    g_assert_cmpmem(action->text.data, action->text.size, session->peer, strlen(session->peer));
  }
  session->channel = CHANNEL_AWAITED;
}

static void
check_stream(Session *session, const GatewayAction *action)
{
  g_assert(session->is_logged_in && session->channel == CHANNEL_OPEN && action->is_data);
  if (!action->is_text)
    g_assert(session->may_stream && action->number < session->size && action->count == 0);
  session->channel = CHANNEL_STREAMING;
  session->may_stream = FALSE;
}

/* What the host may answer at once must be the last thing of its step. */
static void
check_action(Session *session, const GatewayAction *action, gboolean is_last)
{
  g_assert(!session->is_closed);
  switch (action->kind) {
  case GATEWAY_ACTION_SEND:
    check_send(session, action->text);
    return;
  case GATEWAY_ACTION_ASK:
    g_assert_true(is_last);
    check_ask(session, action->ask);
    return;
  case GATEWAY_ACTION_DATA:
    g_assert_true(is_last);
    check_data(session, action);
    return;
  case GATEWAY_ACTION_STREAM:
    g_assert_true(is_last);
    check_stream(session, action);
    return;
  case GATEWAY_ACTION_DATA_CLOSE:
    g_assert_cmpint(session->channel, !=, CHANNEL_NONE);
    session->channel = CHANNEL_NONE;
    return;
  case GATEWAY_ACTION_ARM:
    g_assert(action->number < 2 && action->count > 0);
    return;
  case GATEWAY_ACTION_CLOSE:
    session->is_closed = TRUE;
    return;
  default:
    g_assert_cmpint(action->kind, ==, GATEWAY_ACTION_MODE);
  }
}

static gboolean
is_busy(const Session *session)
{
  return session->has_ask || session->channel == CHANNEL_AWAITED || session->channel == CHANNEL_STREAMING;
}

static void
step(Session *session, GatewayEvent *event)
{
  const GatewaySessionFunctions *functions = gateway_plugin.functions;
  char memory[SCRATCH_SIZE];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAction actions[GATEWAY_MAX_ACTIONS] = { 0 };

  event->size = sizeof *event;
  session->event = event->kind;
  uint32_t n = functions->step(&session->settings, session->state, event, &scratch, actions);
  g_assert(n < GATEWAY_MAX_ACTIONS && !scratch.is_full);
  for (uint32_t i = 0; i < n; i++)
    check_action(session, &actions[i], i == n - 1);
  if (!session->is_closed && !is_busy(session))
    g_assert_cmpuint(session->n_replies, ==, session->n_commands);
}

/* ---- what goes in ---- */

static void
happen(Session *session, GatewayEventKind kind)
{
  step(session, &(GatewayEvent){ .kind = kind });
}

static void
send_line(Session *session, GatewayText line)
{
  session->n_commands++;
  step(session, &(GatewayEvent){ .kind = GATEWAY_EVENT_LINE, .text = line });
}

/* "KNAME,VERSION,SIZE": K is the first letter of the answer's kind. */
static void
answer(Session *session, GatewayText text)
{
  static const char KINDS[] = "?nobaculdro";
  g_autofree char *copy = g_strndup(text.size ? text.data : "", text.size);
  const char *kind = *copy ? strchr(KINDS + 1, *copy) : NULL;
  g_auto(GStrv) parts = g_strsplit(*copy ? copy + 1 : "", ",", 3);
  guint n = g_strv_length(parts);
  GatewayAnswer answer = { .size = sizeof answer,
                           .kind = kind ? (GatewayAnswerKind)(kind - KINDS) : GATEWAY_ANSWER_NOTHING,
                           .update = 7 };

  if (!session->has_ask)
    return;
  answer.image.name = n > 0 ? gateway_text(parts[0]) : GATEWAY_NO_TEXT;
  answer.image.software_version = n > 1 ? gateway_text(parts[1]) : GATEWAY_NO_TEXT;
  answer.image.size = n > 2 ? g_ascii_strtoull(parts[2], NULL, 10) : 0;
  session->has_ask = FALSE;
  session->is_logged_in |= session->ask == GATEWAY_ASK_INTRODUCE && answer.kind == GATEWAY_ANSWER_ACCEPTED;
  session->may_stream = session->ask == GATEWAY_ASK_BYTES && answer.kind == GATEWAY_ANSWER_BYTES;
  session->size = answer.image.size;
  step(session, &(GatewayEvent){ .kind = GATEWAY_EVENT_ANSWER, .answer = &answer });
}

static void
come_up(Session *session)
{
  if (session->channel == CHANNEL_AWAITED)
    session->channel = CHANNEL_OPEN;
  else if (session->channel == CHANNEL_NONE)
    return;
  step(session,
       &(GatewayEvent){ .kind = GATEWAY_EVENT_DATA_UP, .text = GATEWAY_TEXT("192.0.2.1"), .number = 30001 });
}

static void
finish(Session *session, GatewayEventKind kind)
{
  session->was_streaming = session->channel == CHANNEL_STREAMING;
  if (kind == GATEWAY_EVENT_DATA_FAILED && session->channel == CHANNEL_NONE)
    return;
  if (kind == GATEWAY_EVENT_DATA_FAILED)
    session->channel = CHANNEL_NONE;
  happen(session, kind);
  session->was_streaming = FALSE;
}

static void
run_event(Session *session, GatewayText line)
{
  GatewayText rest = { line.data + 1, line.size - 1 };

  switch (line.data[0]) {
  case '!':
    session->n_commands++;
    happen(session, GATEWAY_EVENT_LINE_TOO_LONG);
    return;
  case '=':
    answer(session, rest);
    return;
  case '+':
    come_up(session);
    return;
  case '.':
    finish(session, GATEWAY_EVENT_DATA_DRAINED);
    return;
  case '-':
    finish(session, GATEWAY_EVENT_DATA_FAILED);
    return;
  case '#':
    finish(session, GATEWAY_EVENT_BLOCK);
    return;
  case '@':
    step(session, &(GatewayEvent){ .kind = GATEWAY_EVENT_TIMER, .number = rest.size });
    return;
  case '*':
    happen(session, GATEWAY_EVENT_WAKE);
    return;
  default:
    send_line(session, line);
  }
}

static GatewayText
take_line(const char **data, size_t *size)
{
  const char *end = *size ? memchr(*data, '\n', *size) : NULL;
  GatewayText line = { *data, end ? (size_t)(end - *data) : *size };
  size_t used = line.size + (end ? 1 : 0);

  *data += used;
  *size -= used;
  return line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *rest = (const char *)data;
  GatewayText peer = take_line(&rest, &size), mode = take_line(&rest, &size);
  Session session = { .settings = { sizeof(GatewaySettings), setting_text, NULL, setting_flag },
                      .is_active = gateway_text_equal(mode, "a"),
                      .n_commands = 1 };

  if (peer.size == 0 || peer.size > 45 || memchr(peer.data, 0, peer.size))
    return 0;
  memcpy(session.peer, peer.data, peer.size);
  step(&session, &(GatewayEvent){ .kind = GATEWAY_EVENT_OPEN, .text = peer });
  while (size > 0 && !session.is_closed) {
    GatewayText line = take_line(&rest, &size);
    if (line.size > 0 && line.size <= 510)
      run_event(&session, line);
  }
  happen(&session, GATEWAY_EVENT_HANGUP);
  return 0;
}
