/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wan/passage.h"

#define SIZE_MAX_BYTES ((guint64)1 << 30) /* where none was told; the core has a limit of its own */

typedef struct {
  GatewayWorker *worker;
  const GatewayWanted *wanted;
  gboolean is_begun;
  GatewayResult result;
} Taking;

static bool
take(void *user, const GatewayFetched *head, const void *data, size_t size)
{
  Taking *taking = user;
  const char *validator = *head->etag || head->offset == 0 ? head->etag : taking->wanted->validator;

  if (!taking->is_begun)
    taking->result = taking->worker->begin(taking->worker, head->offset, validator);
  taking->is_begun = TRUE;
  if (taking->result == GATEWAY_OK)
    taking->result = taking->worker->deliver(taking->worker, data, size);
  return taking->result == GATEWAY_OK;
}

static GatewayResult
fetch(GatewayWorker *worker, const GatewayWanted *wanted)
{
  GatewayFetch asked = { .size = sizeof asked,
                         .url = wanted->url,
                         .offset = wanted->offset,
                         .validator = wanted->validator,
                         .max_size = wanted->expected_size ? wanted->expected_size : SIZE_MAX_BYTES };
  GatewayFetched head = { .size = sizeof head };
  Taking taking = { worker, wanted, FALSE, GATEWAY_OK };
  GatewayResult result = worker->http(worker, &asked, &head, take, &taking);

  return taking.result != GATEWAY_OK ? taking.result : result;
}

gboolean
gw_passage_is(const char *upstream)
{
  return g_str_has_prefix(upstream, GW_PASSAGE);
}

void
gw_passage_setup(const GwSite *site, GwWorkerSetup *ret_setup)
{
  g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{ss}"), NULL, 0));

  ret_setup->name = g_strdup(GW_PASSAGE);
  ret_setup->functions = (GatewayUpstreamFunctions){ .size = sizeof ret_setup->functions, .fetch = fetch };
  ret_setup->settings = gw_settings_new(NULL, 0, none, NULL, NULL);
  ret_setup->poll_ms = 1;
  gw_site_passing(site, &ret_setup->http);
  ret_setup->http.rates[0] = gw_rate_ref(site->rate);
}
