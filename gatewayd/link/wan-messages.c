/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What core and wan say to each other. */
#include "link/fields.h"
#include "link/messages.h"

typedef struct {
  char *upstream, *url, *file_name;
  guint64 size;
} Found;

typedef struct {
  char *upstream, *text;
  gboolean is_well;
} Status;

typedef struct {
  char *name;
  gboolean is_afresh;
} Poll;

typedef struct {
  guint64 id;
} Id;

static const GwField announce_fields[] = {
  GW_FIELD(GwAnnounce, upstream, STRING),
  GW_FIELD(GwAnnounce, base_url, STRING),
  GW_FIELD_NONE,
};

static const GwField found_fields[] = {
  GW_FIELD(Found, upstream, STRING),
  GW_FIELD(Found, url, STRING),
  GW_FIELD(Found, file_name, STRING),
  GW_FIELD(Found, size, U64),
  GW_FIELD_NONE,
};

static const GwField fetch_fields[] = {
  GW_FIELD(GwFetch, id, U64),
  GW_FIELD(GwFetch, upstream, STRING),
  GW_FIELD(GwFetch, url, STRING),
  GW_FIELD(GwFetch, base_url, STRING),
  GW_FIELD(GwFetch, validator, STRING),
  GW_FIELD(GwFetch, offset, U64),
  GW_FIELD(GwFetch, expected_size, U64),
  GW_FIELD_NONE,
};

static const GwField fetched_fields[] = {
  GW_FIELD(GwFetched, id, U64),
  GW_FIELD(GwFetched, result, INT),
  GW_FIELD(GwFetched, is_restarted, BOOLEAN),
  GW_FIELD(GwFetched, validator, STRING),
  GW_FIELD(GwFetched, text, STRING),
  GW_FIELD_NONE,
};

static const GwField poll_fields[] = { GW_FIELD(Poll, name, STRING), GW_FIELD(Poll, is_afresh, BOOLEAN),
                                       GW_FIELD_NONE };

static const GwField report_event_fields[] = {
  GW_FIELD(GwReportEvent, id, STRING),
  GW_FIELD(GwReportEvent, type, STRING),
  GW_FIELD(GwReportEvent, source, STRING),
  GW_FIELD(GwReportEvent, subject, STRING),
  GW_FIELD(GwReportEvent, time, STRING),
  GW_FIELD(GwReportEvent, data, STRING),
  GW_FIELD_NONE,
};

static const GwField report_fields[] = {
  GW_FIELD(GwReport, id, U64),
  GW_FIELD(GwReport, upstream, STRING),
  { .key = "events",
    .kind = GW_FIELD_ROWS,
    .offset = offsetof(GwReport, events),
    .count = offsetof(GwReport, n_events),
    .size = sizeof(GwReportEvent),
    .max = GW_REPORT_MAX_EVENTS,
    .fields = report_event_fields },
  GW_FIELD_NONE,
};

static const GwField reported_fields[] = {
  GW_FIELD(GwReported, id, U64),
  { .key = "results",
    .kind = GW_FIELD_BLOB,
    .offset = offsetof(GwReported, results),
    .count = offsetof(GwReported, n_results),
    .size = GW_REPORT_MAX_EVENTS },
  GW_FIELD(GwReported, retry_after_s, U32),
  GW_FIELD(GwReported, text, STRING),
  GW_FIELD_NONE,
};

static const GwField id_fields[] = { GW_FIELD(Id, id, U64), GW_FIELD_NONE };

static const GwField status_fields[] = {
  GW_FIELD(Status, upstream, STRING),
  GW_FIELD(Status, is_well, BOOLEAN),
  GW_FIELD(Status, text, STRING),
  GW_FIELD_NONE,
};

static const GwField publish_fields[] = {
  GW_FIELD(GwPublish, id, U64),
  GW_FIELD(GwPublish, outlet, STRING),
  GW_FIELD(GwPublish, is_nothing, BOOLEAN),
  GW_FIELD(GwPublish, is_there, BOOLEAN),
  GW_FIELD(GwPublish, name, STRING),
  GW_FIELD(GwPublish, product, STRING),
  GW_FIELD(GwPublish, type, STRING),
  GW_FIELD(GwPublish, hardware_version, STRING),
  GW_FIELD(GwPublish, software_version, STRING),
  GW_FIELD(GwPublish, size, U64),
  GW_FIELD_NONE,
};

static const GwField published_fields[] = {
  GW_FIELD(GwPublished, id, U64),         GW_FIELD(GwPublished, outlet, STRING),
  GW_FIELD(GwPublished, result, INT),     GW_FIELD(GwPublished, text, STRING),
  GW_FIELD(GwPublished, trouble, STRING), GW_FIELD_NONE,
};

GVariant *
gw_announce_pack(const char *upstream, const char *base_url)
{
  GwAnnounce announce = { (char *)upstream, (char *)base_url };

  return gw_fields_pack(announce_fields, &announce);
}

