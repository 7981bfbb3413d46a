/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cases of a request transport: request, the ask expected, the answer given, the reply expected. */
#include "base/error.h"
#include "check/run.h"

#define SCRATCH_SIZE 16384

typedef struct {
  GwRun *run;
  GwRunSettings settings;
  GatewayRequest request;
  GPtrArray *kept; /* GPtrArray of words that texts point into */
  GatewayPair headers[64];
  char memory[SCRATCH_SIZE];
  GatewayScratch scratch;
  GatewayAsk ask;
  GatewayAnswer answer;
  GatewayReply reply;
  gboolean is_read, is_understood, is_written, has_answer;
} Case;

gpointer
gw_request_case_new(GwRun *run)
{
  Case *one = g_new0(Case, 1);
  one->run = run;
  one->settings = gw_run_settings(run);
  one->kept = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
  one->scratch = (GatewayScratch){ one->memory, SCRATCH_SIZE, 0, false };
  one->request = (GatewayRequest){ .size = sizeof(GatewayRequest), .method = GATEWAY_GET, .local_port = 80 };
  one->request.headers = one->headers;
  one->request.host = GATEWAY_TEXT("192.0.2.1");
  one->request.local = GATEWAY_TEXT("192.0.2.1");
  one->request.peer = GATEWAY_TEXT("192.0.2.10");
  return one;
}

void
gw_request_case_free(gpointer state)
{
  Case *one = state;
  g_ptr_array_unref(one->kept);
  g_free(one);
}

/* Word @i as a text that lives as long as the case; absent when there is none. */
static GatewayText
word(Case *one, GPtrArray *words, guint i)
{
  if (i >= words->len)
    return GATEWAY_NO_TEXT;
  g_ptr_array_add(one->kept, g_ptr_array_ref(words));
  const GString *text = words->pdata[i];
  return (GatewayText){ text->str, text->len };
}

static gboolean
on_request(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  GatewayText method = word(one, words, 1), target = word(one, words, 2);
  one->request.method = method.size ? gw_value_number(GW_METHOD_NAMES, method.data) : 0;
  if (!one->request.method || target.size == 0 || target.data[0] != '/')
    return gw_fail(error, GW_ERROR_BAD_INPUT, "use: request METHOD /PATH[?QUERY]");
  const char *mark = memchr(target.data, '?', target.size);
  size_t size = mark ? (size_t)(mark - target.data) : target.size;
  one->request.path = (GatewayText){ target.data, size };
  one->request.query = mark ? (GatewayText){ mark + 1, target.size - size - 1 } : GATEWAY_NO_TEXT;
  return TRUE;
}

static gboolean
on_host(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  ((Case *)state)->request.host = word(state, words, 1);
  return TRUE;
}

static gboolean
on_local(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  GatewayText port = word(one, words, 2);
  one->request.local = word(one, words, 1);
  one->request.local_port = port.size ? (uint16_t)g_ascii_strtoull(port.data, NULL, 10) : 0;
  one->request.is_tls = words->len > 3;
  return one->request.local_port > 0 || gw_fail(error, GW_ERROR_BAD_INPUT, "use: local ADDRESS PORT [tls]");
}

static gboolean
on_peer(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  ((Case *)state)->request.peer = word(state, words, 1);
  return TRUE;
}

static gboolean
on_header(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  GatewayText name = word(one, words, 1);
  if (words->len != 3 || one->request.n_headers >= G_N_ELEMENTS(one->headers))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "use: header NAME \"VALUE\", at most 64");
  one->headers[one->request.n_headers++] = (GatewayPair){ name, word(one, words, 2) };
  return TRUE;
}

static gboolean
on_body(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  ((Case *)state)->request.body = word(state, words, 1);
  return TRUE;
}

static void
read_once(Case *one)
{
  const GatewayRequestFunctions *functions = one->run->plugin->functions;
  if (one->is_read)
    return;
  one->is_read = TRUE;
  one->ask = (GatewayAsk){ .size = sizeof(GatewayAsk) };
  one->is_understood = functions->read(&one->settings.face, &one->request, &one->scratch, &one->ask);
}

static gboolean
on_ask(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  read_once(one);
  const GString *kind = words->len > 1 ? words->pdata[1] : NULL;
  gboolean is_refusal = kind && strcmp(kind->str, "refused") == 0;
  if (is_refusal != !one->is_understood) {
    gw_run_fail(one->run, gw_run_line, "read() said %s", one->is_understood ? "true" : "false");
    return TRUE;
  }
  g_autofree char *difference = is_refusal ? NULL : gw_value_compare_ask(words, 1, &one->ask);
  if (difference)
    gw_run_fail(one->run, gw_run_line, "%s", difference);
  return TRUE;
}

