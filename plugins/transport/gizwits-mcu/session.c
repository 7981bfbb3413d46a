/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "step.h"

/* ---- who is there ---- */

static void
ask_who(GizStep *step)
{
  step->state->phase = GIZ_ASKING;
  step->state->n_tries = 1;
  giz_send_command(step, INFO, GATEWAY_NO_TEXT);
  step->wait_ms = ORDINARY_MS;
}

/* Now, or as soon as what is going on is over. */
static void
look(GizStep *step)
{
  if (step->state->phase == GIZ_IDLE && !step->state->is_asking)
    ask_who(step);
  else
    step->state->is_due = true;
}

static bool
is_version(GatewayText text)
{
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] <= ' ' || text.data[i] > '~')
      return false;
  return text.size > 0;
}

/* Protocol, P0, hardware and software version, product key. */
static bool
take_info(GizState *state, GatewayText info)
{
  if (info.size < 4 * GIZ_VERSION_CHARS + GIZ_KEY_CHARS)
    return false;
  GatewayText hardware = { info.data + 2 * GIZ_VERSION_CHARS, GIZ_VERSION_CHARS };
  GatewayText software = { info.data + 3 * GIZ_VERSION_CHARS, GIZ_VERSION_CHARS };
  GatewayText product = { info.data + 4 * GIZ_VERSION_CHARS, GIZ_KEY_CHARS };
  return is_version(hardware) && is_version(software) && is_version(product) &&
         giz_keep(hardware, state->hardware, sizeof state->hardware) &&
         giz_keep(software, state->software, sizeof state->software) &&
         giz_keep(product, state->product, sizeof state->product);
}

/* ---- what the MCU sends ---- */

static void
on_it_stops(GizStep *step, const GizFrame *frame)
{
  GizPhase phase = step->state->phase;
  giz_acknowledge(step, frame);
  if (phase == GIZ_ANNOUNCED || (phase == GIZ_SENDING && step->state->offset == 0)) {
    giz_tell(step, GATEWAY_TELL_REFUSED, "0x27", "the device does not take it: is it too large?");
    giz_rest(step);
  } else if (phase == GIZ_SENDING || phase == GIZ_SETTLING) {
    giz_image_fail(step, "0x27",
                   "the device stopped it: what it got has another digest, or cannot be written");
  }
}

/* A piece with a wrong sum was not counted: it may be sent again. */
static void
on_illegal(GizStep *step, const GizFrame *frame)
{
  static const char *const CODES[] = { "0x11/3", "0x11/1", "0x11/2", "0x11/3", "0x11/4" };
  GizState *state = step->state;
  uint8_t why = frame->payload.size ? (uint8_t)frame->payload.data[0] : 0;
  giz_acknowledge(step, frame);
  if (state->phase != GIZ_SENDING && state->phase != GIZ_ANNOUNCED)
    return;
  if (why == BAD_SUM && state->n_tries < TRIES && state->phase == GIZ_SENDING)
    giz_image_read_piece(step);
  else if (why != BAD_SUM || state->phase == GIZ_SENDING)
    giz_image_stop(step, CODES[why < 5 ? why : 0], "the device does not understand what it got");
}

static void
on_restart(GizStep *step, const GizFrame *frame)
{
  GizState *state = step->state;
  giz_acknowledge(step, frame);
  if (state->phase == GIZ_ANNOUNCED)
    giz_image_fail(step, NULL, "it started anew when it should have been ready");
  else if (state->phase == GIZ_SENDING && state->offset + state->piece < state->size)
    giz_image_fail(step, NULL, "it started anew in mid-image");
  else if (state->phase == GIZ_SENDING)
    giz_image_settle(step, false);
  state->is_back = state->phase == GIZ_SETTLING;
  if (state->is_back)
    step->wait_ms = 1;
  else
    look(step);
}

