/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/version.h"

#include <string.h>

#include "base/error.h"
#include "base/reader.h"

#define TEXT_MAX 64
#define LEX8_LEN 8

static GwSlice
slice_of(const char *text)
{
  return (GwSlice){ (const guint8 *)text, strlen(text) };
}

/* Cuts @slice at the first @stop: returns what stands before it and leaves what stands after it.
 * @ret_is_found may be NULL. */
static GwSlice
cut(GwSlice *slice, char stop, gboolean *ret_is_found)
{
  const guint8 *found = slice->size ? memchr(slice->data, stop, slice->size) : NULL;
  GwSlice before = *slice;

  if (found)
    before.size = (gsize)(found - slice->data);
  *slice =
      (GwSlice){ slice->data + before.size + (found ? 1 : 0), slice->size - before.size - (found ? 1 : 0) };
  if (ret_is_found)
    *ret_is_found = found != NULL;
  return before;
}

static gboolean
is_number(GwSlice slice)
{
  for (gsize i = 0; i < slice.size; i++)
    if (!g_ascii_isdigit(slice.data[i]))
      return FALSE;
  return slice.size > 0;
}

static gboolean
is_identifier(GwSlice slice)
{
  for (gsize i = 0; i < slice.size; i++)
    if (!g_ascii_isalnum(slice.data[i]) && slice.data[i] != '-')
      return FALSE;
  return slice.size > 0;
}

/* @is_part holds for each part between dots. */
static gboolean
all_parts(GwSlice slice, gboolean (*is_part)(GwSlice))
{
  gboolean is_more;

  do {
    GwSlice part = cut(&slice, '.', &is_more);

    if (!is_part(part))
      return FALSE;
  } while (is_more);
  return TRUE;
}

typedef struct {
  GwSlice numbers, pre, build;
  gboolean has_pre, has_build;
} Dotted;

static Dotted
split_dotted(const char *text)
{
  Dotted dotted;
  GwSlice rest = slice_of(text);
  GwSlice head = cut(&rest, '+', &dotted.has_build);

  dotted.build = rest;
  dotted.numbers = cut(&head, '-', &dotted.has_pre);
  dotted.pre = head;
  return dotted;
}

static gboolean
is_dotted(const char *text)
{
  Dotted dotted = split_dotted(text);

  return all_parts(dotted.numbers, is_number) && (!dotted.has_pre || all_parts(dotted.pre, is_identifier)) &&
         (!dotted.has_build || all_parts(dotted.build, is_identifier));
}

/* Without leading zeros, so that equal numbers are equal texts. */
static gboolean
is_decimal(const char *text, guint64 max)
{
  guint64 value;

  return gw_slice_decimal(slice_of(text), max, &value) && (text[0] != '0' || text[1] == '\0');
}

static gboolean
is_lex8(const char *text)
{
  for (const char *p = text; *p; p++)
    if (!g_ascii_isalnum(*p) && *p != '_')
      return FALSE;
  return strlen(text) == LEX8_LEN;
}

static gboolean
is_plain(const char *text)
{
  for (const char *p = text; *p; p++)
    if (!g_ascii_isgraph(*p))
      return FALSE;
  return *text != '\0' && strlen(text) <= TEXT_MAX;
}

static int
sign_of(int n)
{
  return (n > 0) - (n < 0);
}

static GwSlice
without_zeros(GwSlice number)
{
  while (number.size > 0 && *number.data == '0')
    number = (GwSlice){ number.data + 1, number.size - 1 };
  return number;
}

static int
compare_text(GwSlice a, GwSlice b)
{
  gsize size = MIN(a.size, b.size);
  int order = size ? memcmp(a.data, b.data, size) : 0;

  return order ? sign_of(order) : (a.size > b.size) - (a.size < b.size);
}

/* Of any length, by value; an absent one is 0. */
static int
compare_numbers(GwSlice a, GwSlice b)
{
  a = without_zeros(a);
  b = without_zeros(b);
  if (a.size != b.size)
    return a.size < b.size ? -1 : 1;
  return compare_text(a, b);
}

/* Numbers come before words. */
static int
compare_identifiers(GwSlice a, GwSlice b)
{
  gboolean is_a = is_number(a), is_b = is_number(b);

  if (is_a && is_b)
    return compare_numbers(a, b);
  return is_a != is_b ? is_b - is_a : compare_text(a, b);
}

static int
compare_number_lists(GwSlice a, GwSlice b)
{
  int order = 0;

  while (order == 0 && (a.size > 0 || b.size > 0))
    order = compare_numbers(cut(&a, '.', NULL), cut(&b, '.', NULL));
  return order;
}

/* Where one is the beginning of the other, the shorter comes first. */
static int
compare_identifier_lists(GwSlice a, GwSlice b)
{
  int order = 0;

  while (order == 0 && a.size > 0 && b.size > 0)
    order = compare_identifiers(cut(&a, '.', NULL), cut(&b, '.', NULL));
  return order ? order : (a.size > 0) - (b.size > 0);
}

