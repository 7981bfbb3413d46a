/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "path.h"

#define DEPTH_MAX 8

static const char ALIAS[] = ".gprs";

typedef struct {
  GatewayText parts[DEPTH_MAX];
  size_t n;
  bool is_too_deep;
} Parts;

/* "." and empty parts stay where they are, ".." goes up and never above the root. */
static void
enter(Parts *parts, GatewayText part)
{
  if (part.size == 0 || gateway_text_equal(part, "."))
    return;
  if (gateway_text_equal(part, ".."))
    parts->n -= parts->n > 0;
  else if (parts->n < DEPTH_MAX)
    parts->parts[parts->n++] = part;
  else
    parts->is_too_deep = true;
}

static Parts
split(GatewayText path, bool is_in_alias)
{
  Parts parts = { .n = 0 };
  size_t start = 0;
  if (is_in_alias && (path.size == 0 || path.data[0] != '/'))
    enter(&parts, gateway_text(ALIAS));
  for (size_t i = 0; i <= path.size; i++) {
    if (i < path.size && path.data[i] != '/')
      continue;
    enter(&parts, (GatewayText){ path.data + start, i - start });
    start = i + 1;
  }
  return parts;
}

static void
set_image(FtpTarget *target, GatewayText name)
{
  target->place = FTP_PLACE_IMAGE;
  memcpy(target->name, name.data, UPGRADE_NAME_CHARS);
}

static bool
ends_with(GatewayText path, const char *known)
{
  return known[0] && path.size >= UPGRADE_NAME_CHARS &&
         memcmp(path.data + path.size - UPGRADE_NAME_CHARS, known, UPGRADE_NAME_CHARS) == 0;
}

FtpTarget
ftp_path_resolve(GatewayText path, bool is_in_alias, const char *known)
{
  Parts parts = split(path, is_in_alias);
  FtpTarget target = { .is_by_alias = parts.n > 0 && gateway_text_equal(parts.parts[0], ALIAS) };
  size_t left = parts.n - target.is_by_alias;
  GatewayText first = left ? parts.parts[target.is_by_alias] : GATEWAY_NO_TEXT;
  if (parts.is_too_deep)
    left = DEPTH_MAX;
  if (left == 0)
    target.place = target.is_by_alias ? FTP_PLACE_ALIAS : FTP_PLACE_ROOT;
  else if (left == 1 && gateway_text_equal(first, FTP_UPGRADE_NAME))
    target.place = FTP_PLACE_UPGRADE;
  else if (left == 1 && upgrade_is_name(first))
    set_image(&target, first);
  else if (ends_with(path, known))
    set_image(&target, (GatewayText){ path.data + path.size - UPGRADE_NAME_CHARS, UPGRADE_NAME_CHARS });
  return target;
}

bool
ftp_path_has_glob(GatewayText path)
{
  for (size_t i = 0; i < path.size; i++)
    if (strchr("*?[]{}", path.data[i]) && path.data[i])
      return true;
  return false;
}
