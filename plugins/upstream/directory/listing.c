/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"

int64_t
listing_mtime_ns(const struct stat *st)
{
  return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static Listed *
find(Listing *listing, const char *name)
{
  for (uint32_t i = 0; i < listing->n_files; i++) {
    if (strcmp(listing->files[i].name, name) == 0)
      return &listing->files[i];
  }
  return NULL;
}

/* Files that went are remembered (a stick may come back) until there is no room. */
static void
make_room(Listing *listing)
{
  uint32_t n_kept = 0;

  for (uint32_t i = 0; i < listing->n_files; i++) {
    if (listing->files[i].is_there)
      listing->files[n_kept++] = listing->files[i];
    else
      free(listing->files[i].name);
  }
  listing->n_files = n_kept;
}

static Listed *
add(Listing *listing, const char *name)
{
  char *copy;

  if (listing->n_files == LISTING_MAX)
    make_room(listing);
  listing->is_full = listing->n_files == LISTING_MAX;
  copy = listing->is_full ? NULL : strdup(name);
  if (!copy)
    return NULL;
  listing->files[listing->n_files] = (Listed){ .name = copy };
  return &listing->files[listing->n_files++];
}

static void
note(Listing *listing, const char *name, const struct stat *st, int64_t now_ms)
{
  Listed *file = find(listing, name);
  bool is_new = !file;

  if (!file)
    file = add(listing, name);
  if (!file)
    return;
  if (is_new || file->size != (uint64_t)st->st_size || file->mtime_ns != listing_mtime_ns(st)) {
    file->size = (uint64_t)st->st_size;
    file->mtime_ns = listing_mtime_ns(st);
    file->unchanged_since_ms = now_ms;
    file->is_told = false;
  }
  file->is_there = true;
}

bool
listing_scan(Listing *listing, int dir_fd, int64_t now_ms)
{
  int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
  struct dirent *entry;
  struct stat st;

  if (!dir) {
    if (copy >= 0)
      (void)close(copy);
    return false;
  }
  listing->is_full = false;
  for (uint32_t i = 0; i < listing->n_files; i++)
    listing->files[i].is_there = false;
  while ((entry = readdir(dir)) != NULL) {
    if (!folder_is_temporary(entry->d_name) &&
        fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
      note(listing, entry->d_name, &st, now_ms);
  }
  (void)closedir(dir);
  return true;
}

void
listing_note_writing(void *user, const char *name, bool is_writing)
{
  Listing *listing = user;

  for (uint32_t i = 0; i < listing->n_files; i++) {
    if (!name || strcmp(listing->files[i].name, name) == 0)
      listing->files[i].is_being_written = is_writing;
  }
}

Listed *
listing_find(Listing *listing, const char *name)
{
  Listed *file = find(listing, name);

  return file && file->is_there ? file : NULL;
}

bool
listing_is_settled(const Listed *file, int64_t now_ms, int64_t settle_ms)
{
  return file->is_there && file->size > 0 && !file->is_being_written &&
         now_ms - file->unchanged_since_ms >= settle_ms;
}

void
listing_clear(Listing *listing)
{
  for (uint32_t i = 0; i < listing->n_files; i++)
    free(listing->files[i].name);
  listing->n_files = 0;
}
