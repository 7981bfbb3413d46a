/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#define COMMAND_TIMER 0
#define COMMAND_MS 5000
#define PHASE_TIMER 1
#define CHECK_MS (10 * 60 * 1000)      /* while nothing is going on */
#define ABSENT_MS (10 * 1000)          /* while nobody answers */
#define AGAIN_MS (60 * 1000)           /* code 43: its image is being prepared */
#define RESTARTING_MS (20 * 60 * 1000) /* to restart and say its version */
#define SILENT_MAX 20                  /* polls without an answer */
#define IDLE_MAX 2                     /* polls answered "nothing is going on" */
#define TRIES 5
#define BEING_PREPARED 43

/* One step that is being written. */
typedef struct {
  const GatewaySettings *settings;
  LuatState *state;
  GatewayScratch *scratch;
  GatewayAction *actions;
  uint32_t n;
} Step;

static void
put(Step *step, GatewayAction action)
{
  if (step->n < GATEWAY_MAX_ACTIONS)
    step->actions[step->n++] = action;
}

static void
arm(Step *step, uint64_t timer, uint64_t ms)
{
  if (!step->state->is_read_only)
    put(step, (GatewayAction){ .kind = GATEWAY_ACTION_ARM, .number = timer, .count = ms });
}

static void
enter(Step *step, LuatPhase phase, uint64_t ms)
{
  step->state->phase = phase;
  arm(step, PHASE_TIMER, ms);
}

static bool
keep(GatewayText text, char *ret, size_t size)
{
  if (text.size == 0 || text.size >= size)
    return false;
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '"')
      return false;
  memcpy(ret, text.data, text.size);
  ret[text.size] = 0;
  return true;
}

/* ---- asking the gateway ---- */

/* Never beside something else: in the middle of an update the version from before would be proof of a
 * failure. */
static void
say_version(LuatState *state)
{
  state->ask.software_version = gateway_text(state->version);
  state->ask.is_version_proof = state->is_proven;
}

static void
ask(Step *step, GatewayAskKind kind)
{
  LuatState *state = step->state;
  state->ask = (GatewayAsk){ .size = sizeof(GatewayAsk), .kind = kind, .identity = GATEWAY_IDENTITY_ADDRESS };
  if (kind == GATEWAY_ASK_OFFER)
    say_version(state);
  if (state->imei[0])
    state->ask.aliases[state->ask.n_aliases++] =
        (GatewayPair){ GATEWAY_TEXT("imei"), gateway_text(state->imei) };
  if (kind == GATEWAY_ASK_TELL)
    state->ask.token = gateway_text(state->token);
  state->is_asking = true;
  put(step, (GatewayAction){ .kind = GATEWAY_ACTION_ASK, .ask = &state->ask });
}

static void
tell(Step *step, GatewayTellState told, const char *code, const char *detail)
{
  ask(step, GATEWAY_ASK_TELL);
  step->state->ask.state = told;
  step->state->ask.code = gateway_text(code);
  step->state->ask.detail = gateway_text(detail);
}

static void
fail(Step *step, const char *code, const char *detail)
{
  tell(step, GATEWAY_TELL_FAILED, code, detail);
  enter(step, LUAT_IDLE, CHECK_MS);
}

/* ---- commands ---- */

static const char *
word_of(const Step *step, LuatCommand command)
{
  const GatewaySettings *settings = step->settings;
  const LuatState *state = step->state;
  switch (command) {
  case LUAT_ECHO:
    return "ATE0";
  case LUAT_IMEI:
    return "AT+CGSN";
  case LUAT_REVISION:
    return "AT+CGMR";
  case LUAT_AUTO:
    return settings->flag(settings, "auto") ? "AT+UPGRADE=\"AUTO\",1" : "AT+UPGRADE=\"AUTO\",0";
  case LUAT_PERIOD:
    return gateway_print(step->scratch, "AT+UPGRADE=\"PERIOD\",%lld",
                         (long long)settings->number(settings, "period") / 1000)
        .data;
  case LUAT_URL:
    return gateway_print(step->scratch, "AT+UPGRADE=\"URL\",\"%s%s.bin\"", settings->text(settings, "url"),
                         state->token)
        .data;
  case LUAT_UPGRADE:
    return "AT+UPGRADE";
  case LUAT_QUERY:
    return "AT+UPGRADE?";
  default:
    return NULL;
  }
}