static gboolean
on_answer(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  g_ptr_array_add(one->kept, g_ptr_array_ref(words));
  one->has_answer = TRUE;
  return gw_value_read_answer(words, 1, &one->answer, error);
}

static void
write_once(Case *one)
{
  const GatewayRequestFunctions *functions = one->run->plugin->functions;
  if (one->is_written)
    return;
  read_once(one);
  one->is_written = TRUE;
  one->reply = (GatewayReply){ .size = sizeof(GatewayReply) };
  functions->write(&one->settings.face, &one->request, &one->ask, one->has_answer ? &one->answer : NULL,
                   &one->scratch, &one->reply);
}

static gboolean
on_reply(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  guint64 status = g_ascii_strtoull(rest, NULL, 10);
  if (one->reply.status != status)
    gw_run_fail(one->run, gw_run_line, "status is %u", one->reply.status);
  return TRUE;
}

static gboolean
on_reply_body(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  g_autoptr(GString) expected = gw_words_unescape(rest, error);
  if (!expected)
    return FALSE;
  g_autofree char *got = gw_words_escape(one->reply.body);
  GatewayText body = one->reply.body;
  if (one->reply.body_is_image || body.size != expected->len ||
      memcmp(body.data, expected->str, body.size) != 0)
    gw_run_fail(one->run, gw_run_line, "body is %s", one->reply.body_is_image ? "the image" : got);
  return TRUE;
}

static gboolean
on_reply_header(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  g_autoptr(GString) expected = gw_words_unescape(rest, error);
  if (!expected)
    return FALSE;
  for (guint i = 0; i < MIN(one->reply.n_headers, GATEWAY_MAX_PAIRS); i++) {
    const GatewayPair *pair = &one->reply.headers[i];
    g_autofree char *line = g_strdup_printf("%.*s: %.*s", GATEWAY_ARGS(pair->key), GATEWAY_ARGS(pair->value));
    if (strcmp(line, expected->str) == 0)
      return TRUE;
  }
  gw_run_fail(one->run, gw_run_line, "no header '%s' among %u", expected->str, one->reply.n_headers);
  return TRUE;
}

static gboolean
on_reply_image(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  if (!one->reply.body_is_image)
    gw_run_fail(one->run, gw_run_line, "the body is not the image");
  return TRUE;
}

static gboolean
on_reply_chunked(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  if (!one->reply.is_chunked)
    gw_run_fail(one->run, gw_run_line, "the reply is not chunked");
  return TRUE;
}

static gboolean
on_reply_head_of(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  if (!one->reply.is_final || one->reply.head_of != g_ascii_strtoull(rest, NULL, 10))
    gw_run_fail(one->run, gw_run_line, "the reply is %sthe head of %" G_GUINT64_FORMAT " bytes",
                one->reply.is_final ? "" : "not ", one->reply.head_of);
  return TRUE;
}

static gboolean
on_reply_final(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  if (!one->reply.is_final)
    gw_run_fail(one->run, gw_run_line, "the bytes would be asked for at once");
  return TRUE;
}

static gboolean
on_reply_refused(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  write_once(one);
  int reason = gw_value_number(GW_REASON_NAMES, rest);
  if (!reason)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "unknown reason '%s'", rest);
  if ((int)one->reply.refused != reason || one->reply.refused_detail.size == 0)
    gw_run_fail(one->run, gw_run_line, "refused is %d, detail '%.*s'", one->reply.refused,
                GATEWAY_ARGS(one->reply.refused_detail));
  return TRUE;
}

const GwKeyword GW_REQUEST_KEYWORDS[] = {
  { "request", on_request },
  { "host", on_host },
  { "local", on_local },
  { "peer", on_peer },
  { "header", on_header },
  { "body", on_body },
  { "ask", on_ask },
  { "answer", on_answer },
  { "reply", on_reply },
  { "reply-body", on_reply_body },
  { "reply-header", on_reply_header },
  { "reply-image", on_reply_image },
  { "reply-chunked", on_reply_chunked },
  { "reply-refused", on_reply_refused },
  { "reply-final", on_reply_final },
  { "reply-head-of", on_reply_head_of },
  { NULL, NULL },
};
