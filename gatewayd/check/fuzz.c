/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A short fuzz without the daemon: random requests and events, and a check that what comes out is legal:
 * counts within bounds, pointers into what was lent or into the plugin's own constants. */
#include "base/error.h"
#include "check/run.h"

#define SCRATCH_SIZE 16384
#define INPUT_MAX 512

typedef struct {
  GwRun *run;
  GwRunSettings settings;
  GRand *random;
  GwLegal legal;
  char input[4][INPUT_MAX]; /* path, query, host, body; or event texts */
  char memory[SCRATCH_SIZE];
  GatewayScratch scratch;
  GatewayPair headers[4];
  GatewayAnswer answer;
  const char *fault;
} Fuzz;

static const char *const SEEDS[] = { "HELLO",     "GET",   "0",      "1",   "-1",   "99999999999",
                                     "/ota.json", "/n/",   "..",     "%00", "\"",   "\\",
                                     "?",         "&",     "=",      " ",   "\r\n", "AT+",
                                     ",",         "{",     "}",      "[",   "]",    "ok",
                                     "\xff\xff",  "FILE:", "bytes=", "1.0", "a:b" };

/* Words of the plugin's kind of language, random bytes, cut anywhere. */
static GatewayText
random_text(Fuzz *fuzz, guint slot)
{
  size_t size = 0, max = (size_t)g_rand_int_range(fuzz->random, 0, INPUT_MAX);
  while (size < max) {
    const char *seed = SEEDS[g_rand_int_range(fuzz->random, 0, G_N_ELEMENTS(SEEDS))];
    size_t n = MIN(strlen(seed), max - size);
    if (g_rand_boolean(fuzz->random))
      memcpy(fuzz->input[slot] + size, seed, n);
    else
      fuzz->input[slot][size] = (char)g_rand_int(fuzz->random), n = 1;
    size += n;
  }
  return (GatewayText){ fuzz->input[slot], size };
}

static void
look(const char *name, GatewayText text, gpointer user)
{
  Fuzz *fuzz = user;
  if (!gw_legal_has(&fuzz->legal, text))
    fuzz->fault = name;
}

static void
begin(Fuzz *fuzz, GwRun *run, guint32 seed)
{
  memset(fuzz, 0, sizeof *fuzz);
  fuzz->run = run;
  fuzz->settings = gw_run_settings(run);
  fuzz->random = g_rand_new_with_seed(seed);
  gw_legal_add_object(&fuzz->legal, run->plugin);
  gw_legal_add(&fuzz->legal, fuzz->input, sizeof fuzz->input);
  gw_legal_add(&fuzz->legal, fuzz->memory, sizeof fuzz->memory);
  gw_legal_add(&fuzz->legal, &fuzz->answer, sizeof fuzz->answer);
  gw_legal_add_object(&fuzz->legal, SEEDS);
}

