/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A folder on this machine: a USB stick, a share, a place where a build server puts its files. It holds
 * either a catalog of the same form as on a web server, or bare files. Nothing of it stays open between two
 * looks, so that it may be unmounted, replaced or pulled out at any time. */
#include "gateway-plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "folder.h"
#include "listing.h"
#include "watch.h"

#define CATALOG "catalog.json"
#define SIGNATURE "catalog.json.sig"
#define MAX_DOCUMENT (1024 * 1024)
#define MAX_SIGNATURE (16 * 1024)
#define MAX_URL 2049
#define STEP (64 * 1024)
#define YEAR_MS 31622400000

static const GatewaySetting SETTINGS[] = {
  { "path", GATEWAY_SETTING_PATH, NULL, 0, 0, NULL, "the folder; it need not be there all the time" },
  { "poll", GATEWAY_SETTING_DURATION, "2s", 10, YEAR_MS, NULL, "how often to look into it" },
  { "settle", GATEWAY_SETTING_DURATION, "5s", 0, YEAR_MS, NULL,
    "a file is taken when it was unchanged for so long" },
};

typedef struct {
  char *data;
  size_t size;
} Bytes;

typedef struct {
  Listing listing;
  Watch watch;
  Bytes document, signature; /* as announced last */
} State;