static void
send_command(Step *step, LuatCommand command)
{
  const char *word = word_of(step, command);
  GatewayText line = word ? gateway_print(step->scratch, "%s\r", word) : GATEWAY_NO_TEXT;
  step->state->command = command;
  put(step, (GatewayAction){ .kind = GATEWAY_ACTION_SEND, .text = line });
  arm(step, COMMAND_TIMER, COMMAND_MS);
}

static void
set_up(Step *step)
{
  step->state->n_silent = 0;
  enter(step, LUAT_SETTING_UP, 0);
  send_command(step, LUAT_ECHO);
}

/* Now, or as soon as what is going on is over. */
static void
look(Step *step)
{
  LuatState *state = step->state;
  if (state->is_read_only)
    return;
  state->is_due = state->phase != LUAT_IDLE || state->is_asking || state->command != LUAT_NO_COMMAND;
  if (!state->is_due)
    set_up(step);
}

static void
download(Step *step)
{
  LuatState *state = step->state;
  state->n_silent = state->n_idle = 0;
  state->percent = state->told_percent = -1;
  enter(step, LUAT_DOWNLOADING, (uint64_t)step->settings->number(step->settings, "poll"));
}

/* @is_good: OK, else ERROR. What a module does not know to set, it does not need. */
static void
on_end(Step *step, bool is_good)
{
  LuatState *state = step->state;
  LuatCommand command = state->command;
  state->command = LUAT_NO_COMMAND;
  state->n_silent = 0;
  arm(step, COMMAND_TIMER, 0);
  if (command >= LUAT_ECHO && command < LUAT_PERIOD) {
    send_command(step, command + 1);
  } else if (command == LUAT_PERIOD) {
    enter(step, LUAT_IDLE, CHECK_MS);
    ask(step, GATEWAY_ASK_OFFER);
  } else if (command == LUAT_URL && is_good) {
    send_command(step, LUAT_UPGRADE);
  } else if (command == LUAT_UPGRADE && is_good) {
    download(step);
  } else if (command == LUAT_URL || command == LUAT_UPGRADE) {
    fail(step, NULL,
         command == LUAT_URL ? "the module does not take the URL"
                             : "the module does not begin: AT+UPGRADE was answered with ERROR");
  }
}

static void
on_text(Step *step, GatewayText text)
{
  LuatState *state = step->state;
  bool is_new = state->command == LUAT_REVISION && !gateway_text_equal(text, state->version);
  if (state->command == LUAT_IMEI && text.size == 15)
    (void)keep(text, state->imei, sizeof state->imei);
  else if (is_new && keep(text, state->version, sizeof state->version))
    state->is_proven = false;
}

/* ---- the update ---- */

static void
start(Step *step, const GatewayImage *image)
{
  LuatState *state = step->state;
  const char *url = step->settings->text(step->settings, "url");
  if (!keep(image->token, state->token, sizeof state->token))
    return;
  if (!keep(image->software_version, state->target, sizeof state->target) ||
      strncmp(url, "http://", 7) != 0) {
    fail(step, NULL,
         url[0] ? "its version has characters that the module cannot say, or url= is no http:// URL"
                : "url= of [plugin openluat-at] is not set: the module must know where to fetch");
    return;
  }
  state->n_tries = 0;
  state->is_flashing = false;
  enter(step, LUAT_STARTING, 0);
  send_command(step, LUAT_URL);
}

static const char *
meaning_of(int32_t error)
{
  static const char *const MEANINGS[] = { "a bad URL",          "no network",    "no connection",
                                          "a bad firmware",     "an HTTP error", "it could not be stored",
                                          "an error of its own" };
  return error <= -1000 && error >= -1006 ? MEANINGS[-error - 1000] : "an unknown error";
}

