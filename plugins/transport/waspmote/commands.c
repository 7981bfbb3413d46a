/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verbs that are understood; every other is answered 502, whatever it would do. */
#include "session.h"

/* ---- login ---- */

/* Names that a node may have; another one is answered like a wrong password. */
static bool
is_node_name(GatewayText text)
{
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!c || (!is_plain && !strchr("._:@-", c)))
      return false;
  }
  return text.size > 0 && text.size <= FTP_USER_MAX;
}

static void
on_user(FtpStep *step, GatewayText name)
{
  FtpState *state = step->state;
  ftp_forget_login(step);
  memset(state->user, 0, sizeof state->user);
  if (is_node_name(name))
    memcpy(state->user, name.data, name.size);
  state->is_named = true;
  ftp_say(step, "331 The password, please.");
}

static void
on_pass(FtpStep *step, GatewayText password)
{
  FtpState *state = step->state;
  if (state->is_logged_in) {
    ftp_say(step, "230 Logged in already.");
    return;
  }
  if (!state->is_named) {
    ftp_say(step, "503 USER comes first.");
    return;
  }
  bool is_plausible = state->user[0] && password.size > 0 && password.size <= FTP_PASSWORD_MAX;
  if (is_plausible)
    memcpy(state->password, password.data, password.size);
  if (is_plausible)
    ftp_ask(step, GATEWAY_ASK_INTRODUCE, FTP_WAIT_LOGIN);
  else
    ftp_login_failed(step);
}

static void
on_quit(FtpStep *step, GatewayText argument)
{
  ftp_say(step, "221 Goodbye.");
  ftp_close(step);
}

/* ---- small talk ---- */

static void
on_syst(FtpStep *step, GatewayText argument)
{
  ftp_say(step, "215 UNIX Type: L8");
}

static void
on_feat(FtpStep *step, GatewayText argument)
{
  ftp_say(step, "211-Features:\r\n EPRT\r\n EPSV\r\n MDTM\r\n PASV\r\n REST STREAM\r\n SIZE\r\n211 End");
}

static void
on_noop(FtpStep *step, GatewayText argument)
{
  ftp_say(step, "200 Here.");
}

/* Whatever type is set, bytes go out as they are: a line end changed in UPGRADE.TXT is fatal to a node. */
static void
on_type(FtpStep *step, GatewayText argument)
{
  static const char *const KNOWN[] = { "A", "A N", "I", "L 8" };
  for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
    if (!ftp_is_word(argument, KNOWN[i]))
      continue;
    ftp_say(step, "200 Bytes go as they are.");
    return;
  }
  ftp_say(step, "504 No such type here.");
}

static void
on_mode(FtpStep *step, GatewayText argument)
{
  ftp_say(step, ftp_is_word(argument, "S") ? "200 Stream." : "504 Only S.");
}

static void
on_stru(FtpStep *step, GatewayText argument)
{
  ftp_say(step, ftp_is_word(argument, "F") ? "200 File." : "504 Only F.");
}

/* ---- directories ---- */

static FtpTarget
resolve(FtpStep *step, GatewayText path)
{
  FtpState *state = step->state;
  FtpTarget target = ftp_path_resolve(path, state->is_in_alias, state->upgrade.name);
  state->is_gprs |= target.is_by_alias;
  return ftp_path_has_glob(path) ? (FtpTarget){ .place = FTP_PLACE_NONE } : target;
}

static void
on_pwd(FtpStep *step, GatewayText argument)
{
  ftp_say(step, step->state->is_in_alias ? "257 \"/.gprs\"" : "257 \"/\"");
}

static void
on_cwd(FtpStep *step, GatewayText path)
{
  FtpTarget target = resolve(step, path);
  bool is_known = target.place == FTP_PLACE_ROOT || target.place == FTP_PLACE_ALIAS;
  if (is_known)
    step->state->is_in_alias = target.place == FTP_PLACE_ALIAS;
  ftp_say(step, is_known ? "250 There." : "550 No such directory.");
}

static void
on_cdup(FtpStep *step, GatewayText argument)
{
  on_cwd(step, GATEWAY_TEXT(".."));
}

/* ---- the data channel ---- */

