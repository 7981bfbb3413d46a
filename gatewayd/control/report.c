/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/report.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "link/messages.h"

#define DATA_MAX 16384

static void
add_member(json_t *object, const char *key, gint64 number)
{
  if (number)
    json_object_set_new(object, key, json_integer(number));
}

static char *
data_of(const GwEvent *event)
{
  g_autoptr(json_t) object = gw_json_parse(event->data, strlen(event->data), DATA_MAX, NULL);
  char *encoded, *data;

  if (!object)
    object = json_object();
  if (*event->node)
    json_object_set_new(object, "node", json_string(event->node));
  add_member(object, "firmware", event->firmware_id);
  add_member(object, "rule", event->rule_id);
  add_member(object, "update", event->update_id);
  if (event->is_final)
    json_object_set_new(object, "final", json_true());
  encoded = json_dumps(object, JSON_COMPACT);
  data = g_strdup(encoded ? encoded : "{}");
  free(encoded);
  return data;
}

static GwReportEvent
make_event(const char *source, const GwEvent *event)
{
  return (GwReportEvent){
    .id = g_strdup_printf("%" G_GINT64_FORMAT, event->id),
    .type = g_strconcat("org.gatewayd.", event->type, NULL),
    .source = g_strdup(source),
    .subject = g_strconcat(event->subject_kind, *event->subject ? "/" : "", event->subject, NULL),
    .time = gw_clock_format(event->wall_ms),
    .data = data_of(event),
  };
}

GVariant *
gw_report_of(guint64 id, const char *upstream, const char *source, const GPtrArray *events)
{
  GwReport report = { .id = id,
                      .upstream = g_strdup(upstream),
                      .events = g_new0(GwReportEvent, events->len),
                      .n_events = events->len };
  GVariant *payload;

  for (guint i = 0; i < events->len; i++)
    report.events[i] = make_event(source, events->pdata[i]);
  payload = gw_report_pack(&report);
  gw_report_clear(&report);
  return payload;
}
