/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists: columns, filter, sort, keyset cursor, limit, total; over what lives in memory. */
#include <string.h>

#include "base/error.h"
#include "control/columns.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 500
#define CURSOR_MAX 4096

/* ---- filters ---- */

static const GwColumn *
find_column(const GwKind *kind, const char *name, GError **error)
{
  g_autoptr(GString) names = NULL;

  for (const GwColumn *column = kind->columns; column->name; column++)
    if (strcmp(column->name, name) == 0)
      return column;
  names = g_string_new(NULL);
  for (const GwColumn *column = kind->columns; column->name; column++)
    g_string_append_printf(names, "%s%s", names->len ? ", " : "", column->name);
  gw_fail(error, GW_ERROR_BAD_INPUT, "%s have no column \"%.64s\"; they have %s", kind->name, name,
          names->str);
  return NULL;
}

/* As a person would write it: doors pass texts as well as typed values. */
static char *
as_text(GVariant *value)
{
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string(value, NULL);
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
    return g_strdup(g_variant_get_boolean(value) ? "yes" : "no");
  return g_variant_print(value, FALSE);
}

static gboolean
matches_text(GVariant *value, const char *wanted)
{
  g_autofree char *text = as_text(value);

  if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY)) {
    g_autofree const char **texts = g_variant_get_strv(value, NULL);

    return g_strv_contains(texts, wanted);
  }
  if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN))
    return strcmp(text, wanted) == 0 || strcmp(g_variant_get_boolean(value) ? "true" : "false", wanted) == 0;
  return g_pattern_match_simple(wanted, text);
}

typedef struct {
  const GwColumn *column;
  char *wanted;
} Filter;

static void
filter_free(gpointer data)
{
  g_free(((Filter *)data)->wanted);
  g_free(data);
}

static gboolean
read_filters(const GwKind *kind, GVariant *form, GPtrArray *filters, GError **error)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  if (!form)
    return TRUE;
  g_variant_iter_init(&iter, form);
  while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
    g_autoptr(GVariant) owned = value;
    const GwColumn *column = find_column(kind, key, error);
    Filter *filter;

    if (!column)
      return FALSE;
    filter = g_new(Filter, 1);
    *filter = (Filter){ column, as_text(owned) };
    g_ptr_array_add(filters, filter);
  }
  return TRUE;
}

static gboolean
passes(GwCore *core, gconstpointer item, const GPtrArray *filters)
{
  for (guint i = 0; i < filters->len; i++) {
    const Filter *filter = filters->pdata[i];
    g_autoptr(GVariant) value = g_variant_ref_sink(filter->column->value(core, item));

    if (!matches_text(value, filter->wanted))
      return FALSE;
  }
  return TRUE;
}

/* ---- order: by a column, then by the unique one ---- */

typedef struct {
  gconstpointer item;
  GVariant *by, *key;
  const char *by_text, *key_text; /* what they hold, if it is text: asked once, compared often */
} Entry;

static const char *
text_in(GVariant *value)
{
  return g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) ? g_variant_get_string(value, NULL) : NULL;
}

/* Takes the values. */
static Entry
entry_new(gconstpointer item, GVariant *by, GVariant *key)
{
  return (Entry){ item, by, key, text_in(by), text_in(key) };
}

static void
entry_clear(gpointer data)
{
  Entry *entry = data;

  g_variant_unref(entry->by);
  g_variant_unref(entry->key);
}

static int
compare_values(GVariant *a, GVariant *b)
{
  if (g_variant_is_of_type(a, G_VARIANT_TYPE_STRING_ARRAY))
    return (int)g_variant_n_children(a) - (int)g_variant_n_children(b);
  return g_variant_compare(a, b);
}

static int
compare_entries(gconstpointer a, gconstpointer b, gpointer user)
{
  const Entry *left = a, *right = b;
  int order = left->by_text ? strcmp(left->by_text, right->by_text) : compare_values(left->by, right->by);

  if (order == 0)
    order = left->key_text ? strcmp(left->key_text, right->key_text) : compare_values(left->key, right->key);
  return GPOINTER_TO_INT(user) * order;
}

/* The place that @cursor names, of the types that @like has. */
static gboolean
read_cursor(const char *cursor, const Entry *like, Entry *ret_place, GError **error)
{
  g_autofree char *type =
      g_strdup_printf("(%s%s)", g_variant_get_type_string(like->by), g_variant_get_type_string(like->key));
  g_autoptr(GVariant) place =
      strlen(cursor) <= CURSOR_MAX ? g_variant_parse(G_VARIANT_TYPE(type), cursor, NULL, NULL, NULL) : NULL;

  if (!place)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "the cursor is not one of this list");
  *ret_place = entry_new(NULL, g_variant_get_child_value(place, 0), g_variant_get_child_value(place, 1));
  return TRUE;
}

/* ---- one page ---- */

typedef struct {
  const GwKind *kind;
  const GwColumn *by;
  int direction;
  GPtrArray *columns; /* GwColumn; those shown */
  GPtrArray *filters; /* Filter */
  guint limit;
} Listing;