static void
listen_for_data(FtpStep *step, FtpVerb verb)
{
  FtpState *state = step->state;
  ftp_data_drop(step);
  state->verb = verb;
  state->wait = FTP_WAIT_PASSIVE;
  ftp_act(step, (GatewayAction){ .kind = GATEWAY_ACTION_DATA });
}

static void
on_pasv(FtpStep *step, GatewayText argument)
{
  if (step->state->is_epsv_only)
    ftp_say(step, "501 Only EPSV, as was agreed.");
  else if (ftp_address_is_ipv6(gateway_text(step->state->peer)))
    ftp_say(step, "522 Not over IPv6, use EPSV.");
  else
    listen_for_data(step, FTP_PASV);
}

static void
on_epsv(FtpStep *step, GatewayText argument)
{
  bool is_ipv6 = ftp_address_is_ipv6(gateway_text(step->state->peer));
  if (ftp_is_word(argument, "ALL")) {
    step->state->is_epsv_only = true;
    ftp_say(step, "200 Only EPSV from now on.");
  } else if (argument.size == 0 || gateway_text_equal(argument, is_ipv6 ? "2" : "1")) {
    listen_for_data(step, FTP_EPSV);
  } else {
    ftp_say(step, is_ipv6 ? "522 Network protocol not supported, use (2)."
                          : "522 Network protocol not supported, use (1).");
  }
}

static void
take_port(FtpStep *step, FtpPort result, uint16_t port)
{
  FtpState *state = step->state;
  if (!step->settings->flag(step->settings, "active")) {
    ftp_say(step, "502 Active mode is switched off, use PASV.");
  } else if (state->is_epsv_only) {
    ftp_say(step, "501 Only EPSV, as was agreed.");
  } else if (result == FTP_PORT_UNREADABLE) {
    ftp_say(step, "501 No address and port.");
  } else if (result == FTP_PORT_FAMILY) {
    ftp_say(step, "522 Network protocol not supported, use (1,2).");
  } else if (result == FTP_PORT_FOREIGN) {
    ftp_say(step, "504 Only to your own address, and to no port below 1024.");
  } else {
    ftp_data_drop(step);
    state->data = FTP_DATA_ACTIVE;
    state->data_port = port;
    ftp_say(step, "200 There.");
  }
}

static void
on_port(FtpStep *step, GatewayText argument)
{
  uint16_t port = 0;
  FtpPort result = ftp_address_read_port(argument, gateway_text(step->state->peer), &port);
  take_port(step, result, port);
}

static void
on_eprt(FtpStep *step, GatewayText argument)
{
  uint16_t port = 0;
  FtpPort result = ftp_address_read_eprt(argument, gateway_text(step->state->peer), &port);
  take_port(step, result, port);
}

/* ---- files ---- */

static bool
is_known_image(const FtpState *state, const FtpTarget *target)
{
  return target->place == FTP_PLACE_IMAGE && state->upgrade.name[0] &&
         strcmp(target->name, state->upgrade.name) == 0;
}

/* With UPGRADE.TXT as it is told now, and a moment ago. */
static void
go_on_with_offer(FtpStep *step)
{
  if (step->state->is_fresh)
    ftp_transfer_go_on(step);
  else
    ftp_ask(step, GATEWAY_ASK_OFFER, FTP_WAIT_OFFER);
}

/* An image's size is that of the one which this node is pinned to. To ask the core would be to ask for bytes,
 * and that is evidence: GPRS modems ask for the size once more when they have it all. */
static void
on_size(FtpStep *step, GatewayText path)
{
  FtpState *state = step->state;
  FtpTarget target = resolve(step, path);
  if (is_known_image(state, &target)) {
    ftp_say(step, "213 %llu", (unsigned long long)state->upgrade.size);
  } else if (target.place == FTP_PLACE_UPGRADE) {
    state->verb = FTP_SIZE;
    state->target = target;
    go_on_with_offer(step);
  } else {
    ftp_say(step, "550 No such file.");
  }
}

static void
on_mdtm(FtpStep *step, GatewayText path)
{
  FtpTarget target = resolve(step, path);
  bool is_file = target.place == FTP_PLACE_UPGRADE || is_known_image(step->state, &target);
  ftp_say(step, is_file ? "213 20000101000000" : "550 No such file.");
}

