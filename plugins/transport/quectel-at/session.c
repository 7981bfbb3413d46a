/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#define TIMER 0
#define POLL_MS (10 * 60 * 1000)     /* modules ask their platform so often */
#define SUBMIT_MS 5000               /* between two 10702 while there are no bytes yet */
#define TRIES_MAX 6                  /* 30 s in all, as the module waits for its URL */
#define READ_MS (60 * 1000)          /* the MCU must read on within */
#define UPDATING_MS (20 * 60 * 1000) /* and come back with a version within */
#define BLOCK_RETRY_MS 250

/* One step that is being written. */
typedef struct {
  const GatewaySettings *settings;
  QuectelState *state;
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
send_text(Step *step, GatewayText text)
{
  put(step, (GatewayAction){ .kind = GATEWAY_ACTION_SEND, .text = text });
}

static void
send_ok(Step *step)
{
  send_text(step, GATEWAY_TEXT("\r\nOK\r\n"));
}

static void
send_error(Step *step)
{
  send_text(step, GATEWAY_TEXT("\r\nERROR\r\n"));
}

/* The leading empty line matters: programs read the answer as the second one. */
static void
send_line(Step *step, GatewayText line)
{
  send_text(step, gateway_print(step->scratch, "\r\n%.*s\r\n\r\nOK\r\n", GATEWAY_ARGS(line)));
}

static void
arm(Step *step, uint64_t ms)
{
  put(step, (GatewayAction){ .kind = GATEWAY_ACTION_ARM, .number = TIMER, .count = ms });
}

/* @data without blanks, "" = none. */
static void
send_event(Step *step, unsigned type, unsigned code, GatewayText data)
{
  send_text(step, data.size ? gateway_print(step->scratch, "\r\n+QIOTEVT: %u,%u,%.*s\r\n", type, code,
                                            GATEWAY_ARGS(data))
                            : gateway_print(step->scratch, "\r\n+QIOTEVT: %u,%u\r\n", type, code));
}

static QuectelComponent *
planned(QuectelState *state)
{
  return &state->components[state->component];
}

/* ---- asking ---- */

static void
ask(Step *step, GatewayAskKind kind, const QuectelComponent *component)
{
  GatewayAsk *one = &step->state->ask;
  *one = (GatewayAsk){ .size = sizeof(GatewayAsk), .kind = kind, .identity = GATEWAY_IDENTITY_ADDRESS };
  one->type = gateway_text(component->name);
  if (kind == GATEWAY_ASK_OFFER) {
    one->software_version = gateway_text(component->version);
    one->is_version_proof = component->version[0] != 0;
  } else {
    one->token = gateway_text(step->state->token);
  }
  put(step, (GatewayAction){ .kind = GATEWAY_ACTION_ASK, .ask = one });
}

static void
tell(Step *step, GatewayTellState told, const char *detail)
{
  ask(step, GATEWAY_ASK_TELL, planned(step->state));
  step->state->ask.state = told;
  step->state->ask.detail = gateway_text(detail);
}

/* Is there something for the next component? Ends with none when all were asked about. */
static void
ask_next(Step *step)
{
  QuectelState *state = step->state;
  if (state->plan == QUECTEL_NO_PLAN && state->is_registered && state->next < state->n_components)
    ask(step, GATEWAY_ASK_OFFER, &state->components[state->next++]);
}

static void
ask_all(Step *step)
{
  step->state->next = 0;
  arm(step, POLL_MS);
  ask_next(step);
}

/* ---- the plan ---- */

static void
end_plan(Step *step)
{
  step->state->plan = QUECTEL_NO_PLAN;
  step->state->read_count = 0;
  arm(step, POLL_MS);
}

static void
fail_plan(Step *step, const char *why)
{
  send_event(step, 7, 10706, GATEWAY_NO_TEXT);
  tell(step, GATEWAY_TELL_FAILED, why);
  end_plan(step);
}

static bool
keep(GatewayText text, char *ret, size_t size)
{
  if (text.size >= size || (text.size && memchr(text.data, 0, text.size)))
    return false;
  if (text.size)
    memcpy(ret, text.data, text.size);
  ret[text.size] = 0;
  return true;
}

/* What the MCU's scanf would stop at, or misread. */
static bool
is_wordable(GatewayText text)
{
  for (size_t i = 0; i < text.size; i++)
    if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '"' || text.data[i] == ',')
      return false;
  return text.size > 0;
}

