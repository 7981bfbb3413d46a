/* SPDX-License-Identifier: MIT */
/* A session transport over a serial line or pty, one text line each way:
 *
 *   node                        gateway
 *   HELLO NODE VERSION          NONE, or OFFER TOKEN SIZE SHA256
 *   GET TOKEN                   READY, or GONE
 *   READ OFFSET COUNT           DATA N, then N raw bytes; N = 0: cannot be read
 *   DONE ok, DONE failed        OK when the gateway has written it down, else AGAIN
 *
 * CHECK is sent when the operator or a rule has something for the node, and PING after a minute without a
 * word; a second minute ends the session. */
#include "gateway-plugin.h"

#define QUIET_MS 60000
#define BLOCK_MAX 1024

typedef struct {
  char node[65], version[65], token[33];
  GatewayAsk ask; /* lives as long as the action that names it */
  bool has_pinged;
} State;

static uint32_t
put(GatewayAction *actions, uint32_t n, GatewayAction action)
{
  actions[n] = action;
  return n + 1;
}

static GatewayAction
send_text(GatewayText text)
{
  return (GatewayAction){ .kind = GATEWAY_ACTION_SEND, .text = text };
}

static GatewayAction
arm(void)
{
  return (GatewayAction){ .kind = GATEWAY_ACTION_ARM, .number = 0, .count = QUIET_MS };
}

/* The next word of `rest`, which moves on behind it. */
static GatewayText
word(GatewayText *rest)
{
  const char *blank = rest->size ? memchr(rest->data, ' ', rest->size) : NULL;
  GatewayText text = { rest->data, blank ? (size_t)(blank - rest->data) : rest->size };
  size_t used = text.size + (blank ? 1 : 0);
  *rest = (GatewayText){ rest->data + used, rest->size - used };
  return text;
}

static bool
keep(GatewayText text, char *ret, size_t size)
{
  if (text.size == 0 || text.size >= size)
    return false;
  memcpy(ret, text.data, text.size);
  ret[text.size] = 0;
  return true;
}

/* Decimal digits only, below 2^32. */
static bool
number(GatewayText text, uint64_t *ret)
{
  uint64_t value = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9' || i > 9)
      return false;
    value = value * 10 + (uint64_t)(text.data[i] - '0');
  }
  *ret = value;
  return text.size > 0;
}

static GatewayAction
ask_of(State *state, GatewayAskKind kind)
{
  state->ask = (GatewayAsk){ .size = sizeof(GatewayAsk), .kind = kind, .identity = GATEWAY_IDENTITY_CLAIMED };
  state->ask.node = gateway_text(state->node);
  state->ask.software_version = gateway_text(state->version);
  state->ask.is_version_proof = true;
  state->ask.token = gateway_text(state->token);
  return (GatewayAction){ .kind = GATEWAY_ACTION_ASK, .ask = &state->ask };
}

static GatewayAction
on_done(State *state, GatewayText result)
{
  GatewayAction action = ask_of(state, GATEWAY_ASK_TELL);
  state->ask.state = gateway_text_equal(result, "ok") ? GATEWAY_TELL_SUCCEEDED : GATEWAY_TELL_FAILED;
  state->ask.is_version_proof = false; /* still the old version */
  return action;
}

static GatewayAction
on_command(State *state, GatewayText line)
{
  uint64_t offset, count;
  GatewayText verb = word(&line), first = word(&line), second = word(&line);
  if (gateway_text_equal(verb, "HELLO") && keep(first, state->node, sizeof state->node) &&
      keep(second, state->version, sizeof state->version))
    return ask_of(state, GATEWAY_ASK_OFFER);
  if (!state->node[0])
    return send_text(GATEWAY_TEXT("WHO\n"));
  if (gateway_text_equal(verb, "GET") && keep(first, state->token, sizeof state->token))
    return ask_of(state, GATEWAY_ASK_BYTES);
  if (gateway_text_equal(verb, "READ") && number(first, &offset) && number(second, &count) &&
      count <= BLOCK_MAX)
    return (GatewayAction){ .kind = GATEWAY_ACTION_READ_BLOCK, .number = offset, .count = count };
  if (gateway_text_equal(verb, "DONE"))
    return on_done(state, first);
  return send_text(GATEWAY_TEXT("WHAT\n"));
}

static GatewayAction
on_answer(const GatewayAnswer *answer, GatewayAskKind asked, GatewayScratch *scratch)
{
  const GatewayImage *image = &answer->image;
  if (asked == GATEWAY_ASK_TELL)
    return send_text(answer->kind == GATEWAY_ANSWER_LATER ? GATEWAY_TEXT("AGAIN\n") : GATEWAY_TEXT("OK\n"));
  if (asked == GATEWAY_ASK_BYTES)
    return send_text(answer->kind == GATEWAY_ANSWER_BYTES ? GATEWAY_TEXT("READY\n") : GATEWAY_TEXT("GONE\n"));
  if (answer->kind != GATEWAY_ANSWER_OFFER)
    return send_text(GATEWAY_TEXT("NONE\n"));
  return send_text(gateway_print(scratch, "OFFER %.*s %llu %.*s\n", GATEWAY_ARGS(image->token),
                                 (unsigned long long)image->size, GATEWAY_ARGS(image->sha256)));
}

static uint32_t
on_timer(State *state, GatewayAction *actions)
{
  if (state->has_pinged)
    return put(actions, 0, (GatewayAction){ .kind = GATEWAY_ACTION_CLOSE });
  state->has_pinged = true;
  uint32_t n = put(actions, 0, send_text(GATEWAY_TEXT("PING\n")));
  return put(actions, n, arm());
}

static uint32_t
line_step(const GatewaySettings *settings, void *memory, const GatewayEvent *event, GatewayScratch *scratch,
          GatewayAction actions[GATEWAY_MAX_ACTIONS])
{
  State *state = memory;
  uint32_t n = 0;
  switch (event->kind) {
  case GATEWAY_EVENT_OPEN:
    n = put(actions, n, (GatewayAction){ .kind = GATEWAY_ACTION_MODE, .number = GATEWAY_LINES });
    return put(actions, n, arm());
  case GATEWAY_EVENT_LINE:
    state->has_pinged = false;
    n = put(actions, n, on_command(state, event->text));
    return put(actions, n, arm());
  case GATEWAY_EVENT_LINE_TOO_LONG:
    return put(actions, n, send_text(GATEWAY_TEXT("WHAT\n")));
  case GATEWAY_EVENT_ANSWER:
    return put(actions, n, on_answer(event->answer, state->ask.kind, scratch));
  case GATEWAY_EVENT_BLOCK:
    n = put(actions, n, send_text(gateway_print(scratch, "DATA %zu\n", event->text.size)));
    return event->text.size ? put(actions, n, send_text(event->text)) : n;
  case GATEWAY_EVENT_WAKE:
    return put(actions, n, send_text(GATEWAY_TEXT("CHECK\n")));
  case GATEWAY_EVENT_TIMER:
    return on_timer(state, actions);
  default:
    return 0;
  }
}

static const GatewayListen LISTENS[] = { { 96, NULL, NULL, GATEWAY_LISTEN_SERIAL } };
static const GatewaySessionFunctions FUNCTIONS = { sizeof(FUNCTIONS), sizeof(State), 256, line_step };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_SESSION,
  .name = "example-line",
  .title = "Example: text lines over a serial line",
  .version = "1.0",
  .listens = LISTENS,
  .n_listens = GATEWAY_COUNT(LISTENS),
  .versioning = { GATEWAY_VERSION_DOTTED, 0 },
  .functions = &FUNCTIONS,
};
