/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is trusted here: nothing that the client says about itself. Its address was compared where PORT was
 * read, and what goes out in an action is the address it speaks from. The host checks both again, and lets
 * nobody else into a passive channel. "226" rests on the host's word that all was acknowledged. */
#include "session.h"

void
ftp_data_drop(FtpStep *step)
{
  FtpState *state = step->state;
  bool is_open = state->data == FTP_DATA_PASSIVE || state->wait >= FTP_WAIT_ACTIVE;
  if (is_open)
    ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_DATA_CLOSE });
  state->data = FTP_DATA_NONE;
  state->is_connected = false;
}

static void
end(FtpStep *step)
{
  ftp_data_drop(step);
  step->state->wait = FTP_WAIT_NONE;
  step->state->verb = FTP_NO_VERB;
  step->state->rest = 0;
}

void
ftp_transfer_fail(FtpStep *step, const char *reply)
{
  if (step->state->verb == FTP_SIZE)
    step->state->verb = FTP_NO_VERB;
  else
    end(step);
  ftp_say(step, "%s", reply);
}

/* ---- what is sent ---- */

/* The columns that the 3G modem counts: the size is the fifth. Nothing here has a date. */
static GatewayText
print_entry(const FtpState *state, uint64_t size, const char *name, GatewayScratch *scratch)
{
  if (state->verb == FTP_NLST)
    return gateway_print(scratch, "%s\r\n", name);
  return gateway_print(scratch, "-r--r--r--   1 root     root     %8llu Jan  1  2000 %s\r\n",
                       (unsigned long long)size, name);
}

static GatewayText
print_listing(const FtpState *state, GatewayScratch *scratch)
{
  size_t size = upgrade_print(&state->upgrade, scratch).size;
  GatewayText upgrade = print_entry(state, size, FTP_UPGRADE_NAME, scratch);
  if (state->target.place == FTP_PLACE_UPGRADE)
    return upgrade;
  GatewayText image = print_entry(state, state->upgrade.size, state->upgrade.name, scratch);
  if (state->target.place == FTP_PLACE_IMAGE)
    return image;
  if (!state->upgrade.name[0])
    return upgrade;
  return gateway_print(scratch, "%.*s%.*s", GATEWAY_ARGS(upgrade), GATEWAY_ARGS(image));
}

static bool
is_image(const FtpState *state)
{
  return state->verb == FTP_RETR && state->target.place == FTP_PLACE_IMAGE;
}

static GatewayText
print_text(const FtpState *state, GatewayScratch *scratch)
{
  return state->verb == FTP_RETR ? upgrade_print(&state->upgrade, scratch) : print_listing(state, scratch);
}

static const char *
shown_name(const FtpState *state)
{
  if (state->verb != FTP_RETR)
    return "the list";
  return is_image(state) ? state->target.name : FTP_UPGRADE_NAME;
}

/* ---- going on ---- */

/* The last action of its step: what the host says to it may come at once. */
static void
stream(FtpStep *step)
{
  FtpState *state = step->state;
  GatewayAction action = { .kind = GATEWAY_ACTION_STREAM, .number = state->rest, .is_data = true };
  state->wait = FTP_WAIT_DRAINED;
  if (!is_image(state) || state->rest == state->size) {
    GatewayText text = is_image(state) ? GATEWAY_NO_TEXT : print_text(state, step->scratch);
    size_t skipped = text.size < state->rest ? text.size : (size_t)state->rest;
    action.is_text = true;
    action.number = 0;
    action.text = text.size ? (GatewayText){ text.data + skipped, text.size - skipped } : text;
  }
  ftp_act(step, action);
}

static void
connect(FtpStep *step)
{
  FtpState *state = step->state;
  state->wait = FTP_WAIT_ACTIVE;
  ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_DATA,
                                 .text = gateway_text(state->peer),
                                 .number = state->data_port });
}