/* Behind the options that clients are fond of: "-la UPGRADE.TXT". */
static GatewayText
skip_options(GatewayText path)
{
  while (path.size && (path.data[0] == '-' || path.data[0] == ' ')) {
    GatewayText option;
    ftp_line_split(path, &option, &path);
  }
  return path;
}

static bool
has_data_channel(FtpStep *step)
{
  if (step->state->data == FTP_DATA_NONE)
    ftp_say(step, "425 PASV or PORT comes first.");
  return step->state->data != FTP_DATA_NONE;
}

static void
list(FtpStep *step, FtpVerb verb, GatewayText path)
{
  FtpState *state = step->state;
  if (!has_data_channel(step))
    return;
  state->verb = verb;
  state->target = resolve(step, skip_options(path));
  if (is_known_image(state, &state->target))
    ftp_transfer_go_on(step);
  else if (state->target.place == FTP_PLACE_NONE || state->target.place == FTP_PLACE_IMAGE)
    ftp_transfer_fail(step, "550 No such file.");
  else
    go_on_with_offer(step);
}

static void
on_list(FtpStep *step, GatewayText path)
{
  list(step, FTP_LIST, path);
}

static void
on_nlst(FtpStep *step, GatewayText path)
{
  list(step, FTP_NLST, path);
}

static void
on_retr(FtpStep *step, GatewayText path)
{
  FtpState *state = step->state;
  if (!has_data_channel(step))
    return;
  state->verb = FTP_RETR;
  state->target = resolve(step, path);
  if (state->target.place == FTP_PLACE_UPGRADE)
    go_on_with_offer(step);
  else if (state->target.place == FTP_PLACE_IMAGE)
    ftp_ask(step, GATEWAY_ASK_BYTES, FTP_WAIT_BYTES);
  else
    ftp_transfer_fail(step, "550 No such file.");
}

static void
on_rest(FtpStep *step, GatewayText argument)
{
  bool is_number = ftp_number(argument, &step->state->rest);
  ftp_say(step, is_number ? "350 The next RETR begins there." : "501 A number of bytes, please.");
}

/* What there was to abort ended when the line came. */
static void
on_abor(FtpStep *step, GatewayText argument)
{
  ftp_data_drop(step);
  step->state->is_aborted = false;
  ftp_say(step, "226 Aborted.");
}

/* ---- the table ---- */

typedef struct {
  const char *verb;
  void (*run)(FtpStep *step, GatewayText argument);
  bool is_for_strangers;
} Command;

static const Command COMMANDS[] = {
  { "ABOR", on_abor, false }, { "CDUP", on_cdup, false }, { "CWD", on_cwd, false },
  { "EPRT", on_eprt, false }, { "EPSV", on_epsv, false }, { "FEAT", on_feat, false },
  { "LIST", on_list, false }, { "MDTM", on_mdtm, false }, { "MODE", on_mode, false },
  { "NLST", on_nlst, false }, { "NOOP", on_noop, false }, { "PASS", on_pass, true },
  { "PASV", on_pasv, false }, { "PORT", on_port, false }, { "PWD", on_pwd, false },
  { "QUIT", on_quit, true },  { "REST", on_rest, false }, { "RETR", on_retr, false },
  { "SIZE", on_size, false }, { "STRU", on_stru, false }, { "SYST", on_syst, false },
  { "TYPE", on_type, false }, { "USER", on_user, true },
};

bool
ftp_command_is_abort(GatewayText line)
{
  GatewayText verb, argument;
  ftp_line_split(line, &verb, &argument);
  return ftp_is_word(verb, "ABOR");
}

void
ftp_command_run(FtpStep *step, GatewayText line)
{
  const Command *command = NULL;
  GatewayText verb, argument;
  ftp_line_split(line, &verb, &argument);
  for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0] && !command; i++)
    command = ftp_is_word(verb, COMMANDS[i].verb) ? &COMMANDS[i] : NULL;
  if (verb.size == 0)
    ftp_say(step, "500 That is no command.");
  else if (!step->state->is_logged_in && !(command && command->is_for_strangers))
    ftp_say(step, "530 Login with USER and PASS.");
  else if (!command)
    ftp_say(step, "502 There is no such command here.");
  else
    command->run(step, argument);
}