static void
listing_clear(Listing *listing)
{
  g_clear_pointer(&listing->columns, g_ptr_array_unref);
  g_clear_pointer(&listing->filters, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Listing, listing_clear)

static gboolean
read_columns(Listing *listing, const char *const *names, GError **error)
{
  for (const char *const *name = names; name && *name; name++) {
    const GwColumn *column = find_column(listing->kind, *name, error);

    if (!column)
      return FALSE;
    g_ptr_array_add(listing->columns, (gpointer)column);
  }
  if (listing->columns->len > 0)
    return TRUE;
  for (const GwColumn *column = listing->kind->columns; column->name; column++)
    if (column->is_usual)
      g_ptr_array_add(listing->columns, (gpointer)column);
  return TRUE;
}

static gboolean
read_listing(Listing *listing, const GwListQuery *query, GError **error)
{
  const char *sort = *query->sort ? query->sort : listing->kind->sort;

  listing->columns = g_ptr_array_new();
  listing->filters = g_ptr_array_new_with_free_func(filter_free);
  listing->direction = *sort == '-' ? -1 : 1;
  listing->by = find_column(listing->kind, *sort == '-' ? sort + 1 : sort, error);
  listing->limit = query->limit ? MIN(query->limit, LIMIT_MAX) : LIMIT_DEFAULT;
  return listing->by && read_columns(listing, query->columns, error) &&
         read_filters(listing->kind, query->filter, listing->filters, error);
}

/* What a page is made of: the first entries beyond the cursor, and how many there are in all. */
typedef struct {
  GArray *entries; /* Entry; at most twice the limit while they are collected */
  gboolean is_cut; /* the entry at the limit is known: nothing behind it is wanted */
  guint n_total, n_beyond;
} Page;

static void
page_clear(Page *page)
{
  g_clear_pointer(&page->entries, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Page, page_clear)

static void
page_cut(Page *page, const Listing *listing)
{
  g_array_sort_with_data(page->entries, compare_entries, GINT_TO_POINTER(listing->direction));
  if (page->entries->len < listing->limit)
    return;
  g_array_set_size(page->entries, listing->limit);
  page->is_cut = TRUE;
}

/* Takes @entry. Most of a long list is compared once, and never sorted. */
static void
page_take(Page *page, const Listing *listing, Entry *entry)
{
  page->n_beyond++;
  if (page->is_cut && compare_entries(entry, &g_array_index(page->entries, Entry, listing->limit - 1),
                                      GINT_TO_POINTER(listing->direction)) >= 0) {
    entry_clear(entry);
    return;
  }
  g_array_append_val(page->entries, *entry);
  if (page->entries->len >= 2 * listing->limit)
    page_cut(page, listing);
}

static Entry
entry_of(GwCore *core, const Listing *listing, gconstpointer item)
{
  const GwColumn *unique = listing->kind->columns;
  GVariant *key = g_variant_ref_sink(unique->value(core, item));

  return entry_new(
      item, listing->by == unique ? g_variant_ref(key) : g_variant_ref_sink(listing->by->value(core, item)),
      key);
}

/* Also when the row that the cursor came from is gone. */
static gboolean
collect(GwCore *core, const Listing *listing, const char *cursor, Page *page, GError **error)
{
  g_autoptr(GPtrArray) items = listing->kind->items(core);
  Entry last = { 0 };
  gboolean is_right = TRUE;

  page->entries = g_array_new(FALSE, FALSE, sizeof(Entry));
  g_array_set_clear_func(page->entries, entry_clear);
  for (guint i = 0; is_right && i < items->len; i++) {
    Entry entry;

    if (!passes(core, items->pdata[i], listing->filters))
      continue;
    page->n_total++;
    entry = entry_of(core, listing, items->pdata[i]);
    if (*cursor && !last.by)
      is_right = read_cursor(cursor, &entry, &last, error);
    if (!is_right || (last.by && compare_entries(&entry, &last, GINT_TO_POINTER(listing->direction)) <= 0))
      entry_clear(&entry);
    else
      page_take(page, listing, &entry);
  }
  if (last.by)
    entry_clear(&last);
  page_cut(page, listing);
  return is_right;
}

static void
add_row(GwCore *core, GVariantBuilder *rows, const Listing *listing, const Entry *entry)
{
  g_variant_builder_open(rows, G_VARIANT_TYPE_VARDICT);
  for (guint i = 0; i < listing->columns->len; i++) {
    const GwColumn *column = listing->columns->pdata[i];

    g_variant_builder_add(rows, "{sv}", column->name, column->value(core, entry->item));
  }
  g_variant_builder_close(rows);
}

static char *
cursor_of(const Entry *entry)
{
  g_autoptr(GVariant) place =
      g_variant_ref_sink(g_variant_new_tuple((GVariant *[]){ entry->by, entry->key }, 2));

  return g_variant_print(place, FALSE);
}

static GVariant *
page_variant(GwCore *core, const Listing *listing, const Page *page)
{
  guint n = page->entries->len;
  g_autofree char *cursor =
      n < page->n_beyond ? cursor_of(&g_array_index(page->entries, Entry, n - 1)) : g_strdup("");
  GVariantBuilder rows;

  g_variant_builder_init(&rows, G_VARIANT_TYPE("aa{sv}"));
  for (guint i = 0; i < n; i++)
    add_row(core, &rows, listing, &g_array_index(page->entries, Entry, i));
  return g_variant_new("(aa{sv}su)", &rows, cursor, page->n_total);
}

void
gw_query_list(GwCore *core, const GwListQuery *query, GwThen then)
{
  g_auto(Listing) listing = { .kind = gw_columns_kind(query->kind) };
  g_auto(Page) page = { 0 };
  g_autoptr(GError) error = NULL;

  if (strcmp(query->kind, "updates") == 0 || strcmp(query->kind, "timeline") == 0) {
    gw_query_list_updates(core, query, then);
    return;
  }
  if (!listing.kind)
    gw_fail(&error, GW_ERROR_BAD_INPUT, "nothing of the kind \"%.64s\" is listed; expected " GW_KINDS,
            query->kind);
  if (error || !read_listing(&listing, query, &error)) {
    gw_then_fail(core, then, g_steal_pointer(&error));
    return;
  }
  if (collect(core, &listing, query->cursor, &page, &error))
    gw_then_succeed(core, then, page_variant(core, &listing, &page));
  else
    gw_then_fail(core, then, g_steal_pointer(&error));
}
