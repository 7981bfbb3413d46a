/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

/* ---- what a step says ---- */

void
ftp_act(FtpStep *step, GatewayAction action)
{
  if (step->n < GATEWAY_MAX_ACTIONS)
    step->actions[step->n++] = action;
}

void
ftp_arm(FtpStep *step, uint64_t timer, uint64_t ms)
{
  ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_ARM, .number = timer, .count = ms });
}

/* Behind the last reply if nothing was done since. */
static void
send_text(FtpStep *step, GatewayText text)
{
  GatewayAction *last = step->n ? &step->actions[step->n - 1] : NULL;
  if (last && last->kind == GATEWAY_ACTION_SEND && last->text.data + last->text.size == text.data)
    last->text.size += text.size;
  else
    ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_SEND, .text = text });
}

void
ftp_say(FtpStep *step, const char *format, ...)
{
  GatewayScratch *scratch = step->scratch;
  char *place = scratch->data + scratch->used;
  size_t room = scratch->size - scratch->used;
  va_list args;
  va_start(args, format);
  int size = vsnprintf(place, room, format, args);
  va_end(args);
  if (size < 0 || (size_t)size + 2 > room) {
    scratch->is_full = true;
    return;
  }
  memcpy(place + size, "\r\n", 2);
  scratch->used += (size_t)size + 2;
  send_text(step, (GatewayText){ place, (size_t)size + 2 });
}

void
ftp_close(FtpStep *step)
{
  step->state->is_closed = true;
  ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_CLOSE });
}

/* An ask in the scratch, where the host looks at it within this step. */
static GatewayAsk *
new_ask(GatewayScratch *scratch)
{
  size_t gap = (_Alignof(GatewayAsk) - (uintptr_t)(scratch->data + scratch->used) % _Alignof(GatewayAsk)) %
               _Alignof(GatewayAsk);
  if (gap + sizeof(GatewayAsk) > scratch->size - scratch->used) {
    scratch->is_full = true;
    return NULL;
  }
  GatewayAsk *ask = (GatewayAsk *)(void *)(scratch->data + scratch->used + gap);
  scratch->used += gap + sizeof *ask;
  memset(ask, 0, sizeof *ask);
  ask->size = sizeof *ask;
  return ask;
}

static GatewayAsk *
put_ask(FtpStep *step, GatewayAskKind kind, FtpWait wait)
{
  FtpState *state = step->state;
  GatewayAsk *ask = new_ask(step->scratch);
  if (!ask) {
    ftp_say(step, "421 Too much at once.");
    ftp_close(step);
    return NULL;
  }
  ask->kind = kind;
  ask->identity = GATEWAY_IDENTITY_CREDENTIAL;
  ask->node = gateway_text(state->user);
  ask->credential = gateway_text(state->password);
  state->wait = wait;
  ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_ASK, .ask = ask });
  return ask;
}

void
ftp_ask(FtpStep *step, GatewayAskKind kind, FtpWait wait)
{
  GatewayAsk *ask = put_ask(step, kind, wait);
  if (!ask)
    return;
  if (kind == GATEWAY_ASK_BYTES)
    ask->image_name = gateway_text(step->state->target.name);
  if (step->state->is_gprs)
    ask->attributes[ask->n_attributes++] = (GatewayPair){ GATEWAY_TEXT("modem"), GATEWAY_TEXT("gprs") };
}

/* A session has no reply in which it could undo an offer: the core is told, and the operator reads why. */
static void
tell_refusal(FtpStep *step, int32_t update, const char *why)
{
  GatewayAsk *ask = put_ask(step, GATEWAY_ASK_TELL, FTP_WAIT_REFUSAL);
  if (!ask)
    return;
  ask->state = GATEWAY_TELL_REFUSED;
  ask->update = update;
  ask->detail = gateway_text(why);
}

/* ---- answers ---- */

void
ftp_forget_login(FtpStep *step)
{
  FtpState *state = step->state;
  if (state->is_logged_in)
    ftp_arm(step, FTP_TIMER_IDLE, FTP_LOGIN_MS);
  ftp_data_drop(step);
  state->is_named = state->is_logged_in = state->is_fresh = state->is_aborted = false;
  state->is_in_alias = state->is_epsv_only = false;
  state->rest = 0;
  state->upgrade = (Upgrade){ .size = 0 };
  memset(state->password, 0, sizeof state->password);
}

void
ftp_login_failed(FtpStep *step)
{
  ftp_forget_login(step);
  step->state->n_failed_logins++;
  if (step->state->n_failed_logins < FTP_FAILED_LOGINS_MAX) {
    ftp_say(step, "530 Login incorrect.");
  } else {
    ftp_say(step, "421 Login incorrect.");
    ftp_close(step);
  }
}

static void
on_login(FtpStep *step, const GatewayAnswer *answer)
{
  FtpState *state = step->state;
  const char *why;
  state->wait = FTP_WAIT_NONE;
  if (answer->kind == GATEWAY_ANSWER_LATER || answer->kind == GATEWAY_ANSWER_OFFLINE) {
    ftp_say(step, "421 Not available now.");
    ftp_close(step);
  } else if (answer->kind == GATEWAY_ANSWER_ACCEPTED) {
    state->is_logged_in = true;
    state->n_failed_logins = 0;
    upgrade_read_image(&answer->image, &state->upgrade, &why);
    ftp_arm(step, FTP_TIMER_IDLE, FTP_IDLE_MS);
    ftp_say(step, "230 Logged in.");
  } else {
    ftp_login_failed(step);
  }
}