static void
announce(Step *step)
{
  const QuectelState *state = step->state;
  const QuectelComponent *component = &state->components[state->component];
  const char *before = is_wordable(gateway_text(component->version)) ? component->version : "";
  GatewayText data =
      gateway_print(step->scratch, "\"%s\",\"%s\",\"%s\",%lld,-%lld,%u", component->name, before,
                    state->target, (long long)step->settings->number(step->settings, "min-battery"),
                    (long long)step->settings->number(step->settings, "min-signal"), state->size);
  send_event(step, 7, 10700, data);
}

static void
on_offer(Step *step, const GatewayImage *image)
{
  QuectelState *state = step->state;
  bool is_usable = is_wordable(image->software_version) && image->size <= UINT32_MAX &&
                   image->md5.size == 32 &&
                   keep(image->software_version, state->target, sizeof state->target) &&
                   keep(image->token, state->token, sizeof state->token) &&
                   keep(image->md5, state->md5, sizeof state->md5) &&
                   keep(image->sha256, state->sha256, sizeof state->sha256);
  if (!is_usable) {
    ask_next(step);
    return;
  }
  state->component = state->next - 1;
  state->size = (uint32_t)image->size;
  state->crc32 = image->crc32;
  state->plan = QUECTEL_PLAN;
  announce(step);
}

static void
start_download(Step *step)
{
  QuectelState *state = step->state;
  const char *name = planned(state)->name;
  send_event(step, 7, 10701,
             state->is_sha256_wanted ? gateway_print(step->scratch, "\"%s\",%u,\"%s\",%u,\"%s\"", name,
                                                     state->size, state->md5, state->crc32, state->sha256)
                                     : gateway_print(step->scratch, "\"%s\",%u,\"%s\",%u", name, state->size,
                                                     state->md5, state->crc32));
  send_event(step, 7, 10702, GATEWAY_NO_TEXT);
  send_event(step, 7, 10703, gateway_print(step->scratch, "\"%s\",%u,0,%u", name, state->size, state->size));
  state->plan = QUECTEL_READY;
  arm(step, READ_MS);
}

static void
on_bytes(Step *step, const GatewayAnswer *answer)
{
  QuectelState *state = step->state;
  if (state->plan != QUECTEL_SUBMITTED)
    return;
  if (answer->kind == GATEWAY_ANSWER_BYTES) {
    start_download(step);
  } else if ((answer->kind == GATEWAY_ANSWER_LATER || answer->kind == GATEWAY_ANSWER_NOTHING) &&
             ++state->n_tries < TRIES_MAX) {
    send_event(step, 7, 10702, GATEWAY_NO_TEXT);
    arm(step, SUBMIT_MS);
  } else {
    fail_plan(step, "the gateway had no bytes for it");
  }
}

/* ---- commands of the upgrade ---- */

static QuectelComponent *
find_component(QuectelState *state, GatewayText name)
{
  for (uint32_t i = 0; i < state->n_components; i++)
    if (gateway_text_equal(name, state->components[i].name))
      return &state->components[i];
  return NULL;
}

static QuectelComponent *
add_component(QuectelState *state, GatewayText name)
{
  QuectelComponent *component = find_component(state, name);
  if (component || state->n_components == QUECTEL_COMPONENTS_MAX || !is_wordable(name))
    return component;
  component = &state->components[state->n_components];
  if (!keep(name, component->name, sizeof component->name))
    return NULL;
  state->n_components++;
  return component;
}

/* It came back: the plan is decided by what it says, and the gateway hears it as proof. */
static void
judge_plan(Step *step, const QuectelComponent *component)
{
  QuectelState *state = step->state;
  if (state->plan < QUECTEL_SUBMITTED || component != planned(state))
    return;
  if (state->plan == QUECTEL_UPDATING)
    send_event(step, 7, strcmp(component->version, state->target) == 0 ? 10705 : 10706, GATEWAY_NO_TEXT);
  end_plan(step); /* in any other state it began anew before it had read everything */
}