static int
compare_dotted(const char *a, const char *b)
{
  Dotted da = split_dotted(a), db = split_dotted(b);
  int order = compare_number_lists(da.numbers, db.numbers);

  if (order == 0)
    order = db.has_pre - da.has_pre;
  return order ? order : compare_identifier_lists(da.pre, db.pre);
}

const char *
gw_version_scheme_name(GwVersionScheme scheme)
{
  static const char *const names[] = {
    [GW_VERSION_OPAQUE] = "opaque", [GW_VERSION_INTEGER] = "integer", [GW_VERSION_BYTE] = "byte",
    [GW_VERSION_LEX8] = "lex8",     [GW_VERSION_DOTTED] = "dotted",
  };

  return (guint)scheme < G_N_ELEMENTS(names) && names[scheme] ? names[scheme] : "none";
}

gboolean
gw_version_scheme_parse(const char *name, GwVersionScheme *ret_scheme)
{
  for (GwVersionScheme scheme = GW_VERSION_OPAQUE; scheme <= GW_VERSION_DOTTED; scheme++)
    if (strcmp(name, gw_version_scheme_name(scheme)) == 0) {
      *ret_scheme = scheme;
      return TRUE;
    }
  return FALSE;
}

static gboolean
is_version(GwVersionScheme scheme, const char *text)
{
  if (!text || !is_plain(text))
    return FALSE;
  switch (scheme) {
  case GW_VERSION_OPAQUE:
    return TRUE;
  case GW_VERSION_INTEGER:
    return is_decimal(text, G_MAXINT32);
  case GW_VERSION_BYTE:
    return is_decimal(text, G_MAXUINT8);
  case GW_VERSION_LEX8:
    return is_lex8(text);
  case GW_VERSION_DOTTED:
    return is_dotted(text);
  }
  return FALSE;
}

gboolean
gw_version_check(GwVersionScheme scheme, const char *text, GError **error)
{
  static const char *const forms[] = {
    [GW_VERSION_OPAQUE] = "1 to 64 printable characters without blanks",
    [GW_VERSION_INTEGER] = "a number from 0 to 2147483647",
    [GW_VERSION_BYTE] = "a number from 0 to 255",
    [GW_VERSION_LEX8] = "8 letters, digits or underscores",
    [GW_VERSION_DOTTED] = "numbers and dots like 1.2.3 or 1.2.3-rc.1+build",
  };

  if (is_version(scheme, text))
    return TRUE;
  return gw_fail(error, GW_ERROR_BAD_INPUT, "version \"%.64s\" is not %s", text ? text : "", forms[scheme]);
}

static int
compare_valid(GwVersionScheme scheme, const char *a, const char *b)
{
  switch (scheme) {
  case GW_VERSION_INTEGER:
  case GW_VERSION_BYTE:
    return compare_numbers(slice_of(a), slice_of(b));
  case GW_VERSION_DOTTED:
    return compare_dotted(a, b);
  default:
    return sign_of(strcmp(a, b));
  }
}

GwOrder
gw_version_compare(GwVersionScheme scheme, const char *a, const char *b)
{
  int order;

  if (!is_version(scheme, a) || !is_version(scheme, b))
    return GW_ORDER_UNKNOWN;
  order = compare_valid(scheme, a, b);
  if (order == 0)
    return GW_ORDER_EQUAL;
  if (scheme == GW_VERSION_OPAQUE)
    return GW_ORDER_UNKNOWN;
  return order < 0 ? GW_ORDER_LESS : GW_ORDER_GREATER;
}

/* ---- the end of a series ---- */

/* Nothing but @c from there on. */
static gboolean
ends_with_only(const char *text, char c)
{
  while (*text == c)
    text++;
  return *text == '\0';
}

/* The greatest number up to @max whose digits begin with those of @head. */
static guint64
greatest_with(guint64 head, guint64 max)
{
  guint64 low = head, high = head, greatest = head;

  while (low > 0 && low <= max / 10) {
    low *= 10;
    high = high * 10 + 9;
    greatest = MIN(high, max);
  }
  return greatest;
}

/* One with fewer digits than the series has is alone in it, and so is 0. */
static gboolean
is_last_number(const char *text, guint series_chars, guint64 max)
{
  guint64 value = 0, head = 0;

  gw_slice_decimal(slice_of(text), max, &value);
  if (series_chars == 0)
    return value == max;
  if (series_chars > strlen(text) || value == 0)
    return TRUE;
  gw_slice_decimal((GwSlice){ (const guint8 *)text, series_chars }, max, &head);
  return value == greatest_with(head, max);
}

gboolean
gw_version_is_last(GwVersionScheme scheme, guint series_chars, const char *text)
{
  gsize size = text ? strlen(text) : 0;
  gsize n_same = MIN(series_chars, size);

  if (!is_version(scheme, text))
    return FALSE;
  switch (scheme) {
  case GW_VERSION_INTEGER:
    return is_last_number(text, series_chars, G_MAXINT32);
  case GW_VERSION_BYTE:
    return is_last_number(text, series_chars, G_MAXUINT8);
  case GW_VERSION_LEX8:
    return ends_with_only(text + n_same, 'z');
  case GW_VERSION_DOTTED:
    return size == TEXT_MAX && ends_with_only(text + n_same, '9');
  default:
    return FALSE;
  }
}