static void
random_answer(Fuzz *fuzz)
{
  GatewayAnswer *answer = &fuzz->answer;
  *answer = (GatewayAnswer){ .size = sizeof *answer };
  answer->kind = (GatewayAnswerKind)g_rand_int_range(fuzz->random, 1, 11);
  answer->reason = (GatewayReason)g_rand_int_range(fuzz->random, 0, 14);
  answer->image.token = GATEWAY_TEXT("abcdefghijklmnop");
  answer->image.size = g_rand_int(fuzz->random);
  answer->image.sha256 = GATEWAY_TEXT("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  answer->image.md5 = GATEWAY_TEXT("0123456789abcdef0123456789abcdef");
  answer->image.software_version = g_rand_boolean(fuzz->random) ? GATEWAY_TEXT("17") : random_text(fuzz, 3);
  if (g_rand_boolean(fuzz->random))
    answer->verb = GATEWAY_TEXT("check");
}

/* The host only hands over requests of the plugin's own path prefix. */
static GatewayText
random_path(Fuzz *fuzz)
{
  const GatewayPlugin *plugin = fuzz->run->plugin;
  const char *prefix = plugin->n_listens && plugin->listens[0].path ? plugin->listens[0].path : "/";
  GatewayText path = random_text(fuzz, 0);
  size_t size = strlen(prefix);
  memcpy(fuzz->input[0], prefix, size);
  return (GatewayText){ path.data, MAX(path.size, size) };
}

static void
check_reply(Fuzz *fuzz, const GatewayReply *reply)
{
  if (reply->status < 100 || reply->status > 599)
    fuzz->fault = "status";
  if (reply->n_headers > GATEWAY_MAX_PAIRS)
    fuzz->fault = "n_headers";
  if (reply->body_is_image && fuzz->answer.kind != GATEWAY_ANSWER_BYTES)
    fuzz->fault = "body_is_image without a BYTES answer";
  look("body", reply->body, fuzz);
  look("refused_detail", reply->refused_detail, fuzz);
  for (guint i = 0; i < MIN(reply->n_headers, GATEWAY_MAX_PAIRS); i++) {
    look("header name", reply->headers[i].key, fuzz);
    look("header value", reply->headers[i].value, fuzz);
  }
}

static void
one_request(Fuzz *fuzz)
{
  const GatewayRequestFunctions *functions = fuzz->run->plugin->functions;
  GatewayRequest request = { .size = sizeof request, .local_port = 80, .headers = fuzz->headers };
  request.method = (GatewayMethod)g_rand_int_range(fuzz->random, 1, 6);
  request.path = random_path(fuzz);
  request.query = random_text(fuzz, 1);
  request.host = random_text(fuzz, 2);
  request.body = random_text(fuzz, 3);
  request.local = GATEWAY_TEXT("192.0.2.1");
  request.peer = GATEWAY_TEXT("192.0.2.9");
  GatewayAsk ask = { .size = sizeof ask };
  fuzz->scratch = (GatewayScratch){ fuzz->memory, SCRATCH_SIZE, 0, false };
  if (!functions->read(&fuzz->settings.face, &request, &fuzz->scratch, &ask))
    return;
  if (ask.kind < GATEWAY_ASK_NOTHING || ask.kind > GATEWAY_ASK_RELAY)
    fuzz->fault = "kind of the ask";
  if (ask.n_aliases > GATEWAY_MAX_PAIRS || ask.n_attributes > GATEWAY_MAX_PAIRS)
    fuzz->fault = "number of pairs";
  gw_value_each_ask_text(&ask, look, fuzz);
  random_answer(fuzz);
  GatewayReply reply = { .size = sizeof reply };
  functions->write(&fuzz->settings.face, &request, &ask,
                   ask.kind == GATEWAY_ASK_NOTHING ? NULL : &fuzz->answer, &fuzz->scratch, &reply);
  check_reply(fuzz, &reply);
}

gboolean
gw_fuzz_request(GwRun *run, guint n, guint32 seed, GError **error)
{
  g_autofree Fuzz *fuzz = g_new(Fuzz, 1);
  begin(fuzz, run, seed);
  guint i = 0;
  for (; i < n && !fuzz->fault; i++)
    one_request(fuzz);
  g_rand_free(fuzz->random);
  return !fuzz->fault ||
         gw_fail(error, GW_ERROR_CORRUPT, "fuzz input %u of seed %u: illegal %s", i, seed, fuzz->fault);
}

static void
check_actions(Fuzz *fuzz, const GatewayAction *actions, uint32_t n)
{
  if (n > GATEWAY_MAX_ACTIONS)
    fuzz->fault = "number of actions";
  for (uint32_t i = 0; i < MIN(n, GATEWAY_MAX_ACTIONS); i++) {
    if (actions[i].kind < GATEWAY_ACTION_SEND || actions[i].kind > GATEWAY_ACTION_CLOSE)
      fuzz->fault = "kind of an action";
    look("text of an action", actions[i].text, fuzz);
    if (actions[i].kind == GATEWAY_ACTION_ASK && !actions[i].ask)
      fuzz->fault = "ask of an action";
    else if (actions[i].kind == GATEWAY_ACTION_ASK)
      gw_value_each_ask_text(actions[i].ask, look, fuzz);
  }
}

static void
one_event(Fuzz *fuzz, gpointer session)
{
  const GatewaySessionFunctions *functions = fuzz->run->plugin->functions;
  GatewayEvent event = { .size = sizeof event };
  event.kind = (GatewayEventKind)g_rand_int_range(fuzz->random, GATEWAY_EVENT_LINE, GATEWAY_EVENT_HANGUP);
  event.text = random_text(fuzz, 0);
  event.text2 = random_text(fuzz, 1);
  event.number = g_rand_int(fuzz->random);
  random_answer(fuzz);
  event.answer = event.kind == GATEWAY_EVENT_ANSWER ? &fuzz->answer : NULL;
  GatewayAction actions[GATEWAY_MAX_ACTIONS] = { 0 };
  fuzz->scratch = (GatewayScratch){ fuzz->memory, SCRATCH_SIZE, 0, false };
  check_actions(fuzz, actions,
                functions->step(&fuzz->settings.face, session, &event, &fuzz->scratch, actions));
}

gboolean
gw_fuzz_session(GwRun *run, guint n, guint32 seed, GError **error)
{
  const GatewaySessionFunctions *functions = run->plugin->functions;
  g_autofree Fuzz *fuzz = g_new(Fuzz, 1);
  begin(fuzz, run, seed);
  g_autofree char *session = g_malloc0(functions->state_size);
  gw_legal_add(&fuzz->legal, session, functions->state_size);
  guint i = 0;
  for (; i < n && !fuzz->fault; i++) {
    if (i % 64 == 0)
      memset(session, 0, functions->state_size); /* a new session */
    one_event(fuzz, session);
  }
  g_rand_free(fuzz->random);
  return !fuzz->fault ||
         gw_fail(error, GW_ERROR_CORRUPT, "fuzz input %u of seed %u: illegal %s", i, seed, fuzz->fault);
}