static int64_t
now_ms(void)
{
  struct timespec now;

  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int
open_folder(GatewayWorker *worker)
{
  const char *path = worker->settings->text(worker->settings, "path");

  errno = EINVAL;
  return path && *path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}

/* ---- a catalog ---- */

static bool
is_same(const Bytes *a, const Bytes *b)
{
  return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

static void
replace(Bytes *target, Bytes *source)
{
  free(target->data);
  *target = *source;
  *source = (Bytes){ 0 };
}

static bool
read_all(int fd, Bytes *bytes, size_t max_size)
{
  ssize_t n = 1;

  bytes->data = malloc(max_size + 1);
  while (bytes->data && n > 0 && bytes->size <= max_size) {
    n = read(fd, bytes->data + bytes->size, max_size + 1 - bytes->size);
    if (n > 0)
      bytes->size += (size_t)n;
  }
  return n == 0 && bytes->data && bytes->size <= max_size;
}

static bool
read_file(int dir_fd, const char *name, size_t max_size, Bytes *bytes)
{
  struct stat st;
  int fd = folder_open_file(dir_fd, name, &st);
  bool is_read = fd >= 0 && read_all(fd, bytes, max_size);

  if (fd >= 0)
    (void)close(fd);
  return is_read;
}

static GatewayResult
announce(GatewayWorker *worker, State *state, Bytes *document, Bytes *signature)
{
  char text[96];
  GatewayResult result = worker->announce(worker, "", document->data, document->size,
                                          signature->size ? signature->data : NULL, signature->size);

  if (result != GATEWAY_OK)
    return result;
  snprintf(text, sizeof text, "%s catalog of %zu bytes", signature->size ? "signed" : "unsigned",
           document->size);
  worker->status(worker, true, text);
  replace(&state->document, document);
  replace(&state->signature, signature);
  return GATEWAY_OK;
}

static GatewayResult
look_at_catalog(GatewayWorker *worker, State *state, int dir_fd, bool has_signature)
{
  Bytes document = { 0 }, signature = { 0 };
  GatewayResult result = GATEWAY_UNCHANGED;

  if (!read_file(dir_fd, CATALOG, MAX_DOCUMENT, &document) ||
      (has_signature && !read_file(dir_fd, SIGNATURE, MAX_SIGNATURE, &signature)))
    worker->status(worker, false, "the catalog or its signature cannot be read, or is too large");
  else if (!is_same(&document, &state->document) || !is_same(&signature, &state->signature))
    result = announce(worker, state, &document, &signature);
  free(document.data);
  free(signature.data);
  return result;
}

static GatewayResult
consider_catalog(GatewayWorker *worker, State *state, int dir_fd, int64_t settle_ms)
{
  const Listed *document = listing_find(&state->listing, CATALOG);
  const Listed *signature = listing_find(&state->listing, SIGNATURE);

  if (!listing_is_settled(document, now_ms(), settle_ms) ||
      (signature && !listing_is_settled(signature, now_ms(), settle_ms)))
    return GATEWAY_UNCHANGED;
  return look_at_catalog(worker, state, dir_fd, signature != NULL);
}

/* ---- bare files ---- */

/* The name, and in the fragment which bytes were meant: another file of that name is another find. */
static bool
make_url(const Listed *file, char *ret_url, size_t size)
{
  char name[3 * 256 + 1];

  if (!folder_encode(file->name, name, sizeof name))
    return false;
  return (size_t)snprintf(ret_url, size, "%s#%llu-%lld", name, (unsigned long long)file->size,
                          (long long)file->mtime_ns) < size;
}

static GatewayResult
consider_file(GatewayWorker *worker, Listed *file)
{
  char url[MAX_URL];
  GatewayResult result;

  if (!make_url(file, url, sizeof url))
    return GATEWAY_UNCHANGED;
  result = worker->found(worker, url, file->name, file->size);
  if (result == GATEWAY_FAILED_GIVE_UP)
    worker->status(worker, false, "a file's name is not UTF-8: it is passed over");
  file->is_told = result == GATEWAY_OK || result == GATEWAY_FAILED_GIVE_UP;
  return file->is_told ? GATEWAY_OK : result;
}

static GatewayResult
consider_files(GatewayWorker *worker, State *state, int64_t settle_ms)
{
  GatewayResult result = GATEWAY_OK;
  uint32_t n_there = 0;
  char text[96];

  for (uint32_t i = 0; i < state->listing.n_files && result == GATEWAY_OK; i++) {
    Listed *file = &state->listing.files[i];

    n_there += file->is_there;
    if (!file->is_told && listing_is_settled(file, now_ms(), settle_ms))
      result = consider_file(worker, file);
  }
  if (result != GATEWAY_OK)
    return result;
  snprintf(text, sizeof text, "%s%u file%s, no catalog", state->listing.is_full ? "more than " : "", n_there,
           n_there == 1 ? "" : "s");
  worker->status(worker, !state->listing.is_full, text);
  return GATEWAY_OK;
}

/* ---- looking ---- */

/* Gone is not wrong: sticks come and go. When it is back, its catalog is announced again, so that what could
 * not be fetched meanwhile is tried. */
static GatewayResult
note_absent(GatewayWorker *worker, State *state, int code)
{
  Bytes none = { 0 };

  watch_close(&state->watch);
  replace(&state->document, &none);
  replace(&state->signature, &none);
  worker->status(worker, code == ENOENT, code == ENOENT ? "waiting for the folder" : strerror(code));
  return GATEWAY_UNCHANGED;
}

static GatewayResult
look(GatewayWorker *worker, State *state, int dir_fd)
{
  int64_t settle_ms = worker->settings->number(worker->settings, "settle");
  struct stat folder;

  if (fstat(dir_fd, &folder) < 0)
    return note_absent(worker, state, errno);
  if (watch_follow(&state->watch, worker->settings->text(worker->settings, "path"), &folder))
    listing_note_writing(&state->listing, NULL, false);
  if (!listing_scan(&state->listing, dir_fd, now_ms()))
    return note_absent(worker, state, errno);
  watch_read(&state->watch, listing_note_writing, &state->listing);
  if (listing_find(&state->listing, CATALOG))
    return consider_catalog(worker, state, dir_fd, settle_ms);
  return consider_files(worker, state, settle_ms);
}

static GatewayResult
directory_poll(GatewayWorker *worker)
{
  State *state = worker->private_data;
  GatewayResult result;
  int dir_fd;

  if (!state) {
    state = worker->private_data = calloc(1, sizeof *state);
    if (!state)
      return GATEWAY_FAILED_RETRY;
    state->watch = WATCH_NONE;
  }
  dir_fd = open_folder(worker);
  if (dir_fd < 0)
    return note_absent(worker, state, errno);
  result = look(worker, state, dir_fd);
  (void)close(dir_fd);
  return result;
}

/* ---- bringing ---- */

static GatewayResult
give_up(GatewayWorker *worker, const char *why)
{
  worker->status(worker, false, why);
  return GATEWAY_FAILED_GIVE_UP;
}

/* A find's fragment must still be true; a catalog's URL has none. */
static bool
is_still(const char *url, const struct stat *st)
{
  const char *fragment = strchr(url, '#');
  char now[64];

  snprintf(now, sizeof now, "#%llu-%lld", (unsigned long long)st->st_size, (long long)listing_mtime_ns(st));
  return !fragment || strcmp(fragment, now) == 0;
}

static GatewayResult
copy(GatewayWorker *worker, const GatewayWanted *wanted, int fd, const struct stat *st)
{
  char *buffer = malloc(STEP);
  char validator[64];
  uint64_t offset = 0;
  GatewayResult result;
  ssize_t n = 0;

  snprintf(validator, sizeof validator, "\"%llu-%lld\"", (unsigned long long)st->st_size,
           (long long)listing_mtime_ns(st));
  if (wanted->validator && strcmp(wanted->validator, validator) == 0)
    offset = wanted->offset;
  result = buffer ? worker->begin(worker, offset, validator) : GATEWAY_FAILED_RETRY;
  while (result == GATEWAY_OK && (n = pread(fd, buffer, STEP, (off_t)offset)) > 0) {
    result = worker->deliver(worker, buffer, (size_t)n);
    offset += (uint64_t)n;
  }
  free(buffer);
  if (n < 0) {
    worker->status(worker, false, strerror(errno)); /* pulled out in the middle */
    return GATEWAY_FAILED_RETRY;
  }
  return result;
}

static GatewayResult
fetch_file(GatewayWorker *worker, const GatewayWanted *wanted, int dir_fd, const char *name)
{
  struct stat st;
  int fd = folder_open_file(dir_fd, name, &st);
  GatewayResult result;

  if (fd < 0 && (errno == ELOOP || errno == EXDEV || errno == EINVAL))
    return give_up(worker, "not a file of this folder: links, \"..\" and absolute paths are not followed");
  if (fd < 0) {
    worker->status(worker, false, strerror(errno));
    return GATEWAY_FAILED_RETRY;
  }
  if (is_still(wanted->url, &st))
    result = copy(worker, wanted, fd, &st);
  else
    result = give_up(worker, "the file was replaced since it was found");
  (void)close(fd);
  return result;
}

static GatewayResult
directory_fetch(GatewayWorker *worker, const GatewayWanted *wanted)
{
  char name[MAX_URL];
  GatewayResult result;
  int dir_fd;

  if (strstr(wanted->url, "://"))
    return give_up(worker, "a catalog in a folder names only files of that folder");
  if (!folder_decode(wanted->url, strcspn(wanted->url, "?#"), name, sizeof name))
    return give_up(worker, "the URL cannot be read");
  dir_fd = open_folder(worker);
  if (dir_fd < 0) {
    worker->status(worker, false, "the folder is not there");
    return GATEWAY_FAILED_RETRY;
  }
  result = fetch_file(worker, wanted, dir_fd, name);
  (void)close(dir_fd);
  return result;
}

static void
directory_close(GatewayWorker *worker)
{
  State *state = worker->private_data;

  if (!state)
    return;
  watch_close(&state->watch);
  listing_clear(&state->listing);
  free(state->document.data);
  free(state->signature.data);
  free(state);
  worker->private_data = NULL;
}

static const GatewayUpstreamFunctions FUNCTIONS = {
  .size = sizeof FUNCTIONS,
  .poll = directory_poll,
  .fetch = directory_fetch,
  .close = directory_close,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_UPSTREAM,
  .name = "directory",
  .title = "Folder or USB stick",
  .version = "1",
  .setup = "Put catalog.json, catalog.json.sig and the images into the folder, or only images: these are "
           "listed as drafts to be completed. The WAN worker's user must be able to read it.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .functions = &FUNCTIONS,
};