/* "We are a Wi-Fi module", with versions, addresses and attributes that say nothing. */
static void
say_module(GizStep *step, const GizFrame *frame)
{
  char payload[1 + 3 * 8 + 2 * 16 + 8] = { 0 };
  memcpy(payload + 1, "000000040000000204020000", 24);
  giz_send_frame(step, (GizFrame){ .command = ACK(MODULE_INFO), .serial = frame->serial },
                 (GatewayText){ payload, sizeof payload });
}

static void
on_command(GizStep *step, const GizFrame *frame)
{
  GizPhase phase = step->state->phase;
  bool is_hex = frame->flags & FLAG_HEX;
  switch (frame->command) {
  case READY:
    if (phase == GIZ_ANNOUNCED && is_hex != step->state->is_hex_image)
      giz_image_refuse_type(step, frame);
    else
      giz_image_on_ready(step, frame);
    break;
  case IT_STOPS:
    on_it_stops(step, frame);
    break;
  case ILLEGAL:
    on_illegal(step, frame);
    break;
  case RESTART:
    on_restart(step, frame);
    break;
  case MODULE_INFO:
    say_module(step, frame);
    break;
  case TRANSACTION:
    giz_acknowledge(step, frame);
    look(step);
    break;
  case 0x05: /* its state, its wish to be configured or reset: all that it waits for is the acknowledgement */
  case 0x09:
  case 0x0B:
  case 0x15:
  case 0x25:
    giz_acknowledge(step, frame);
    break;
  default:
    giz_send_illegal(step, frame, UNKNOWN_COMMAND);
  }
}

static void
on_info(GizStep *step, const GizFrame *frame)
{
  GizState *state = step->state;
  if ((state->phase != GIZ_ASKING && state->phase != GIZ_SETTLING) || !take_info(state, frame->payload))
    return;
  if (state->phase == GIZ_SETTLING) {
    giz_image_judge(step);
    return;
  }
  giz_rest(step);
  giz_ask(step, GATEWAY_ASK_OFFER);
}

static void
on_acknowledged(GizStep *step, const GizFrame *frame)
{
  GizState *state = step->state;
  if (frame->serial != state->serial)
    return; /* late: of something that was sent again under another number, or given up */
  state->is_answered = true;
  if (frame->command == ACK(INFO))
    on_info(step, frame);
  else if (frame->command == ACK(ANNOUNCE) && state->phase == GIZ_ANNOUNCED)
    step->wait_ms = READY_MS;
  else if (frame->command == ACK(PIECE) && state->phase == GIZ_SENDING && state->piece > 0)
    giz_image_advance(step);
}

/* While the gateway thinks, what else came in the same breath waits for the MCU to say it again. */
static void
on_frame(GizStep *step)
{
  GizFrame frame = giz_reader_frame(&step->state->reader);
  bool was_present = step->state->is_present;
  if (step->state->is_asking)
    return;
  step->state->is_present = true;
  if (frame.command % 2)
    on_command(step, &frame);
  else
    on_acknowledged(step, &frame);
  if (!was_present && step->state->phase == GIZ_IDLE && !step->state->is_asking)
    look(step);
}

static void
on_bad_sum(GizStep *step)
{
  GizFrame frame = giz_reader_frame(&step->state->reader);
  step->state->is_damaged = true;
  if (frame.command % 2)
    giz_send_illegal(step, &frame, BAD_SUM);
}

static void
on_bytes(GizStep *step, GatewayText bytes)
{
  for (size_t i = 0; i < bytes.size; i++) {
    switch (giz_reader_take(&step->state->reader, (uint8_t)bytes.data[i])) {
    case GIZ_FRAME:
      on_frame(step);
      break;
    case GIZ_BAD_SUM:
      on_bad_sum(step);
      break;
    case GIZ_BROKEN:
      step->state->is_damaged = true;
      break;
    case GIZ_NOTHING:
      break;
    }
  }
}

/* ---- time ---- */