/* -1003 with 43 is no failure: the image is being prepared. */
static void
judge_error(Step *step, int32_t error, int32_t status, int32_t cause)
{
  LuatState *state = step->state;
  if (cause == BEING_PREPARED && ++state->n_tries < TRIES) {
    enter(step, LUAT_STARTING, AGAIN_MS);
    return;
  }
  snprintf(state->words, sizeof state->words, "the module says %d: %s (HTTP status %d, cause %d)", (int)error,
           meaning_of(error), (int)status, (int)cause);
  fail(step, NULL, state->words);
}

static void
on_state(Step *step, const LuatReply *reply)
{
  LuatState *state = step->state;
  if (state->phase < LUAT_DOWNLOADING)
    return;
  state->n_idle = reply->numbers[0] == 0 ? state->n_idle + 1 : 0;
  if (reply->numbers[0] == 2 && reply->numbers[1] < 0)
    judge_error(step, reply->numbers[1], reply->numbers[2], reply->numbers[3]);
  else if (reply->numbers[0] == 2 && state->phase == LUAT_DOWNLOADING)
    enter(step, LUAT_RESTARTING, RESTARTING_MS);
  else if (state->phase == LUAT_DOWNLOADING && state->n_idle >= IDLE_MAX)
    fail(step, NULL, "the module has given the download up, and does not say why");
}

/* An error is asked about at once, for its cause; where nothing may be asked it is all there is. */
static void
on_percent(Step *step, int32_t percent)
{
  LuatState *state = step->state;
  if (percent < 0 && state->is_read_only) {
    judge_error(step, percent, 0, 0);
  } else if (percent < 0) {
    if (state->phase >= LUAT_DOWNLOADING && state->command == LUAT_NO_COMMAND)
      send_command(step, LUAT_QUERY);
  } else if (percent <= 100 &&
             (percent == 100 || percent >= state->told_percent + 10 || percent < state->percent)) {
    state->told_percent = percent;
    tell(step, GATEWAY_TELL_PROGRESS, NULL, NULL);
    state->ask.percent = (uint32_t)percent;
  }
  state->percent = percent;
  if (percent == 100 && state->phase == LUAT_DOWNLOADING)
    enter(step, LUAT_RESTARTING, RESTARTING_MS);
}

static void
on_flashed(Step *step)
{
  LuatState *state = step->state;
  if (state->is_flashing)
    return;
  state->is_flashing = true;
  if (state->phase == LUAT_DOWNLOADING)
    enter(step, LUAT_RESTARTING, RESTARTING_MS);
  tell(step, GATEWAY_TELL_INSTALLING, NULL, "the module writes its flash");
}

/* The proof; other than that of the offer, it decides too. */
static void
on_version(Step *step, GatewayText version)
{
  LuatState *state = step->state;
  bool was_updating = state->phase >= LUAT_DOWNLOADING;
  if (!keep(version, state->version, sizeof state->version))
    return;
  state->is_proven = true;
  state->is_flashing = false;
  state->command = LUAT_NO_COMMAND;
  arm(step, COMMAND_TIMER, 0);
  enter(step, LUAT_IDLE, CHECK_MS);
  if (was_updating && strcmp(state->version, state->target) != 0) {
    snprintf(state->words, sizeof state->words, "it came back with %s", state->version);
    tell(step, GATEWAY_TELL_FAILED, NULL, state->words);
  } else if (state->is_read_only) {
    tell(step, GATEWAY_TELL_PROGRESS, NULL, NULL);
    state->ask.percent = 100;
  } else {
    ask(step, GATEWAY_ASK_OFFER);
  }
  say_version(state);
}

static void
on_reported(Step *step, bool is_good)
{
  ask(step, GATEWAY_ASK_INTRODUCE);
  GatewayAsk *one = &step->state->ask;
  one->attributes[one->n_attributes++] =
      (GatewayPair){ GATEWAY_TEXT("vendor-report"),
                     is_good ? GATEWAY_TEXT("arrived") : GATEWAY_TEXT("did not arrive") };
}

/* ---- events ---- */