gboolean
gw_announce_unpack(GVariant *payload, char **ret_upstream, char **ret_base_url)
{
  GwAnnounce announce;

  if (!gw_fields_unpack(payload, announce_fields, sizeof announce, &announce))
    return FALSE;
  *ret_upstream = announce.upstream;
  *ret_base_url = announce.base_url;
  return TRUE;
}

GVariant *
gw_found_pack(const char *upstream, const char *url, const char *file_name, guint64 size)
{
  Found found = { (char *)upstream, (char *)url, (char *)file_name, size };

  return gw_fields_pack(found_fields, &found);
}

gboolean
gw_found_unpack(GVariant *payload, char **ret_upstream, char **ret_url, char **ret_file_name,
                guint64 *ret_size)
{
  Found found;

  if (!gw_fields_unpack(payload, found_fields, sizeof found, &found))
    return FALSE;
  *ret_upstream = found.upstream;
  *ret_url = found.url;
  *ret_file_name = found.file_name;
  *ret_size = found.size;
  return TRUE;
}

void
gw_fetch_clear(GwFetch *fetch)
{
  gw_fields_clear(fetch_fields, fetch);
}

GVariant *
gw_fetch_pack(const GwFetch *fetch)
{
  return gw_fields_pack(fetch_fields, fetch);
}

gboolean
gw_fetch_unpack(GVariant *payload, GwFetch *ret_fetch)
{
  return gw_fields_unpack(payload, fetch_fields, sizeof *ret_fetch, ret_fetch);
}

void
gw_fetched_clear(GwFetched *fetched)
{
  gw_fields_clear(fetched_fields, fetched);
}

GVariant *
gw_fetched_pack(const GwFetched *fetched)
{
  return gw_fields_pack(fetched_fields, fetched);
}

gboolean
gw_fetched_unpack(GVariant *payload, GwFetched *ret_fetched)
{
  return gw_fields_unpack(payload, fetched_fields, sizeof *ret_fetched, ret_fetched);
}

GVariant *
gw_poll_pack(const char *name, gboolean is_afresh)
{
  Poll record = { (char *)name, is_afresh };

  return gw_fields_pack(poll_fields, &record);
}

gboolean
gw_poll_unpack(GVariant *payload, char **ret_name, gboolean *ret_is_afresh)
{
  Poll record;

  if (!gw_fields_unpack(payload, poll_fields, sizeof record, &record))
    return FALSE;
  *ret_name = record.name;
  *ret_is_afresh = record.is_afresh;
  return TRUE;
}

GVariant *
gw_id_pack(guint64 id)
{
  Id record = { id };

  return gw_fields_pack(id_fields, &record);
}

gboolean
gw_id_unpack(GVariant *payload, guint64 *ret_id)
{
  Id record;

  if (!gw_fields_unpack(payload, id_fields, sizeof record, &record))
    return FALSE;
  *ret_id = record.id;
  return TRUE;
}

GVariant *
gw_status_pack(const char *upstream, gboolean is_well, const char *text)
{
  Status status = { (char *)upstream, (char *)text, is_well };

  return gw_fields_pack(status_fields, &status);
}

gboolean
gw_status_unpack(GVariant *payload, char **ret_upstream, gboolean *ret_is_well, char **ret_text)
{
  Status status;

  if (!gw_fields_unpack(payload, status_fields, sizeof status, &status))
    return FALSE;
  *ret_upstream = status.upstream;
  *ret_is_well = status.is_well;
  *ret_text = status.text;
  return TRUE;
}

void
gw_report_clear(GwReport *report)
{
  gw_fields_clear(report_fields, report);
}

GVariant *
gw_report_pack(const GwReport *report)
{
  return gw_fields_pack(report_fields, report);
}

gboolean
gw_report_unpack(GVariant *payload, GwReport *ret_report)
{
  return gw_fields_unpack(payload, report_fields, sizeof *ret_report, ret_report);
}

void
gw_reported_clear(GwReported *reported)
{
  gw_fields_clear(reported_fields, reported);
}

GVariant *
gw_reported_pack(const GwReported *reported)
{
  return gw_fields_pack(reported_fields, reported);
}

gboolean
gw_reported_unpack(GVariant *payload, GwReported *ret_reported)
{
  return gw_fields_unpack(payload, reported_fields, sizeof *ret_reported, ret_reported);
}

void
gw_publish_clear(GwPublish *publish)
{
  gw_fields_clear(publish_fields, publish);
}

GVariant *
gw_publish_pack(const GwPublish *publish)
{
  return gw_fields_pack(publish_fields, publish);
}

gboolean
gw_publish_unpack(GVariant *payload, GwPublish *ret_publish)
{
  return gw_fields_unpack(payload, publish_fields, sizeof *ret_publish, ret_publish);
}

void
gw_published_clear(GwPublished *published)
{
  gw_fields_clear(published_fields, published);
}

GVariant *
gw_published_pack(const GwPublished *published)
{
  return gw_fields_pack(published_fields, published);
}

gboolean
gw_published_unpack(GVariant *payload, GwPublished *ret_published)
{
  return gw_fields_unpack(payload, published_fields, sizeof *ret_published, ret_published);
}
