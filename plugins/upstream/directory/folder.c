/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
fail(int fd, int code)
{
  (void)close(fd);
  errno = code;
  return -1;
}

int
folder_open_file(int dir_fd, const char *name, struct stat *ret_stat)
{
  struct open_how how = {
    .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, /* a pipe or a terminal must not hold us */
    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  int fd = (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof how);

  if (fd < 0)
    return -1;
  if (fstat(fd, ret_stat) < 0)
    return fail(fd, errno);
  return S_ISREG(ret_stat->st_mode) ? fd : fail(fd, EINVAL);
}

bool
folder_is_temporary(const char *name)
{
  static const char *const ENDINGS[] = {
    "~", ".part", ".tmp", ".partial", ".crdownload", ".filepart", ".swp"
  };
  size_t size = strlen(name);

  if (*name == '.' || *name == '~')
    return true;
  for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
    size_t end = strlen(ENDINGS[i]);

    if (size >= end && strcasecmp(name + size - end, ENDINGS[i]) == 0)
      return true;
  }
  return false;
}

static bool
is_plain(unsigned char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c && strchr("-._~", c));
}

bool
folder_encode(const char *name, char *ret, size_t size)
{
  static const char HEX[] = "0123456789ABCDEF";
  size_t n = 0;

  for (; *name && n + 4 <= size; name++) {
    unsigned char c = (unsigned char)*name;

    if (is_plain(c)) {
      ret[n++] = (char)c;
      continue;
    }
    ret[n++] = '%';
    ret[n++] = HEX[c >> 4];
    ret[n++] = HEX[c & 15];
  }
  if (n >= size)
    return false;
  ret[n] = '\0';
  return *name == '\0';
}

static int
hex_digit(char c)
{
  const char *digits = "0123456789abcdef";
  const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 32 : c) : NULL;

  return found ? (int)(found - digits) : -1;
}

bool
folder_decode(const char *text, size_t text_size, char *ret, size_t size)
{
  size_t n = 0;

  for (size_t i = 0; i < text_size; i++) {
    int value = (unsigned char)text[i];

    if (text[i] == '%') {
      int high = i + 2 < text_size ? hex_digit(text[i + 1]) : -1;
      int low = i + 2 < text_size ? hex_digit(text[i + 2]) : -1;

      value = high < 0 || low < 0 ? 0 : high * 16 + low;
      i += 2;
    }
    if (value == 0 || n + 1 >= size)
      return false;
    ret[n++] = (char)value;
  }
  ret[n] = '\0';
  return true;
}
