/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A whole session with an MCU. An input is a row of parts: a byte says what it is (bytes from the wire, an
 * answer, a block, a timer), the next how long. Whatever comes, what is sent are whole frames, and what is
 * read lies in the image. */
#include "../../plugins/transport/gizwits-mcu/session.h"

#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#define IMAGE_SIZE 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read back by the reader: one frame, whose sum holds, and nothing behind it. */
static void
check_sent(GatewayText text)
{
  g_autofree GizReader *reader = g_new0(GizReader, 1);
  GizRead how = GIZ_NOTHING;

  if (text.size > GIZ_FRAME_MAX)
    return; /* a piece; the MCU's own limit is its piece size */
  for (size_t i = 0; i < text.size; i++) {
    g_assert_true(how == GIZ_NOTHING || (how == GIZ_FRAME && i + 1 == text.size));
    GizRead now = giz_reader_take(reader, (uint8_t)text.data[i]);
    how = how == GIZ_FRAME ? how : now;
  }
  g_assert_cmpint(how, ==, GIZ_FRAME);
}

static void
check_action(const GizState *state, const GatewayAction *action)
{
  if (action->kind == GATEWAY_ACTION_SEND)
    check_sent(action->text);
  if (action->kind == GATEWAY_ACTION_READ_BLOCK) {
    g_assert_cmpuint(action->count, >, 0);
    g_assert_cmpuint(action->count, <=, GIZ_PIECE_MAX);
    g_assert_cmpuint(action->number + action->count, <=, state->size);
  }
  if (action->kind == GATEWAY_ACTION_ASK)
    g_assert_true(action->ask == &state->ask && state->is_asking);
}

static void
fill_answer(GatewayAnswer *answer, uint8_t letter)
{
  *answer = (GatewayAnswer){ .size = sizeof *answer, .kind = letter % 16, .wait_s = letter };
  answer->image.size = IMAGE_SIZE;
  answer->image.token = GATEWAY_TEXT("abcdefghijklmnop");
  answer->image.md5 = GATEWAY_TEXT("0123456789abcdef0123456789abcdef");
  answer->image.software_version = GATEWAY_TEXT("03030009");
  answer->image.name = letter < 128 ? GATEWAY_TEXT("a.bin") : GATEWAY_TEXT("a.hex");
}

/* What a block holds: never more than was asked for. */
static void
run(GizState *state, uint8_t kind, GatewayText text)
{
  char memory[16384];
  GatewayScratch scratch = { memory, sizeof memory, 0, false };
  GatewayAction actions[GATEWAY_MAX_ACTIONS];
  GatewayAnswer answer;
  GatewayEvent event = { .size = sizeof event, .kind = GATEWAY_EVENT_BYTES, .text = text };

  if (kind % 8 == 1) {
    fill_answer(&answer, text.size ? (uint8_t)text.data[0] : 0);
    event = (GatewayEvent){ .size = sizeof event, .kind = GATEWAY_EVENT_ANSWER, .answer = &answer };
  } else if (kind % 8 == 2) {
    uint32_t left = state->size - state->offset;
    event = (GatewayEvent){ .size = sizeof event,
                            .kind = GATEWAY_EVENT_BLOCK,
                            .number = state->offset,
                            .text = { text.data, MIN(text.size, left) } };
  } else if (kind % 8 == 3) {
    event = (GatewayEvent){ .size = sizeof event, .kind = GATEWAY_EVENT_TIMER };
  } else if (kind % 8 == 4) {
    event = (GatewayEvent){ .size = sizeof event, .kind = GATEWAY_EVENT_WAKE };
  }
  uint32_t n = giz_step(NULL, state, &event, &scratch, actions);
  g_assert_cmpuint(n, <=, GATEWAY_MAX_ACTIONS);
  g_assert_false(scratch.is_full);
  for (uint32_t i = 0; i < n; i++)
    check_action(state, &actions[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  GizState *state = calloc(1, sizeof *state);
  size_t at = 0;

  while (at + 2 <= size) {
    size_t n = MIN(data[at + 1], size - at - 2);
    run(state, data[at], (GatewayText){ (const char *)data + at + 2, n });
    at += 2 + n;
  }
  free(state);
  return 0;
}