static void
on_denied(FtpStep *step)
{
  ftp_forget_login(step);
  ftp_transfer_fail(step, "530 The login does not hold any more.");
}

static void
on_offer(FtpStep *step, const GatewayAnswer *answer)
{
  FtpState *state = step->state;
  const char *why = NULL;
  state->wait = FTP_WAIT_NONE;
  if (answer->kind == GATEWAY_ANSWER_DENIED) {
    on_denied(step);
    return;
  }
  state->upgrade = (Upgrade){ .size = 0 };
  state->is_fresh = true;
  ftp_arm(step, FTP_TIMER_FRESH, FTP_FRESH_MS);
  if (answer->kind == GATEWAY_ANSWER_OFFER && !upgrade_read_image(&answer->image, &state->upgrade, &why))
    tell_refusal(step, answer->update, why);
  else
    ftp_transfer_go_on(step);
}

static void
on_bytes(FtpStep *step, const GatewayAnswer *answer)
{
  FtpState *state = step->state;
  state->wait = FTP_WAIT_NONE;
  state->size = answer->image.size;
  if (answer->kind == GATEWAY_ANSWER_BYTES && state->size > 0)
    ftp_transfer_go_on(step);
  else if (answer->kind == GATEWAY_ANSWER_DENIED)
    on_denied(step);
  else if (answer->kind == GATEWAY_ANSWER_LATER)
    ftp_transfer_fail(step, "450 Not available now.");
  else
    ftp_transfer_fail(step, "550 No such file.");
}

static void
on_answer(FtpStep *step, const GatewayAnswer *answer)
{
  FtpState *state = step->state;
  switch (answer ? state->wait : FTP_WAIT_NONE) {
  case FTP_WAIT_LOGIN:
    on_login(step, answer);
    return;
  case FTP_WAIT_OFFER:
    on_offer(step, answer);
    return;
  case FTP_WAIT_REFUSAL:
    state->wait = FTP_WAIT_NONE;
    ftp_transfer_go_on(step);
    return;
  case FTP_WAIT_BYTES:
    on_bytes(step, answer);
    return;
  default:
    return;
  }
}

/* ---- other events ---- */

static void
on_open(FtpStep *step, GatewayText peer)
{
  FtpState *state = step->state;
  if (peer.size < sizeof state->peer && peer.size)
    memcpy(state->peer, peer.data, peer.size);
  ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_MODE, .number = GATEWAY_LINES });
  ftp_arm(step, FTP_TIMER_IDLE, FTP_LOGIN_MS);
  ftp_say(step, "220 Ready.");
}

/* Every line goes through the queue, so that replies keep the order of the commands. Only ABOR is heard at
 * once; its own reply waits for its turn. What cannot be read is an empty line. */
static void
on_line(FtpStep *step, GatewayText raw)
{
  FtpState *state = step->state;
  char bytes[FTP_LINE_MAX];
  GatewayText line = { bytes, 0 };
  if (!ftp_line_clean(raw, bytes, &line.size))
    line.size = 0;
  if (state->is_logged_in)
    ftp_arm(step, FTP_TIMER_IDLE, FTP_IDLE_MS);
  if (ftp_command_is_abort(line))
    ftp_transfer_abort(step);
  if (!ftp_queue_put(&state->queue, line)) {
    ftp_say(step, "421 Too many commands at once.");
    ftp_close(step);
  }
}

static void
on_timer(FtpStep *step, uint64_t timer)
{
  FtpState *state = step->state;
  if (timer == FTP_TIMER_FRESH) {
    state->is_fresh = false;
  } else if (timer == FTP_TIMER_IDLE && state->is_logged_in && state->wait != FTP_WAIT_NONE) {
    ftp_arm(step, FTP_TIMER_IDLE, FTP_IDLE_MS);
  } else if (timer == FTP_TIMER_IDLE) {
    ftp_say(step,
            state->is_logged_in ? "421 Nothing was asked for too long." : "421 The login took too long.");
    ftp_close(step);
  }
}

static void
on_event(FtpStep *step, const GatewayEvent *event)
{
  switch (event->kind) {
  case GATEWAY_EVENT_OPEN:
    on_open(step, event->text);
    return;
  case GATEWAY_EVENT_LINE:
    on_line(step, event->text);
    return;
  case GATEWAY_EVENT_LINE_TOO_LONG:
    on_line(step, GATEWAY_NO_TEXT);
    return;
  case GATEWAY_EVENT_ANSWER:
    on_answer(step, event->answer);
    return;
  case GATEWAY_EVENT_TIMER:
    on_timer(step, event->number);
    return;
  case GATEWAY_EVENT_WAKE:
    step->state->is_fresh = false; /* something is due: the next UPGRADE.TXT shows it */
    return;
  default:
    ftp_transfer_on_data(step, event);
    return;
  }
}

static void
run_queue(FtpStep *step)
{
  FtpState *state = step->state;
  char bytes[FTP_LINE_MAX];
  GatewayText line = { bytes, 0 };
  while (state->wait == FTP_WAIT_NONE && !state->is_closed &&
         ftp_queue_take(&state->queue, bytes, &line.size))
    ftp_command_run(step, line);
}

uint32_t
ftp_session_step(const GatewaySettings *settings, void *state, const GatewayEvent *event,
                 GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS])
{
  FtpStep step = { settings, state, scratch, actions, 0 };
  if (step.state->is_closed || event->kind == GATEWAY_EVENT_HANGUP)
    return 0;
  on_event(&step, event);
  if (!step.state->is_closed)
    run_queue(&step);
  return step.n;
}
