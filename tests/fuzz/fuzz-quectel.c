/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole session with an MCU: each input line is what comes over the wire, and what the gateway answers is
 * never what a program of these cannot survive. A line that begins with "!" is an answer, a block or a timer
 * of the host. */
#include "../../plugins/transport/quectel-at/session.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#define IMAGE_SIZE 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
setting_text(const GatewaySettings *settings, const char *key)
{
  return "setting";
}

static int64_t
setting_number(const GatewaySettings *settings, const char *key)
{
  return 113;
}

static bool
setting_flag(const GatewaySettings *settings, const char *key)
{
  return false;
}

static bool
has_prefix(GatewayText text, const char *prefix)
{
  return text.size >= strlen(prefix) && memcmp(text.data, prefix, strlen(prefix)) == 0;
}

/* Events without a blank, and shorter than what is scanned into. */
static void
check_sent(GatewayText text)
{
  const char event[] = "\r\n+QIOTEVT: ";
  if (!has_prefix(text, event))
    return;
  g_assert_cmpuint(text.size, <, 255);
  g_assert_null(memchr(text.data + sizeof event - 1, ' ', text.size - (sizeof event - 1)));
}

static void
check_action(const QuectelState *state, const GatewayAction *action)
{
  if (action->kind == GATEWAY_ACTION_SEND)
    check_sent(action->text);
  if (action->kind == GATEWAY_ACTION_READ_BLOCK) {
    g_assert_cmpuint(action->count, >, 0);
    g_assert_cmpuint(action->count, <=, QUECTEL_READ_MAX);
    g_assert_cmpuint(action->number + action->count, <=, state->size);
  }
  if (action->kind == GATEWAY_ACTION_ASK)
    g_assert_true(action->ask == &state->ask);
}

static GatewayAnswer
answer_of(char letter)
{
  GatewayAnswer answer = { .size = sizeof answer,
                           .kind = letter == 'o'   ? GATEWAY_ANSWER_OFFER
                                   : letter == 'b' ? GATEWAY_ANSWER_BYTES
                                   : letter == 'l' ? GATEWAY_ANSWER_LATER
                                                   : GATEWAY_ANSWER_NOTHING };
  answer.image.size = IMAGE_SIZE;
  answer.image.token = GATEWAY_TEXT("abcdefghijklmnop");
  answer.image.md5 = GATEWAY_TEXT("0123456789abcdef0123456789abcdef");
  answer.image.sha256 = GATEWAY_TEXT("00ff");
  return answer;
}

static void
run(QuectelState *state, GatewayText line)
{
  GatewaySettings settings = { sizeof settings, setting_text, setting_number, setting_flag };
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAction actions[GATEWAY_MAX_ACTIONS];
  GatewayAnswer answer = answer_of(line.size > 1 ? line.data[1] : 0);
  GatewayEvent event = { .size = sizeof event, .kind = GATEWAY_EVENT_LINE, .text = line };
  if (has_prefix(line, "!t")) {
    event.kind = GATEWAY_EVENT_TIMER;
  } else if (has_prefix(line, "!d")) {
    event = (GatewayEvent){ .size = sizeof event,
                            .kind = GATEWAY_EVENT_BLOCK,
                            .text = { line.data, line.size - 1 } };
  } else if (has_prefix(line, "!")) {
    answer.image.software_version = (GatewayText){ line.data + 1, line.size - 1 };
    event = (GatewayEvent){ .size = sizeof event, .kind = GATEWAY_EVENT_ANSWER, .answer = &answer };
  }
  uint32_t n = quectel_step(&settings, state, &event, &scratch, actions);
  g_assert_cmpuint(n, <=, GATEWAY_MAX_ACTIONS);
  for (uint32_t i = 0; i < n; i++)
    check_action(state, &actions[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  QuectelState *state = calloc(1, sizeof *state);
  const char *rest = (const char *)data, *end = rest + size;
  while (rest < end) {
    const char *stop = memchr(rest, '\n', (size_t)(end - rest));
    size_t n = (size_t)((stop ? stop : end) - rest);
    if (n <= 512)
      run(state, (GatewayText){ rest, n });
    rest += n + 1;
  }
  free(state);
  return 0;
}
