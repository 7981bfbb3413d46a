/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What clouds and catalogs say that the WAN side reads itself: "A B" each is a Content-Range, a validator, a
 * URL to be resolved, a redirect, and a file name on its way into a URL and back. */
#include <stdint.h>
#include <string.h>

#include "../../plugins/upstream/directory/folder.h"
#include "wan/resume.h"
#include "wan/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_range(const char *text)
{
  guint64 first = 0, last = 0, total = 0;

  if (!gw_content_range_parse(text, &first, &last, &total))
    return;
  g_assert(first <= last && (total == 0 || last < total));
  if (gw_validator_is_strong(text))
    g_assert(text[0] == '"');
}

static void
check_urls(const char *base, const char *reference)
{
  g_autofree char *url = gw_url_resolve(base, reference, NULL);
  g_autofree char *to = gw_url_redirect("https://a.example/x", reference, 1, NULL);
  g_autofree char *shown = gw_url_for_people(base);

  g_assert(!url || gw_url_check(url, NULL));
  g_assert(!to || g_str_has_prefix(to, "https://"));
  g_assert(!strpbrk(shown, "?#"));
}

static void
check_name(const char *text)
{
  char decoded[512], encoded[2048], again[512];

  if (!folder_decode(text, strlen(text), decoded, sizeof decoded))
    return;
  g_assert(strlen(decoded) < sizeof decoded);
  g_assert(folder_encode(decoded, encoded, sizeof encoded));
  g_assert(folder_decode(encoded, strlen(encoded), again, sizeof again) && strcmp(decoded, again) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  g_autofree char *text = g_strndup((const char *)data, MIN(size, 4096));
  g_auto(GStrv) words = g_strsplit(text, " ", 2);
  const char *a = words[0] ? words[0] : "", *b = words[0] && words[1] ? words[1] : a;

  check_range(text);
  check_urls(a, b);
  check_name(a);
  (void)folder_is_temporary(a);
  return 0;
}