static void
set_version(Step *step, GatewayText name, GatewayText version)
{
  QuectelState *state = step->state;
  QuectelComponent *component = add_component(state, name);
  if (!component || !keep(version, component->version, sizeof component->version)) {
    send_error(step);
    return;
  }
  send_ok(step);
  judge_plan(step, component);
  if (state->plan != QUECTEL_NO_PLAN || !state->is_registered || !component->version[0])
    return;
  state->next = (uint32_t)(component - state->components) + 1;
  ask(step, GATEWAY_ASK_OFFER, component);
}

static void
list_versions(Step *step)
{
  const QuectelState *state = step->state;
  for (uint32_t i = 0; i < state->n_components; i++)
    send_text(step, gateway_print(step->scratch, "\r\n+QIOTMCUVER: \"%s\",\"%s\"", state->components[i].name,
                                  state->components[i].version));
  send_text(step, GATEWAY_TEXT("\r\n\r\nOK\r\n"));
}

static void
on_mcuver(Step *step, const AtCommand *command)
{
  const QuectelComponent *component = find_component(step->state, command->arguments[0]);
  if (command->form == AT_READ) {
    list_versions(step);
  } else if (command->form == AT_WRITE && command->n_arguments == 2) {
    set_version(step, command->arguments[0], command->arguments[1]);
  } else if (command->form == AT_WRITE && component) {
    send_line(step, gateway_print(step->scratch, "+QIOTMCUVER: \"%s\",\"%s\"", component->name,
                                  component->version));
  } else {
    send_error(step);
  }
}

static void
refuse_plan(Step *step)
{
  send_ok(step);
  tell(step, GATEWAY_TELL_REFUSED, "the device refused the upgrade");
  end_plan(step);
}

static void
accept_plan(Step *step)
{
  QuectelState *state = step->state;
  send_ok(step);
  if (state->plan == QUECTEL_SUBMITTED)
    return; /* said again */
  state->plan = QUECTEL_SUBMITTED;
  state->n_tries = 0;
  ask(step, GATEWAY_ASK_BYTES, planned(state));
}

static void
finish_plan(Step *step)
{
  QuectelState *state = step->state;
  send_ok(step);
  if (state->plan == QUECTEL_UPDATING)
    return;
  state->plan = QUECTEL_UPDATING;
  send_event(step, 7, 10704, GATEWAY_NO_TEXT);
  arm(step, UPDATING_MS);
  tell(step, GATEWAY_TELL_INSTALLING, "it has the image and updates itself");
}

static void
on_update(Step *step, const AtCommand *command)
{
  QuectelPlanState plan = step->state->plan;
  uint64_t action = UINT64_MAX;
  bool is_write = command->form == AT_WRITE && at_number(command->arguments[0], &action);
  if (command->form == AT_TEST)
    send_line(step, GATEWAY_TEXT("+QIOTUPDATE: (0-3)"));
  else if (is_write && action == 0 && plan == QUECTEL_PLAN)
    refuse_plan(step);
  else if (is_write && action == 1 && (plan == QUECTEL_PLAN || plan == QUECTEL_SUBMITTED))
    accept_plan(step);
  else if (is_write && action == 3 && plan >= QUECTEL_READY)
    finish_plan(step);
  else
    send_error(step); /* 2 as well: the whole image is one piece */
}

static void
read_block(Step *step)
{
  put(step, (GatewayAction){ .kind = GATEWAY_ACTION_READ_BLOCK,
                             .number = step->state->read_offset,
                             .count = step->state->read_count });
}

/* Programs wait here for ever, and take no error for an answer: whatever lies in the image is answered with
 * data. */