static void
on_line(Step *step, GatewayText line)
{
  LuatReply reply = luat_reply_read(line);
  switch (reply.kind) {
  case LUAT_OK:
  case LUAT_ERROR:
    if (step->state->command != LUAT_NO_COMMAND)
      on_end(step, reply.kind == LUAT_OK);
    break;
  case LUAT_TEXT:
    on_text(step, reply.text);
    break;
  case LUAT_STATE:
    on_state(step, &reply);
    break;
  case LUAT_PERCENT:
    on_percent(step, reply.numbers[0]);
    break;
  case LUAT_FLASHED:
    on_flashed(step);
    break;
  case LUAT_VERSION:
    on_version(step, reply.text);
    break;
  case LUAT_REPORTED:
    on_reported(step, reply.numbers[0] == 1);
    break;
  case LUAT_OTHER:
    break;
  }
}

static void
on_answer(Step *step, const GatewayAnswer *answer)
{
  LuatState *state = step->state;
  state->is_asking = false;
  if (state->is_read_only)
    return;
  if (state->ask.kind == GATEWAY_ASK_OFFER && answer->kind == GATEWAY_ANSWER_OFFER &&
      state->phase == LUAT_IDLE)
    start(step, &answer->image);
  else if (state->is_due)
    look(step);
}

/* Nobody is there, or it restarts: the download goes on without an answer. */
static void
on_silence(Step *step)
{
  LuatState *state = step->state;
  LuatCommand command = state->command;
  state->command = LUAT_NO_COMMAND;
  if (state->phase == LUAT_SETTING_UP)
    enter(step, LUAT_IDLE, ABSENT_MS);
  else if (command == LUAT_URL || command == LUAT_UPGRADE)
    fail(step, NULL, "the module does not answer");
}

static void
on_phase_over(Step *step)
{
  LuatState *state = step->state;
  switch (state->phase) {
  case LUAT_IDLE:
    look(step);
    break;
  case LUAT_STARTING:
    send_command(step, LUAT_UPGRADE);
    break;
  case LUAT_DOWNLOADING:
    if (++state->n_silent > SILENT_MAX) {
      fail(step, NULL, "the module stopped answering in the middle of the download");
      break;
    }
    send_command(step, LUAT_QUERY);
    enter(step, LUAT_DOWNLOADING, (uint64_t)step->settings->number(step->settings, "poll"));
    break;
  case LUAT_RESTARTING:
    fail(step, NULL, "the module has the image, and did not say its version within 20 minutes");
    break;
  case LUAT_SETTING_UP:
    break;
  }
}

static void
on_timer(Step *step, uint64_t timer)
{
  if (step->state->is_asking)
    arm(step, timer, 1000);
  else if (timer == COMMAND_TIMER)
    on_silence(step);
  else
    on_phase_over(step);
}

/* Is @name among the names of "read-only"? */
static bool
is_listed(const char *list, GatewayText name)
{
  for (const char *at = list; *at; at += strcspn(at, ", ")) {
    at += strspn(at, ", ");
    size_t size = strcspn(at, ", ");
    if (size > 0 && size == name.size && memcmp(at, name.data, size) == 0)
      return true;
  }
  return false;
}

static void
on_open(Step *step, GatewayText line)
{
  put(step, (GatewayAction){ .kind = GATEWAY_ACTION_MODE, .number = GATEWAY_LINES });
  step->state->percent = step->state->told_percent = -1;
  step->state->is_read_only = is_listed(step->settings->text(step->settings, "read-only"), line);
  look(step);
}

uint32_t
luat_step(const GatewaySettings *settings, void *memory, const GatewayEvent *event, GatewayScratch *scratch,
          GatewayAction actions[GATEWAY_MAX_ACTIONS])
{
  Step step = { settings, memory, scratch, actions, 0 };
  switch (event->kind) {
  case GATEWAY_EVENT_OPEN:
    on_open(&step, event->text);
    break;
  case GATEWAY_EVENT_LINE:
    on_line(&step, event->text);
    break;
  case GATEWAY_EVENT_ANSWER:
    on_answer(&step, event->answer);
    break;
  case GATEWAY_EVENT_TIMER:
    on_timer(&step, event->number);
    break;
  case GATEWAY_EVENT_WAKE:
    look(&step);
    break;
  default:
    break;
  }
  return step.n;
}
