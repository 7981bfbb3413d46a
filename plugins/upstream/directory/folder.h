/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opening beneath a folder whose content is not trusted, and names on their way into URLs and back. */
#ifndef FOLDER_H
#define FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* A regular file beneath @dir_fd; no link is followed, nothing outside is reached. -1 and errno; ELOOP or
 * EXDEV: it was tried. */
int folder_open_file(int dir_fd, const char *name, struct stat *ret_stat);
/* Hidden, or of a kind that programs use while they write. */
bool folder_is_temporary(const char *name);

/* Percent-encoding of a file name for a URL, and back. false: it does not fit, or "%00" or a broken "%". */
bool folder_encode(const char *name, char *ret, size_t size);
bool folder_decode(const char *text, size_t text_size, char *ret, size_t size);

#endif
