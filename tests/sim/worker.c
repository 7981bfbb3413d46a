/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The LAN worker between the simulated nodes and the core: it keeps answers as long as they hold, and tells
 * until it is heard. */
#include <string.h>

#include "fleet.h"

const char *const sim_products[SIM_N_MAKES] = { "meter", "modem", "mote" };
const char *const sim_plugins[SIM_N_MAKES] = { RIG_TOLD, RIG_SESSION, RIG_SILENT };

#define FLIGHT_MAX 200 /* words under way at once */
#define WAIT_US (30 * G_USEC_PER_SEC)

/* ---- out ---- */

static GwAsk
ask_of(const SimNode *node, GwAskKind kind, char version[12])
{
  gboolean is_silent = node->make == SIM_SILENT;

  g_snprintf(version, 12, "%u", node->version);
  return (GwAsk){
    .kind = kind,
    .plugin = (char *)sim_plugins[node->make],
    .listener = (char *)"",
    .address = (char *)"127.0.0.1",
    .interface = (char *)"",
    .identity = GATEWAY_IDENTITY_CLAIMED,
    .node = (char *)node->name,
    .credential = (char *)"",
    .product = (char *)"",
    .type = (char *)"",
    .hardware_version = (char *)"",
    .software_version = is_silent || kind == GW_ASK_BYTES ? (char *)"" : version,
    .is_version_proof = !is_silent && kind != GW_ASK_BYTES,
    .is_never_cut = is_silent,
    .is_silent = is_silent,
    .token = (char *)(kind == GW_ASK_BYTES ? node->token : ""),
    .image_name = (char *)"",
    .code = (char *)"",
    .detail = (char *)"",
  };
}

static void
keep_word(Sim *sim, SimWord *word)
{
  SimNode *node = &sim->nodes[word->node];

  if (!word->is_ask && word->told != GW_TOLD_REPORT) {
    g_queue_push_tail(sim->owed, word);
    return;
  }
  if (node->phase != SIM_DEAD)
    sim->next_ms[word->node] = sim->now_ms + sim_between(sim, SIM_STEP_MS, 2 * SIM_MINUTE_MS);
  g_free(word);
}

static void
send_word(Sim *sim, SimWord *word, GwMessageType type, GVariant *payload)
{
  g_autoptr(GVariant) sunk = g_variant_ref_sink(payload);

  sim->next_ms[word->node] = G_MAXINT64; /* it waits for the answer */
  if (!sim->is_up) {
    keep_word(sim, word);
    return;
  }
  word->serial = gw_link_next_serial(sim->rig->lan);
  g_assert_true(gw_link_send(sim->rig->lan, type, word->serial, sunk, NULL, 0));
  g_hash_table_replace(sim->words, GUINT_TO_POINTER(word->serial), word);
  if (g_hash_table_size(sim->words) >= FLIGHT_MAX)
    sim_worker_settle(sim);
}

static SimWord *
word_of(Sim *sim, const SimNode *node)
{
  SimWord *word = g_new0(SimWord, 1);

  word->node = (guint)(node - sim->nodes);
  word->order = sim->n_words++;
  g_strlcpy(word->token, node->token, sizeof word->token);
  return word;
}

void
sim_worker_ask(Sim *sim, SimNode *node, GwAskKind kind)
{
  SimWord *word = word_of(sim, node);
  char version[12];
  GwAsk ask = ask_of(node, kind, version);

  word->is_ask = TRUE;
  word->kind = kind;
  sim->n_asks++;
  send_word(sim, word, GW_MESSAGE_ASK, gw_ask_pack(&ask));
}

static void
send_tell(Sim *sim, SimWord *word)
{
  GwTold told = { .kind = word->told,
                  .token = word->token,
                  .node = (char *)"",
                  .acked = word->acked,
                  .size = word->acked,
                  .detail = (char *)"",
                  .code = (char *)"" };

  send_word(sim, word, GW_MESSAGE_TELL, gw_told_pack(&told));
}

void
sim_worker_tell(Sim *sim, SimNode *node, GwToldKind kind, guint acked)
{
  SimWord *word = word_of(sim, node);

  word->told = kind;
  word->acked = acked;
  send_tell(sim, word);
}

void
sim_worker_report(Sim *sim, SimNode *node, GatewayTellState state)
{
  SimWord *word = word_of(sim, node);
  char version[12];
  GwTold told = { .kind = GW_TOLD_REPORT,
                  .token = (char *)"",
                  .node = (char *)"",
                  .detail = (char *)"",
                  .code = (char *)"",
                  .ask = ask_of(node, GW_ASK_TELL, version) };

  word->told = GW_TOLD_REPORT;
  told.ask.state = state;
  told.ask.software_version = (char *)""; /* it says how it went, and no more */
  told.ask.is_version_proof = FALSE;
  send_word(sim, word, GW_MESSAGE_TELL, gw_told_pack(&told));
}

/* ---- in ---- */

static void
on_answer(Sim *sim, const RigMessage *message)
{
  SimWord *word = g_hash_table_lookup(sim->words, GUINT_TO_POINTER(message->serial));
  g_autofree SimWord *owned = word;
  GwAnswer answer;

  if (!word || !word->is_ask)
    g_error("the core answered what nobody asked");
  g_hash_table_steal(sim->words, GUINT_TO_POINTER(message->serial));
  g_assert_true(gw_answer_unpack(message->payload, &answer));
  sim_check_answer(sim, &sim->nodes[word->node], word, &answer);
  sim_node_answered(sim, &sim->nodes[word->node], word, &answer);
  gw_answer_clear(&answer);
}

