/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade.h"

/* The guide's own example 1; GPRS and 3G look for PATH and VERSION before they see that there is nothing. */
static const char NOTHING[] = "FILE:NO_FILE\nPATH:\nSIZE:\nVERSION:\n";
static const char NO_FILE[] = "NO_FILE";

bool
upgrade_is_name(GatewayText text)
{
  for (size_t i = 0; i < text.size; i++) {
    char c = text.data[i];
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!is_letter && !(c >= '0' && c <= '9') && c != '_')
      return false;
  }
  return text.size == UPGRADE_NAME_CHARS && !gateway_text_equal(text, NO_FILE);
}

/* 0 to 255 without leading zeros: a fourth character would overflow GPRS and 3G. */
static bool
is_version(GatewayText text)
{
  unsigned number = 0;
  if (text.size == 0 || text.size > 3 || (text.size > 1 && text.data[0] == '0'))
    return false;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9')
      return false;
    number = number * 10 + (unsigned)(text.data[i] - '0');
  }
  return number <= UINT8_MAX;
}

bool
upgrade_read_image(const GatewayImage *image, Upgrade *ret_upgrade, const char **ret_why)
{
  Upgrade upgrade = { .size = image->size };
  *ret_why = NULL;
  if (!upgrade_is_name(image->name))
    *ret_why = "the file name is not the IDE's: 7 letters, digits or underscores, and not NO_FILE";
  else if (!is_version(image->software_version))
    *ret_why = "the version is no number from 0 to 255";
  else if (image->size == 0 || image->size > UPGRADE_SIZE_MAX)
    *ret_why = "the image is empty, or its size has more than nine digits";
  if (*ret_why)
    return false;
  memcpy(upgrade.name, image->name.data, image->name.size);
  memcpy(upgrade.version, image->software_version.data, image->software_version.size);
  *ret_upgrade = upgrade;
  return true;
}

GatewayText
upgrade_print(const Upgrade *upgrade, GatewayScratch *scratch)
{
  if (!upgrade->name[0])
    return GATEWAY_TEXT(NOTHING);
  return gateway_print(scratch, "FILE:%s\nPATH:/\nSIZE:%llu\nVERSION:%s\n", upgrade->name,
                       (unsigned long long)upgrade->size, upgrade->version);
}