static void
on_read(Step *step, const AtCommand *command)
{
  QuectelState *state = step->state;
  uint64_t offset, count;
  if (command->form == AT_TEST) {
    send_line(step, gateway_print(step->scratch, "+QIOTOTARD: 0,(1-%u)", QUECTEL_READ_MAX));
    return;
  }
  if (command->form != AT_WRITE || state->plan != QUECTEL_READY ||
      !at_number(command->arguments[0], &offset) || !at_number(command->arguments[1], &count) || count == 0 ||
      offset >= state->size) {
    send_error(step);
    return;
  }
  count = count < QUECTEL_READ_MAX ? count : QUECTEL_READ_MAX;
  state->read_offset = (uint32_t)offset;
  state->read_count = (uint32_t)(count < state->size - offset ? count : state->size - offset);
  read_block(step);
}

static void
on_block(Step *step, const GatewayEvent *event)
{
  QuectelState *state = step->state;
  if (state->plan != QUECTEL_READY || state->read_count == 0)
    return;
  if (event->text.size == 0) {
    arm(step, BLOCK_RETRY_MS);
    return;
  }
  send_text(step,
            gateway_print(step->scratch, "\r\n+QIOTOTARD: %u,%zu\r\n", state->read_offset, event->text.size));
  send_text(step, event->text);
  send_text(step, GATEWAY_TEXT("\r\n\r\nOK\r\n"));
  state->read_count = 0;
  arm(step, READ_MS);
}

static void
on_request(Step *step, const AtCommand *command)
{
  QuectelState *state = step->state;
  uint64_t wanted;
  if (command->form == AT_TEST) {
    send_line(step, GATEWAY_TEXT("+QIOTOTAREQ: (0,1)"));
    return;
  }
  if (command->form == AT_WRITE && at_number(command->arguments[0], &wanted))
    state->is_sha256_wanted = wanted == 1;
  send_ok(step);
  if (state->plan == QUECTEL_PLAN)
    announce(step);
  else if (state->plan == QUECTEL_NO_PLAN)
    ask_all(step);
}

/* ---- the rest of a module ---- */

static void
on_register(Step *step, const AtCommand *command)
{
  send_ok(step);
  if (command->form != AT_WRITE || !gateway_text_equal(command->arguments[0], "1"))
    return;
  for (unsigned type = 1; type <= 3; type++)
    send_event(step, type, 10200, GATEWAY_NO_TEXT);
  step->state->is_registered = true;
  ask_all(step);
}

static void
on_config(Step *step, const AtCommand *command)
{
  const GatewaySettings *settings = step->settings;
  bool is_question = command->form == AT_WRITE && command->n_arguments == 1;
  if (is_question && gateway_text_equal(command->arguments[0], "productinfo"))
    send_line(step, gateway_print(step->scratch, "+QIOTCFG: \"productinfo\",\"%s\",\"\",\"1.0.0\"",
                                  settings->text(settings, "product-key")));
  else if (is_question && gateway_text_equal(command->arguments[0], "server"))
    send_line(step, gateway_print(step->scratch, "+QIOTCFG: \"server\",1,\"%s\"",
                                  settings->text(settings, "server")));
  else if (is_question && gateway_text_equal(command->arguments[0], "lifetime"))
    send_line(step, GATEWAY_TEXT("+QIOTCFG: \"lifetime\",120"));
  else
    send_ok(step);
}

/* What programs ask any module before they begin. */
static const struct {
  const char *name, *reply;
} KNOWN[] = {
  { "+CSQ", "+CSQ: 20,99" },   { "+CEREG", "+CEREG: 0,1" }, { "+CFUN", "+CFUN: 1" },
  { "+CIPCA", "+CIPCA: 3,0" }, { "+QBAND", "+QBAND: 1,8" }, { "+QCGDEFCONT", "+QCGDEFCONT: \"IP\",\"\"" },
};

static void
on_other(Step *step, const AtCommand *command)
{
  bool is_set = command->form == AT_WRITE;
  for (size_t i = 0; i < GATEWAY_COUNT(KNOWN); i++) {
    if (!is_set && at_command_is(command, KNOWN[i].name)) {
      send_line(step, gateway_text(KNOWN[i].reply));
      return;
    }
  }
  send_ok(step);
}

