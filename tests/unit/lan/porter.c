/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A session plugin that does with data channels what the peer says, and says what it hears of them:
 *   PASV | PORT ADDRESS PORT | TEXT WORDS | IMAGE OFFSET COUNT | CLOSE | GET | BYE
 *   AGAIN: opens, closes and opens, in one step; BOTH WORDS: opens and sends, in one step */
#include "gateway-plugin.h"

typedef struct {
  GatewayScratch *scratch;
  GatewayAction *actions;
  uint32_t n;
} Step;

static void
act(Step *step, GatewayAction action)
{
  step->actions[step->n++] = action;
}

static void
say(Step *step, GatewayText text)
{
  act(step, (GatewayAction){ .kind = GATEWAY_ACTION_SEND, .text = text });
}

static uint64_t
number(GatewayText *rest)
{
  uint64_t value = 0;
  while (rest->size > 0 && rest->data[0] >= '0' && rest->data[0] <= '9') {
    value = value * 10 + (uint64_t)(rest->data[0] - '0');
    *rest = (GatewayText){ rest->data + 1, rest->size - 1 };
  }
  if (rest->size > 0)
    *rest = (GatewayText){ rest->data + 1, rest->size - 1 };
  return value;
}

static bool
takes(GatewayText *rest, const char *word)
{
  size_t size = strlen(word);
  if (rest->size < size || memcmp(rest->data, word, size) != 0)
    return false;
  size_t used = rest->size > size ? size + 1 : size;
  *rest = (GatewayText){ rest->data + used, rest->size - used };
  return true;
}

static void
dial(Step *step, GatewayText rest)
{
  const char *blank = memchr(rest.data, ' ', rest.size);
  GatewayText address = { rest.data, (size_t)(blank - rest.data) };
  GatewayText port = { blank + 1, rest.size - address.size - 1 };
  act(step, (GatewayAction){ .kind = GATEWAY_ACTION_DATA, .text = address, .number = number(&port) });
}

static void
send_text(Step *step, GatewayText text)
{
  act(step, (GatewayAction){ .kind = GATEWAY_ACTION_STREAM, .is_data = true, .is_text = true, .text = text });
}

static void
ask(Step *step, GatewayAsk *ret_ask)
{
  *ret_ask = (GatewayAsk){ .size = sizeof *ret_ask, .kind = GATEWAY_ASK_BYTES };
  act(step, (GatewayAction){ .kind = GATEWAY_ACTION_ASK, .ask = ret_ask });
}

static void
on_line(Step *step, GatewayText line, GatewayAsk *ret_ask)
{
  GatewayAction passive = { .kind = GATEWAY_ACTION_DATA }, over = { .kind = GATEWAY_ACTION_DATA_CLOSE };
  if (takes(&line, "PASV")) {
    act(step, passive);
  } else if (takes(&line, "AGAIN")) {
    act(step, passive);
    act(step, over);
    act(step, passive);
  } else if (takes(&line, "BOTH")) {
    act(step, passive);
    send_text(step, line);
  } else if (takes(&line, "PORT")) {
    dial(step, line);
  } else if (takes(&line, "TEXT")) {
    send_text(step, line);
  } else if (takes(&line, "IMAGE")) {
    uint64_t offset = number(&line);
    act(step, (GatewayAction){
                  .kind = GATEWAY_ACTION_STREAM, .is_data = true, .number = offset, .count = number(&line) });
  } else if (takes(&line, "CLOSE")) {
    act(step, over);
  } else if (takes(&line, "GET")) {
    ask(step, ret_ask);
  } else if (takes(&line, "BYE")) {
    act(step, (GatewayAction){ .kind = GATEWAY_ACTION_CLOSE });
  }
}

static uint32_t
step_session(const GatewaySettings *settings, void *state, const GatewayEvent *event, GatewayScratch *scratch,
             GatewayAction actions[GATEWAY_MAX_ACTIONS])
{
  Step step = { scratch, actions, 0 };
  if (event->kind == GATEWAY_EVENT_LINE)
    on_line(&step, event->text, state);
  else if (event->kind == GATEWAY_EVENT_DATA_UP)
    say(&step, event->text.size ? gateway_print(scratch, "AT %.*s %u\n", GATEWAY_ARGS(event->text),
                                                (unsigned)event->number)
                                : GATEWAY_TEXT("UP\n"));
  else if (event->kind == GATEWAY_EVENT_DATA_DRAINED)
    say(&step, GATEWAY_TEXT("DRAINED\n"));
  else if (event->kind == GATEWAY_EVENT_DATA_FAILED)
    say(&step, GATEWAY_TEXT("FAILED\n"));
  else if (event->kind == GATEWAY_EVENT_BLOCK)
    say(&step, GATEWAY_TEXT("UNREADABLE\n"));
  else if (event->kind == GATEWAY_EVENT_ANSWER)
    say(&step, GATEWAY_TEXT("READY\n"));
  return step.n;
}

static const GatewaySetting SETTINGS[] = {
  { "passive-ports", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "range of ports for passive data connections" },
};

static const GatewaySessionFunctions FUNCTIONS = {
  .size = sizeof(GatewaySessionFunctions),
  .state_size = sizeof(GatewayAsk),
  .step = step_session,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .name = "porter",
  .title = "Data channels on demand",
  .version = "1.0",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .versioning = { GATEWAY_VERSION_OPAQUE, 0 },
  .idle_s = 900,
  .functions = &FUNCTIONS,
};
