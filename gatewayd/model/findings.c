/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/findings.h"

#include <fnmatch.h>
#include <string.h>

#include "base/error.h"

#define JOB_TYPE "(usuta{sa{ss}})"
#define SAYS_TYPE "(uuv)"
#define TABLES_TYPE "aa{sv}"
#define FINDINGS_TYPE "(ssa(staya{ss}))"
#define KEY_MAX 31
#define VALUE_MAX 255
#define REFUSAL_MAX 1024
#define LISTED_MAX 8 /* members named in an error */

/* A copy, because of its alignment; NULL = not that type, or not as GVariant itself would have written it. */
static GVariant *
read_variant(const char *type, const void *data, gsize size)
{
  g_autoptr(GBytes) bytes = g_bytes_new(data, size);
  GVariant *value = g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, FALSE));

  if (size <= GW_JOB_MESSAGE_MAX && g_variant_is_normal_form(value))
    return value;
  g_variant_unref(value);
  return NULL;
}

/* ---- the job ---- */

GVariant *
gw_job_pack(const GwJob *job)
{
  GVariant *settings = job->settings ? job->settings : g_variant_new("a{sa{ss}}", NULL);

  return g_variant_new("(usut@a{sa{ss}})", GW_JOB_VERSION, job->file_name ? job->file_name : "", job->member,
                       job->max_size, settings);
}

gboolean
gw_job_unpack(const void *data, gsize size, GwJob *ret_job, GError **error)
{
  g_autoptr(GVariant) value = read_variant(JOB_TYPE, data, size);
  guint32 version = 0;

  if (value)
    g_variant_get_child(value, 0, "u", &version);
  if (version != GW_JOB_VERSION)
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "a job of another version of gatewayd");
  g_variant_get(value, "(usut@a{sa{ss}})", NULL, &ret_job->file_name, &ret_job->member, &ret_job->max_size,
                &ret_job->settings);
  return TRUE;
}

void
gw_job_clear(GwJob *job)
{
  g_clear_pointer(&job->file_name, g_free);
  g_clear_pointer(&job->settings, g_variant_unref);
}

/* ---- members ---- */

GwMember *
gw_member_new(const char *name, guint64 size)
{
  GwMember *member = g_new0(GwMember, 1);

  member->name = g_strdup(name);
  member->size = size;
  member->facts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return member;
}

void
gw_member_free(GwMember *member)
{
  if (!member)
    return;
  g_free(member->name);
  g_hash_table_unref(member->facts);
  g_free(member);
}

static gboolean
is_clean(const char *text, gsize max)
{
  if (strlen(text) > max || !g_utf8_validate(text, -1, NULL))
    return FALSE;
  for (const char *c = text; *c; c = g_utf8_next_char(c))
    if (!g_unichar_isprint(g_utf8_get_char(c)))
      return FALSE;
  return TRUE;
}

static gboolean
has_way_out(const char *name)
{
  g_auto(GStrv) parts = g_strsplit(name, "/", -1);

  return *name == '/' || strchr(name, '\\') != NULL || g_strv_contains((const char *const *)parts, "..");
}

gboolean
gw_member_name_check(const char *name, GError **error)
{
  if (*name == '\0' || !is_clean(name, GW_MEMBER_NAME_MAX))
    return gw_fail(error, GW_ERROR_BAD_INPUT,
                   "a file in it has no name, one over %d bytes, or one that cannot be shown",
                   GW_MEMBER_NAME_MAX);
  if (has_way_out(name))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the name \"%s\" in it leads out of its folder", name);
  return TRUE;
}

/* ---- findings ---- */

GwFindings *
gw_findings_new(void)
{
  GwFindings *findings = g_new0(GwFindings, 1);

  findings->format = g_strdup("");
  findings->refusal = g_strdup("");
  findings->members = g_ptr_array_new_with_free_func((GDestroyNotify)gw_member_free);
  return findings;
}

void
gw_findings_free(GwFindings *findings)
{
  if (!findings)
    return;
  g_free(findings->format);
  g_free(findings->refusal);
  g_ptr_array_unref(findings->members);
  g_free(findings);
}

const GwMember *
gw_findings_itself(const GwFindings *findings)
{
  for (guint i = 0; i < findings->members->len; i++) {
    const GwMember *member = findings->members->pdata[i];

    if (*member->name == '\0')
      return member;
  }
  return NULL;
}

static gboolean
fits(const GwMember *member, const char *glob)
{
  const char *slash = strrchr(member->name, '/');

  return *member->name && (fnmatch(glob, member->name, FNM_PERIOD) == 0 ||
                           fnmatch(glob, slash ? slash + 1 : member->name, FNM_PERIOD) == 0);
}

static char *
list_names(const GwFindings *findings)
{
  GString *names = g_string_new(NULL);
  guint n = 0;

  for (guint i = 0; i < findings->members->len; i++) {
    const GwMember *member = findings->members->pdata[i];

    if (*member->name && n++ < LISTED_MAX)
      g_string_append_printf(names, "%s%s", names->len ? ", " : "", member->name);
  }
  if (n > LISTED_MAX)
    g_string_append_printf(names, " and %u more", n - LISTED_MAX);
  return g_string_free(names, FALSE);
}