static void
begin(FtpStep *step)
{
  FtpState *state = step->state;
  uint64_t size = is_image(state) ? state->size : print_text(state, step->scratch).size;
  if (state->verb != FTP_RETR)
    state->rest = 0;
  if (state->is_aborted) {
    ftp_transfer_fail(step, "426 Aborted.");
    return;
  }
  if (state->data == FTP_DATA_NONE) { /* it failed while the answer was awaited */
    ftp_transfer_fail(step, "425 No data connection.");
    return;
  }
  if (state->rest > size) {
    ftp_transfer_fail(step, "554 The file ends before that.");
    return;
  }
  ftp_say(step, "150 Opening the data connection for %s (%llu bytes).", shown_name(state),
          (unsigned long long)size);
  if (state->data == FTP_DATA_ACTIVE)
    connect(step);
  else
    stream(step);
}

void
ftp_transfer_go_on(FtpStep *step)
{
  FtpState *state = step->state;
  if (state->verb != FTP_SIZE) {
    begin(step);
    return;
  }
  state->verb = FTP_NO_VERB;
  ftp_say(step, "213 %zu", upgrade_print(&state->upgrade, step->scratch).size);
}

void
ftp_transfer_abort(FtpStep *step)
{
  FtpState *state = step->state;
  state->is_aborted = state->wait != FTP_WAIT_NONE;
  if (state->wait != FTP_WAIT_ACTIVE && state->wait != FTP_WAIT_DRAINED)
    return;
  end(step);
  ftp_say(step, "426 Aborted.");
}

/* ---- what the data channel says ---- */

static void
tell_passive(FtpStep *step, GatewayText own, uint64_t port)
{
  FtpState *state = step->state;
  bool is_extended = state->verb == FTP_EPSV;
  GatewayText external = gateway_text(step->settings->text(step->settings, "external-address"));
  GatewayText address = ftp_address_print_pasv(own, external, gateway_text(state->peer), step->scratch);
  state->data = FTP_DATA_PASSIVE;
  if (port == 0 || port > UINT16_MAX || (!is_extended && !address.size)) {
    ftp_transfer_fail(step, "425 No data connection now.");
    return;
  }
  state->wait = FTP_WAIT_NONE;
  state->verb = FTP_NO_VERB;
  if (is_extended)
    ftp_say(step, "229 Entering Extended Passive Mode (|||%u|)", (unsigned)port);
  else
    ftp_say(step, "227 Entering Passive Mode (%.*s,%u,%u)", GATEWAY_ARGS(address), (unsigned)port >> 8,
            (unsigned)port & 255);
}

static void
on_up(FtpStep *step, const GatewayEvent *event)
{
  FtpState *state = step->state;
  if (state->wait == FTP_WAIT_PASSIVE) {
    tell_passive(step, event->text, event->number);
    return;
  }
  state->is_connected = state->data != FTP_DATA_NONE;
  if (state->wait == FTP_WAIT_ACTIVE)
    stream(step);
}

/* The host has closed it already. */
static void
on_failed(FtpStep *step)
{
  FtpState *state = step->state;
  bool was_awaited = state->wait >= FTP_WAIT_PASSIVE;
  bool was_connected = state->is_connected;
  state->data = FTP_DATA_NONE;
  state->is_connected = false;
  if (!was_awaited)
    return;
  state->wait = FTP_WAIT_NONE;
  end(step);
  ftp_say(step, was_connected ? "426 The data connection broke." : "425 No data connection.");
}

void
ftp_transfer_on_data(FtpStep *step, const GatewayEvent *event)
{
  FtpState *state = step->state;
  if (event->kind == GATEWAY_EVENT_DATA_UP) {
    on_up(step, event);
  } else if (event->kind == GATEWAY_EVENT_DATA_FAILED) {
    on_failed(step);
  } else if (event->kind == GATEWAY_EVENT_DATA_DRAINED && state->wait == FTP_WAIT_DRAINED) {
    end(step);
    ftp_say(step, "226 All of it was received.");
  } else if (event->kind == GATEWAY_EVENT_BLOCK && state->wait == FTP_WAIT_DRAINED) {
    end(step);
    ftp_say(step, "451 It cannot be read.");
  }
}
