/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole session with a module: each input line is what comes over the wire; one that begins with "!" is an
 * answer, a timer or a wake of the host. What is sent is one command at a time, and nothing at all where
 * nothing may be. */
#include "../../plugins/transport/openluat-at/session.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
setting_text(const GatewaySettings *settings, const char *key)
{
  return strcmp(key, "url") == 0 ? "http://192.0.2.1/openluat/" : "second";
}

static int64_t
setting_number(const GatewaySettings *settings, const char *key)
{
  return 60000;
}

static bool
setting_flag(const GatewaySettings *settings, const char *key)
{
  return true;
}

static void
check_action(const LuatState *state, const GatewayAction *action)
{
  if (action->kind == GATEWAY_ACTION_SEND) {
    g_assert_false(state->is_read_only);
    g_assert_cmpuint(action->text.size, >, 2);
    g_assert_true(memchr(action->text.data, '\r', action->text.size) ==
                  action->text.data + action->text.size - 1);
  }
  if (action->kind == GATEWAY_ACTION_ARM)
    g_assert_false(state->is_read_only);
  if (action->kind == GATEWAY_ACTION_ASK)
    g_assert_true(action->ask == &state->ask && state->is_asking);
}

static GatewayEvent
event_of(GatewayText line, GatewayAnswer *answer)
{
  char letter = line.size > 1 && line.data[0] == '!' ? line.data[1] : 0;
  GatewayEvent event = { .size = sizeof event, .kind = GATEWAY_EVENT_LINE, .text = line };
  if (letter == 't' || letter == 'c')
    event = (GatewayEvent){ .size = sizeof event, .kind = GATEWAY_EVENT_TIMER, .number = letter == 't' };
  else if (letter == 'w')
    event = (GatewayEvent){ .size = sizeof event, .kind = GATEWAY_EVENT_WAKE };
  else if (letter)
    event = (GatewayEvent){ .size = sizeof event, .kind = GATEWAY_EVENT_ANSWER, .answer = answer };
  *answer = (GatewayAnswer){ .size = sizeof *answer,
                             .kind = letter == 'o' ? GATEWAY_ANSWER_OFFER : GATEWAY_ANSWER_NOTHING };
  answer->image.token = GATEWAY_TEXT("abcdefghij234567");
  answer->image.software_version = letter ? (GatewayText){ line.data + 2, line.size - 2 } : GATEWAY_NO_TEXT;
  return event;
}

/* Like the host: nothing is read while an ask is open. */
static void
run(LuatState *state, const GatewayEvent *event)
{
  GatewaySettings settings = { sizeof settings, setting_text, setting_number, setting_flag };
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAction actions[GATEWAY_MAX_ACTIONS];
  bool is_answer = event->kind == GATEWAY_EVENT_ANSWER;

  if ((event->kind == GATEWAY_EVENT_LINE && state->is_asking) || (is_answer && !state->is_asking))
    return;
  uint32_t n = luat_step(&settings, state, event, &scratch, actions);
  g_assert_cmpuint(n, <, GATEWAY_MAX_ACTIONS);
  for (uint32_t i = 0; i < n; i++)
    check_action(state, &actions[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  LuatState *state = calloc(1, sizeof *state);
  const char *rest = (const char *)data, *end = rest + size;
  GatewayEvent open = { .size = sizeof open, .kind = GATEWAY_EVENT_OPEN };
  GatewayAnswer answer;

  open.text = size > 0 && data[0] == '2' ? GATEWAY_TEXT("second") : GATEWAY_TEXT("first");
  run(state, &open);
  while (rest < end) {
    const char *stop = memchr(rest, '\n', (size_t)(end - rest));
    size_t n = (size_t)((stop ? stop : end) - rest);
    GatewayEvent event = event_of((GatewayText){ rest, n }, &answer);
    if (n <= 512)
      run(state, &event);
    rest += n + 1;
  }
  free(state);
  return 0;
}
