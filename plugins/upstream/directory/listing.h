/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of the files of the folder: since when each is unchanged, and whether it was told. */
#ifndef LISTING_H
#define LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define LISTING_MAX 1024

typedef struct {
  char *name;
  uint64_t size;
  int64_t mtime_ns;
  int64_t unchanged_since_ms;
  bool is_there; /* seen in the last scan */
  bool is_being_written;
  bool is_told;
} Listed;

typedef struct {
  Listed files[LISTING_MAX];
  uint32_t n_files;
  bool is_full; /* there were more than that in the last scan */
} Listing;

/* Brings the listing up to date with the folder. false and errno: it cannot be read. */
bool listing_scan(Listing *listing, int dir_fd, int64_t now_ms);
/* For watch_read(); @user is the listing. */
void listing_note_writing(void *user, const char *name, bool is_writing);
/* NULL: not there. */
Listed *listing_find(Listing *listing, const char *name);
/* There, not empty, nobody writes to it, and unchanged for so long. */
bool listing_is_settled(const Listed *file, int64_t now_ms, int64_t settle_ms);
void listing_clear(Listing *listing);

int64_t listing_mtime_ns(const struct stat *st);

#endif