static void
on_own(Step *step, const AtCommand *command)
{
  QuectelState *state = step->state;
  if (at_command_is(command, "E0") || at_command_is(command, "E1")) {
    state->is_echo = command->name.data[1] == '1';
    send_ok(step);
  } else if (at_command_is(command, "+CGSN")) {
    send_line(step,
              gateway_print(step->scratch, "+CGSN: \"%s\"", step->settings->text(step->settings, "imei")));
  } else if (at_command_is(command, "+QIOTSTATE")) {
    send_line(step, state->is_registered ? GATEWAY_TEXT("+QIOTSTATE: 8") : GATEWAY_TEXT("+QIOTSTATE: 0"));
  } else {
    on_other(step, command);
  }
}

static const struct {
  const char *name;
  void (*run)(Step *step, const AtCommand *command);
} COMMANDS[] = {
  { "+QIOTOTARD", on_read },     { "+QIOTUPDATE", on_update }, { "+QIOTMCUVER", on_mcuver },
  { "+QIOTOTAREQ", on_request }, { "+QIOTREG", on_register },  { "+QIOTCFG", on_config },
};

static void
on_line(Step *step, GatewayText line)
{
  AtCommand command = at_command_read(line);
  if (command.form == AT_NONE)
    return;
  if (step->state->is_echo)
    send_text(step, gateway_print(step->scratch, "%.*s\r", GATEWAY_ARGS(line)));
  for (size_t i = 0; i < GATEWAY_COUNT(COMMANDS); i++) {
    if (at_command_is(&command, COMMANDS[i].name)) {
      COMMANDS[i].run(step, &command);
      return;
    }
  }
  on_own(step, &command);
}

/* ---- events ---- */

static void
on_answer(Step *step, const GatewayAnswer *answer)
{
  QuectelState *state = step->state;
  switch (state->ask.kind) {
  case GATEWAY_ASK_OFFER:
    if (answer->kind == GATEWAY_ANSWER_OFFER && state->plan == QUECTEL_NO_PLAN)
      on_offer(step, &answer->image);
    else
      ask_next(step);
    break;
  case GATEWAY_ASK_BYTES:
    on_bytes(step, answer);
    break;
  default:
    break;
  }
}

static void
on_timer(Step *step)
{
  switch (step->state->plan) {
  case QUECTEL_NO_PLAN:
    ask_all(step);
    break;
  case QUECTEL_PLAN:
    announce(step);
    arm(step, POLL_MS);
    break;
  case QUECTEL_SUBMITTED:
    ask(step, GATEWAY_ASK_BYTES, planned(step->state));
    break;
  case QUECTEL_READY:
    if (step->state->read_count)
      read_block(step);
    else
      fail_plan(step, "the device stopped reading for a minute");
    break;
  case QUECTEL_UPDATING:
    fail_plan(step, "the device did not say its version within 20 minutes");
    break;
  }
}

static void
on_wake(Step *step)
{
  if (step->state->plan == QUECTEL_NO_PLAN)
    ask_all(step);
}

uint32_t
quectel_step(const GatewaySettings *settings, void *memory, const GatewayEvent *event,
             GatewayScratch *scratch, GatewayAction actions[GATEWAY_MAX_ACTIONS])
{
  Step step = { settings, memory, scratch, actions, 0 };
  switch (event->kind) {
  case GATEWAY_EVENT_OPEN:
    step.state->is_echo = settings->flag(settings, "echo");
    put(&step, (GatewayAction){ .kind = GATEWAY_ACTION_MODE, .number = GATEWAY_LINES });
    break;
  case GATEWAY_EVENT_LINE:
    on_line(&step, event->text);
    break;
  case GATEWAY_EVENT_ANSWER:
    on_answer(&step, event->answer);
    break;
  case GATEWAY_EVENT_BLOCK:
    on_block(&step, event);
    break;
  case GATEWAY_EVENT_TIMER:
    on_timer(&step);
    break;
  case GATEWAY_EVENT_WAKE:
    on_wake(&step);
    break;
  default:
    break;
  }
  return step.n;
}