/* A sign of life now and then; each tenth time the whole question. */
static void
on_idle(GizStep *step)
{
  GizState *state = step->state;
  if (state->is_present && !state->is_answered)
    state->is_present = false;
  if (!state->is_present || ++state->n_ticks % PINGS_PER_CHECK == 0) {
    ask_who(step);
    return;
  }
  giz_send_command(step, PING, GATEWAY_NO_TEXT);
  step->wait_ms = PING_MS;
}

static void
on_nobody(GizStep *step)
{
  GizState *state = step->state;
  if (state->n_tries++ < TRIES) {
    giz_send_command(step, INFO, GATEWAY_NO_TEXT);
    step->wait_ms = ORDINARY_MS;
    return;
  }
  state->is_present = false;
  giz_rest(step);
}

static void
on_not_ready(GizStep *step)
{
  GizState *state = step->state;
  if (state->is_answered)
    giz_image_stop(step, NULL, "it did not say within a minute that it is ready");
  else if (state->n_tries < TRIES)
    giz_image_announce(step);
  else
    giz_image_fail(step, NULL, "it did not answer the announcement, three times");
}

static void
on_settle(GizStep *step)
{
  GizState *state = step->state;
  if (state->n_tries++ < BACK_TRIES) {
    giz_send_command(step, INFO, GATEWAY_NO_TEXT);
    step->wait_ms = SETTLE_MS;
    return;
  }
  state->is_present = false;
  giz_image_fail(step, NULL, "it got the whole image, and was not heard for five minutes");
}

static void
on_timer(GizStep *step)
{
  if (step->state->is_asking) {
    step->wait_ms = ORDINARY_MS;
    return;
  }
  switch (step->state->phase) {
  case GIZ_IDLE:
    on_idle(step);
    break;
  case GIZ_ASKING:
    on_nobody(step);
    break;
  case GIZ_ANNOUNCED:
    on_not_ready(step);
    break;
  case GIZ_SENDING:
    giz_image_on_late(step);
    break;
  case GIZ_SETTLING:
    on_settle(step);
    break;
  }
}

/* ---- steps ---- */

static void
handle(GizStep *step, const GatewayEvent *event)
{
  switch (event->kind) {
  case GATEWAY_EVENT_OPEN:
    step->actions[step->n++] = (GatewayAction){ .kind = GATEWAY_ACTION_MODE, .number = GATEWAY_RAW };
    ask_who(step);
    break;
  case GATEWAY_EVENT_BYTES:
    on_bytes(step, event->text);
    break;
  case GATEWAY_EVENT_ANSWER:
    giz_image_on_answer(step, event->answer);
    break;
  case GATEWAY_EVENT_BLOCK:
    giz_image_on_block(step, event);
    break;
  case GATEWAY_EVENT_TIMER:
    on_timer(step);
    break;
  case GATEWAY_EVENT_WAKE:
    look(step);
    break;
  default:
    break;
  }
}

uint32_t
giz_step(const GatewaySettings *settings, void *memory, const GatewayEvent *event, GatewayScratch *scratch,
         GatewayAction actions[GATEWAY_MAX_ACTIONS])
{
  GizState *state = memory;
  GizStep step = { .state = state, .scratch = scratch, .actions = actions };
  handle(&step, event);
  if (state->is_due && state->phase == GIZ_IDLE && !state->is_asking) {
    state->is_due = false;
    ask_who(&step);
  }
  if (step.wait_ms)
    actions[step.n++] = (GatewayAction){ .kind = GATEWAY_ACTION_ARM, .number = TIMER, .count = step.wait_ms };
  if (step.block)
    actions[step.n++] =
        (GatewayAction){ .kind = GATEWAY_ACTION_READ_BLOCK, .number = state->offset, .count = step.block };
  if (step.is_question)
    actions[step.n++] = (GatewayAction){ .kind = GATEWAY_ACTION_ASK, .ask = &state->ask };
  return step.n;
}