static void
on_ack(Sim *sim, const RigMessage *message)
{
  SimWord *word = g_hash_table_lookup(sim->words, GUINT_TO_POINTER(message->serial));
  g_autofree SimWord *owned = word;
  int kind = 0;

  if (!word || word->is_ask)
    g_error("the core acknowledged what nobody told");
  g_hash_table_steal(sim->words, GUINT_TO_POINTER(message->serial));
  g_assert_true(gw_ack_unpack(message->payload, &kind));
  g_assert_cmpint(kind, !=, GATEWAY_ANSWER_LATER);
  sim_node_acked(sim, &sim->nodes[word->node], word, kind);
}

static void
on_invalidate(Sim *sim, const RigMessage *message)
{
  g_auto(GStrv) names = NULL;
  guint32 epoch = 0;

  g_assert_true(gw_invalidate_unpack(message->payload, &epoch, &names));
  sim->epoch = MAX(sim->epoch, epoch);
  for (char **name = names; name && *name; name++)
    if (g_str_has_prefix(*name, "n") && g_ascii_isdigit((*name)[1]))
      sim->nodes[g_ascii_strtoull(*name + 1, NULL, 10)].cached_until_ms = 0;
}

static void
on_wake(Sim *sim, const RigMessage *message)
{
  g_autofree char *plugin = NULL, *node = NULL, *verb = NULL, *argument = NULL;

  g_assert_true(gw_wake_unpack(message->payload, &plugin, &node, &verb, &argument));
  sim_node_woken(sim, node);
}

static void
on_stop(Sim *sim, const RigMessage *message)
{
  g_autofree char *token = NULL, *reason = NULL;

  g_assert_true(gw_stop_unpack(message->payload, &token, &reason));
  for (guint i = 0; i < sim->n_nodes; i++)
    if (strcmp(sim->nodes[i].token, token) == 0) {
      g_assert_cmpint(sim->nodes[i].make, !=, SIM_SILENT); /* that one is never cut */
      sim_free_slot(sim, &sim->nodes[i]);
      if (sim->nodes[i].phase == SIM_SENDING)
        sim_node_cut(sim, &sim->nodes[i]);
    }
}

static void
take_message(Sim *sim, const RigMessage *message)
{
  switch (message->type) {
  case GW_MESSAGE_ANSWER:
    on_answer(sim, message);
    break;
  case GW_MESSAGE_ACK:
    on_ack(sim, message);
    break;
  case GW_MESSAGE_INVALIDATE:
    on_invalidate(sim, message);
    break;
  case GW_MESSAGE_WAKE:
    on_wake(sim, message);
    break;
  case GW_MESSAGE_STOP:
    on_stop(sim, message);
    break;
  default:
    break;
  }
}

static gboolean
read_messages(Sim *sim)
{
  gboolean is_any = FALSE;

  while (g_main_context_iteration(NULL, FALSE))
    is_any = TRUE;
  while (!g_queue_is_empty(sim->rig->lan_messages)) {
    g_autoptr(RigMessage) message = g_queue_pop_head(sim->rig->lan_messages);

    take_message(sim, message);
    is_any = TRUE;
  }
  g_queue_clear_full(sim->rig->wan_messages, (GDestroyNotify)rig_message_free);
  g_queue_init(sim->rig->wan_messages);
  return is_any;
}

void
sim_worker_settle(Sim *sim)
{
  gint64 end_us = g_get_monotonic_time() + WAIT_US;

  while (read_messages(sim) || g_hash_table_size(sim->words) > 0) {
    if (g_get_monotonic_time() > end_us)
      g_error("the core has left %u words without an answer", g_hash_table_size(sim->words));
    if (g_main_context_pending(NULL))
      end_us = g_get_monotonic_time() + WAIT_US;
    else if (g_hash_table_size(sim->words) > 0)
      g_main_context_iteration(NULL, TRUE); /* the database is at work */
  }
}

/* ---- the core goes and comes ---- */

static int
compare_words(gconstpointer a, gconstpointer b)
{
  const SimWord *left = a, *right = b;

  return left->order < right->order ? -1 : left->order > right->order;
}

/* What was not answered: tells are said again, in their order, asks are not. */
static void
keep_words(Sim *sim)
{
  g_autoptr(GList) words = g_list_sort(g_hash_table_get_values(sim->words), compare_words);

  g_hash_table_steal_all(sim->words);
  for (GList *link = words; link; link = link->next)
    keep_word(sim, link->data);
}

void
sim_worker_reconnect(Sim *sim)
{
  g_autoptr(GPtrArray) tokens = g_ptr_array_new();
  SimWord *word;

  keep_words(sim);
  sim->is_up = TRUE;
  for (guint i = 0; i < sim->n_nodes; i++) {
    if (sim->nodes[i].phase == SIM_SENDING)
      g_ptr_array_add(tokens, sim->nodes[i].token);
    sim->nodes[i].cached_until_ms = 0;
  }
  g_ptr_array_add(tokens, NULL);
  rig_connect_lan(sim->rig);
  gw_link_send(sim->rig->lan, GW_MESSAGE_TRANSFERS, 0, gw_transfers_pack((const char *const *)tokens->pdata),
               NULL, 0);
  while ((word = g_queue_pop_head(sim->owed)))
    send_tell(sim, word);
  sim_worker_settle(sim);
}

void
sim_worker_die(Sim *sim)
{
  SimWord *word;

  keep_words(sim);
  while ((word = g_queue_pop_head(sim->owed))) {
    word->told = GW_TOLD_REPORT; /* lost: nobody is left to say it again */
    keep_word(sim, word);
  }
  for (guint i = 0; i < sim->n_nodes; i++) {
    SimNode *node = &sim->nodes[i];

    node->cached_until_ms = 0;
    if (node->phase == SIM_SENDING)
      sim_node_cut(sim, node);
    if (node->slot.is_running)
      sim_free_slot(sim, node);
  }
}