gboolean
gw_findings_choose(const GwFindings *findings, const char *glob, guint32 *ret_index, GError **error)
{
  g_autofree char *names = list_names(findings);
  guint n = 0, found = 0;

  for (guint i = 0; i < findings->members->len; i++) {
    if (!fits(findings->members->pdata[i], glob))
      continue;
    found = i;
    n++;
  }
  if (*names == '\0')
    return gw_fail(error, GW_ERROR_NOT_FOUND, "there is nothing to take out of this file");
  if (n == 0)
    return gw_fail(error, GW_ERROR_NOT_FOUND, "no file in it fits \"%s\"; it holds: %s", glob, names);
  if (n > 1)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%u files in it fit \"%s\": choose one of: %s", n, glob, names);
  *ret_index = found;
  return TRUE;
}

/* ---- what the program says ---- */

GVariant *
gw_says_hello(GVariant *tables)
{
  return g_variant_new("(uuv)", GW_JOB_VERSION, GW_SAYS_HELLO, tables);
}

static GVariant *
pack_member(const GwMember *member)
{
  GVariantBuilder facts;
  GHashTableIter iter;
  gpointer key, value;

  g_variant_builder_init(&facts, G_VARIANT_TYPE("a{ss}"));
  g_hash_table_iter_init(&iter, member->facts);
  while (g_hash_table_iter_next(&iter, &key, &value))
    g_variant_builder_add(&facts, "{ss}", key, value);
  return g_variant_new("(st@aya{ss})", member->name, member->size,
                       g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, member->sha256, GW_SHA256_LEN, 1),
                       &facts);
}

GVariant *
gw_says_findings(const GwFindings *findings)
{
  GVariantBuilder members;

  g_variant_builder_init(&members, G_VARIANT_TYPE("a(staya{ss})"));
  for (guint i = 0; i < findings->members->len; i++)
    g_variant_builder_add_value(&members, pack_member(findings->members->pdata[i]));
  return g_variant_new("(uuv)", GW_JOB_VERSION, GW_SAYS_FINDINGS,
                       g_variant_new("(ssa(staya{ss}))", findings->format, findings->refusal, &members));
}

static gboolean
take_facts(GwMember *member, GVariant *facts)
{
  GVariantIter iter;
  const char *key, *value;

  if (g_variant_n_children(facts) > GW_FACTS_MAX)
    return FALSE;
  g_variant_iter_init(&iter, facts);
  while (g_variant_iter_next(&iter, "{&s&s}", &key, &value)) {
    if (*key == '\0' || !is_clean(key, KEY_MAX) || !is_clean(value, VALUE_MAX))
      return FALSE;
    g_hash_table_replace(member->facts, g_strdup(key), g_strdup(value));
  }
  return TRUE;
}

static GwMember *
read_member(GVariant *value)
{
  g_autoptr(GVariant) digest = g_variant_get_child_value(value, 2);
  g_autoptr(GVariant) facts = g_variant_get_child_value(value, 3);
  const char *name;
  guint64 size;

  g_variant_get_child(value, 0, "&s", &name);
  g_variant_get_child(value, 1, "t", &size);
  if ((*name && !gw_member_name_check(name, NULL)) || g_variant_get_size(digest) != GW_SHA256_LEN)
    return NULL;
  GwMember *member = gw_member_new(name, size);
  memcpy(member->sha256, g_variant_get_data(digest), GW_SHA256_LEN);
  if (take_facts(member, facts))
    return member;
  gw_member_free(member);
  return NULL;
}

static GwFindings *
read_findings(GVariant *value)
{
  g_autoptr(GwFindings) findings = gw_findings_new();
  g_autoptr(GVariant) members = g_variant_get_child_value(value, 2);
  const char *format, *refusal;

  g_variant_get_child(value, 0, "&s", &format);
  g_variant_get_child(value, 1, "&s", &refusal);
  if (!is_clean(format, KEY_MAX) || !is_clean(refusal, REFUSAL_MAX) ||
      g_variant_n_children(members) > GW_MEMBERS_MAX)
    return NULL;
  g_free(findings->format);
  findings->format = g_strdup(format);
  g_free(findings->refusal);
  findings->refusal = g_strdup(refusal);
  for (gsize i = 0; i < g_variant_n_children(members); i++) {
    g_autoptr(GVariant) child = g_variant_get_child_value(members, i);
    GwMember *member = read_member(child);

    if (!member)
      return NULL;
    g_ptr_array_add(findings->members, member);
  }
  return g_steal_pointer(&findings);
}

gboolean
gw_says_unpack(const void *data, gsize size, GwSays *ret_says, GError **error)
{
  g_autoptr(GVariant) value = read_variant(SAYS_TYPE, data, size);
  g_autoptr(GVariant) body = NULL;
  GwSays says = { 0 };
  guint32 version = 0, kind = 0;

  if (value)
    g_variant_get(value, "(uuv)", &version, &kind, &body);
  if (version == GW_JOB_VERSION && kind == GW_SAYS_HELLO &&
      g_variant_is_of_type(body, G_VARIANT_TYPE(TABLES_TYPE)))
    says.tables = g_variant_ref(body);
  if (version == GW_JOB_VERSION && kind == GW_SAYS_FINDINGS &&
      g_variant_is_of_type(body, G_VARIANT_TYPE(FINDINGS_TYPE)))
    says.findings = read_findings(body);
  if (!says.tables && !says.findings)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "what looks into files said what makes no sense");
  says.kind = (GwSaysKind)kind;
  *ret_says = says;
  return TRUE;
}

void
gw_says_clear(GwSays *says)
{
  g_clear_pointer(&says->tables, g_variant_unref);
  g_clear_pointer(&says->findings, gw_findings_free);
}
