/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cases of a session transport: an event goes in, and every action that comes out must stand in the next
 * lines. */
#include "base/error.h"
#include "check/run.h"

#define SCRATCH_SIZE 16384

typedef struct {
  GwRun *run;
  GwRunSettings settings;
  gpointer session;
  char memory[SCRATCH_SIZE];
  GPtrArray *printed; /* actions of the last event as lines, in order */
  guint n_expected;
  guint event_line;
} Case;

gpointer
gw_session_case_new(GwRun *run)
{
  const GatewaySessionFunctions *functions = run->plugin->functions;
  Case *one = g_new0(Case, 1);
  one->run = run;
  one->settings = gw_run_settings(run);
  one->session = g_malloc0(functions->state_size);
  one->printed = g_ptr_array_new_with_free_func(g_free);
  return one;
}

static void
check_all_expected(Case *one)
{
  for (guint i = one->n_expected; i < one->printed->len; i++)
    gw_run_fail(one->run, one->event_line, "action not in the table: %s", (char *)one->printed->pdata[i]);
  g_ptr_array_set_size(one->printed, 0);
  one->n_expected = 0;
}

void
gw_session_case_free(gpointer state)
{
  Case *one = state;
  check_all_expected(one);
  g_ptr_array_unref(one->printed);
  g_free(one->session);
  g_free(one);
}

static char *
print_mode(uint64_t number)
{
  if (number == GATEWAY_LINES)
    return g_strdup("mode lines");
  if (number == GATEWAY_RAW)
    return g_strdup("mode raw");
  return g_strdup_printf("mode exactly %" G_GUINT64_FORMAT, number - 2);
}

static char *
print_stream(const GatewayAction *action)
{
  const char *channel = action->is_data ? " data" : "";
  if (action->is_text) {
    g_autofree char *text = gw_words_escape(action->text);
    return g_strdup_printf("stream%s text %s", channel, text);
  }
  return g_strdup_printf("stream%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, channel, action->number,
                         action->count);
}

static char *
print_action(const GatewayAction *action)
{
  g_autofree char *text = gw_words_escape(action->text);
  const char *name = action->kind >= 1 && action->kind <= 10 ? GW_ACTION_NAMES[action->kind - 1] : "unknown";
  switch (action->kind) {
  case GATEWAY_ACTION_MODE:
    return print_mode(action->number);
  case GATEWAY_ACTION_STREAM:
    return print_stream(action);
  case GATEWAY_ACTION_READ_BLOCK:
  case GATEWAY_ACTION_ARM:
    return g_strdup_printf("%s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, name, action->number,
                           action->count);
  case GATEWAY_ACTION_ASK: {
    g_autofree char *ask = gw_value_print_ask(action->ask);
    return g_strdup_printf("ask %s", ask);
  }
  case GATEWAY_ACTION_DATA:
    return action->text.size ? g_strdup_printf("data %s %" G_GUINT64_FORMAT, text, action->number)
                             : g_strdup("data");
  default:
    return g_strconcat(name, action->text.size ? " " : "", text, NULL);
  }
}

static void
step(Case *one, const GatewayEvent *event)
{
  const GatewaySessionFunctions *functions = one->run->plugin->functions;
  GatewayScratch scratch = { one->memory, SCRATCH_SIZE, 0, false };
  GatewayAction actions[GATEWAY_MAX_ACTIONS] = { 0 };
  uint32_t n = functions->step(&one->settings.face, one->session, event, &scratch, actions);
  for (uint32_t i = 0; i < MIN(n, GATEWAY_MAX_ACTIONS); i++)
    g_ptr_array_add(one->printed, print_action(&actions[i]));
}

/* event KIND [NUMBER] [TEXT [TEXT2]], event answer KIND key=value... */
static gboolean
on_event(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  check_all_expected(one);
  one->event_line = gw_run_line;
  const GString *name = words->len > 1 ? words->pdata[1] : NULL;
  GatewayEvent event = { .size = sizeof event,
                         .kind = name ? gw_value_number(GW_EVENT_NAMES, name->str) : 0 };
  GatewayAnswer answer;
  guint next = 2;
  if (!event.kind)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "unknown event '%s'", name ? name->str : "");
  if (event.kind == GATEWAY_EVENT_ANSWER) {
    if (!gw_value_read_answer(words, 2, &answer, error))
      return FALSE;
    event.answer = &answer;
    next = words->len;
  }
  gboolean has_number = event.kind == GATEWAY_EVENT_TIMER || event.kind == GATEWAY_EVENT_BLOCK ||
                        event.kind == GATEWAY_EVENT_DATA_UP;
  if (has_number && next < words->len)
    event.number = g_ascii_strtoull(((GString *)words->pdata[next++])->str, NULL, 10);
  GatewayText *texts[] = { &event.text, &event.text2 };
  for (guint i = 0; i < 2 && next < words->len; i++, next++) {
    const GString *word = words->pdata[next];
    *texts[i] = (GatewayText){ word->str, word->len };
  }
  step(one, &event);
  return TRUE;
}

/* Words of an ask may come in any order; all else is compared as text. */
static gboolean
is_same(const char *expected, const char *got)
{
  g_auto(GStrv) a = g_strsplit(expected, " ", -1), b = g_strsplit(got, " ", -1);
  if (!g_str_has_prefix(expected, "ask ") || g_strv_length(a) != g_strv_length(b))
    return strcmp(expected, got) == 0;
  for (char **word = a; *word; word++) {
    if (!g_strv_contains((const char *const *)b, *word))
      return FALSE;
  }
  return TRUE;
}

static gboolean
on_action(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  const char *got = one->n_expected < one->printed->len ? one->printed->pdata[one->n_expected] : "nothing";
  one->n_expected++;
  if (!is_same(rest, got))
    gw_run_fail(one->run, gw_run_line, "expected: %s\n     got: %s", rest, got);
  return TRUE;
}

const GwKeyword GW_SESSION_KEYWORDS[] = {
  { "event", on_event },
  { "action", on_action },
  { NULL, NULL },
};
