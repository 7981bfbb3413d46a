/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "step.h"

void
giz_send_frame(GizStep *step, GizFrame frame, GatewayText rest)
{
  GatewayText text = step->n < SENDS_MAX ? giz_frame_print(step->scratch, &frame, rest) : GATEWAY_NO_TEXT;
  if (text.size)
    step->actions[step->n++] = (GatewayAction){ .kind = GATEWAY_ACTION_SEND, .text = text };
}

void
giz_acknowledge(GizStep *step, const GizFrame *frame)
{
  giz_send_frame(step, (GizFrame){ .command = ACK(frame->command), .serial = frame->serial },
                 GATEWAY_NO_TEXT);
}

void
giz_send_illegal(GizStep *step, const GizFrame *frame, char why)
{
  giz_send_frame(step, (GizFrame){ .command = ILLEGAL, .serial = frame->serial }, (GatewayText){ &why, 1 });
}

/* A command of ours; its acknowledgement is awaited. */
void
giz_send_command(GizStep *step, uint8_t command, GatewayText payload)
{
  step->state->is_answered = false;
  giz_send_frame(step, (GizFrame){ .command = command, .serial = ++step->state->serial }, payload);
}

bool
giz_keep(GatewayText text, char *ret, size_t size)
{
  if (text.size >= size || (text.size && memchr(text.data, 0, text.size)))
    return false;
  if (text.size)
    memcpy(ret, text.data, text.size);
  ret[text.size] = 0;
  return true;
}

/* ---- asking the gateway ---- */

void
giz_ask(GizStep *step, GatewayAskKind kind)
{
  GizState *state = step->state;
  state->ask = (GatewayAsk){ .size = sizeof(GatewayAsk), .kind = kind, .identity = GATEWAY_IDENTITY_ADDRESS };
  state->ask.type = GATEWAY_TEXT("mcu");
  state->ask.product = gateway_text(state->product);
  state->ask.hardware_version = gateway_text(state->hardware);
  if (kind == GATEWAY_ASK_OFFER) {
    state->ask.software_version = gateway_text(state->software);
    state->ask.is_version_proof = true;
  } else {
    state->ask.token = gateway_text(state->token);
  }
  state->is_asking = step->is_question = true;
}

void
giz_tell(GizStep *step, GatewayTellState told, const char *code, const char *detail)
{
  giz_ask(step, GATEWAY_ASK_TELL);
  step->state->ask.state = told;
  step->state->ask.code = gateway_text(code);
  step->state->ask.detail = gateway_text(detail);
}

void
giz_rest(GizStep *step)
{
  step->state->phase = GIZ_IDLE;
  step->wait_ms = step->state->is_present ? PING_MS : ABSENT_MS;
}
