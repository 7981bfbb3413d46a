/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* zip and tar, and gzip, xz and zstd around a tar or around one file. libarchive reads them, with nothing
 * else of it enabled; no name of an archive is ever a path here, so nothing can be written by one. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway-plugin.h"

#define BLOCK (64 * 1024)
#define MAX_ENTRIES 4096 /* with folders */
#define MAX_FILTERS 2    /* one, and none: an archive in an archive in an archive is a joke */

static locale_t utf8; /* in which names are read; made when this file is loaded */

typedef struct archive Archive;
typedef struct archive_entry Entry;

typedef struct {
  GatewayJob *job;
  uint64_t offset;
  char block[BLOCK];
} Source;

/* ---- the file, as libarchive wants it ---- */

static la_ssize_t
on_read(Archive *archive, void *user, const void **ret_data)
{
  Source *source = user;
  uint64_t left = source->job->input_size - source->offset;
  size_t size = left < BLOCK ? (size_t)left : BLOCK;

  *ret_data = source->block;
  if (!source->job->read(source->job, source->offset, source->block, size)) {
    archive_set_error(archive, EIO, "it cannot be read");
    return ARCHIVE_FATAL;
  }
  source->offset += size;
  return (la_ssize_t)size;
}

static la_int64_t
on_skip(Archive *archive, void *user, la_int64_t count)
{
  Source *source = user;
  uint64_t left = source->job->input_size - source->offset;

  if (count < 0 || (uint64_t)count > left)
    return 0;
  source->offset += (uint64_t)count;
  return count;
}

static la_int64_t
on_seek(Archive *archive, void *user, la_int64_t offset, int whence)
{
  Source *source = user;
  int64_t base = whence == SEEK_SET   ? 0
                 : whence == SEEK_CUR ? (int64_t)source->offset
                                      : (int64_t)source->job->input_size;

  if (offset < -base || offset > (int64_t)source->job->input_size - base)
    return ARCHIVE_FATAL;
  source->offset = (uint64_t)(base + offset);
  return base + offset;
}

static Archive *
make_reader(bool is_one_file)
{
  Archive *archive = archive_read_new();

  if (!archive)
    return NULL;
  archive_read_support_filter_gzip(archive);
  archive_read_support_filter_xz(archive);
  archive_read_support_filter_zstd(archive);
  archive_read_support_format_raw(archive);
  if (is_one_file)
    return archive;
  archive_read_support_format_tar(archive);
  archive_read_support_format_zip_seekable(archive);
  return archive;
}

static Archive *
open_source(Source *source, bool is_one_file)
{
  Archive *archive = make_reader(is_one_file);

  if (!archive)
    return NULL;
  archive_read_set_read_callback(archive, on_read);
  archive_read_set_skip_callback(archive, on_skip);
  archive_read_set_seek_callback(archive, on_seek);
  archive_read_set_callback_data(archive, source);
  if (archive_read_open1(archive) == ARCHIVE_OK)
    return archive;
  archive_read_free(archive);
  return NULL;
}

/* ---- recognize ---- */

static const struct {
  size_t offset;
  const char *bytes;
  size_t size;
} MAGICS[] = {
  { 0, "PK\3\4", 4 },
  { 0, "PK\5\6", 4 },
  { 0, "\x1f\x8b\x08", 3 },
  { 0,
    "\xfd"
    "7zXZ\0",
    6 },
  { 0, "\x28\xb5\x2f\xfd", 4 },
  { 257, "ustar", 5 },
};

static uint32_t
recognize(GatewayText head, const char *file_name)
{
  for (size_t i = 0; i < GATEWAY_COUNT(MAGICS); i++)
    if (head.size >= MAGICS[i].offset + MAGICS[i].size &&
        memcmp(head.data + MAGICS[i].offset, MAGICS[i].bytes, MAGICS[i].size) == 0)
      return 80;
  return 0;
}

/* ---- unpack ---- */

static bool
fail(GatewayJob *job, Archive *archive)
{
  const char *why = archive_error_string(archive);

  job->refuse(job, why ? why : "it cannot be unpacked");
  return false;
}

/* One file that was compressed has no name in there: it is called as the file, without the suffix. */
static GatewayText
name_of_only(const char *file_name, char ret_name[256])
{
  static const char *const SUFFIXES[] = { ".gz", ".xz", ".zst", NULL };
  size_t size = strnlen(file_name, 255);

  for (const char *const *suffix = SUFFIXES; *suffix; suffix++)
    if (size > strlen(*suffix) && strcmp(file_name + size - strlen(*suffix), *suffix) == 0) {
      size -= strlen(*suffix);
      break;
    }
  memcpy(ret_name, file_name, size);
  ret_name[size] = '\0';
  return size ? (GatewayText){ ret_name, size } : GATEWAY_TEXT("image");
}

static GatewayText
name_of(GatewayJob *job, Archive *archive, Entry *entry, char ret_name[256])
{
  const char *name = archive_entry_pathname_utf8(entry);

  if (archive_format(archive) == ARCHIVE_FORMAT_RAW)
    return name_of_only(job->file_name, ret_name);
  return gateway_text(name ? name : archive_entry_pathname(entry));
}

static bool
copy(GatewayJob *job, Archive *archive, char *block)
{
  la_ssize_t n;

  while ((n = archive_read_data(archive, block, BLOCK)) > 0)
    if (!job->data(job, block, (size_t)n))
      return false;
  return n == 0 || fail(job, archive);
}

/* Why it can be no image, or NULL. */
static const char *
objection(Archive *archive, Entry *entry, GatewayText name)
{
  if (archive_entry_hardlink(entry) || archive_entry_filetype(entry) == AE_IFLNK)
    return "it holds a link";
  if (archive_entry_filetype(entry) != AE_IFREG && archive_format(archive) != ARCHIVE_FORMAT_RAW)
    return "it holds something that is no file";
  if (archive_entry_is_encrypted(entry))
    return "it is encrypted";
  return name.size ? NULL : "a file in it has no name";
}

static bool
take(GatewayJob *job, Archive *archive, Entry *entry, char *block)
{
  char only[256];
  GatewayText name = name_of(job, archive, entry, only);
  uint64_t size = archive_entry_size_is_set(entry) ? (uint64_t)archive_entry_size(entry) : 0;
  const char *why = objection(archive, entry, name);

  if (archive_entry_filetype(entry) == AE_IFDIR)
    return true;
  if (why) {
    job->refuse(job, why);
    return false;
  }
  return job->image(job, name, size) && copy(job, archive, block);
}

static bool
check_reader(GatewayJob *job, Archive *archive)
{
  int n_filters = archive_filter_count(archive);

  if (n_filters > MAX_FILTERS) {
    job->refuse(job, "it is compressed more than once");
    return false;
  }
  if (archive_format(archive) == ARCHIVE_FORMAT_RAW && n_filters < MAX_FILTERS) {
    job->refuse(job, "it begins like an archive and is none");
    return false;
  }
  return true;
}

/* @ret_n: entries that were there. */
static bool
walk(GatewayJob *job, Archive *archive, char *block, uint32_t *ret_n)
{
  Entry *entry;
  int rc;

  for (*ret_n = 0; (rc = archive_read_next_header(archive, &entry)) != ARCHIVE_EOF; ++*ret_n) {
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
      return fail(job, archive);
    if (*ret_n >= MAX_ENTRIES) {
      job->refuse(job, "it holds more than 4096 entries");
      return false;
    }
    if ((*ret_n == 0 && !check_reader(job, archive)) || !take(job, archive, entry, block))
      return false;
  }
  return true;
}

static bool
read_all(Source *source, char *block, bool is_one_file, uint32_t *ret_n)
{
  Archive *archive;
  bool is_whole = false;

  source->offset = 0;
  archive = open_source(source, is_one_file);
  if (archive)
    is_whole = walk(source->job, archive, block, ret_n);
  else
    source->job->refuse(source->job, "it cannot be opened as an archive");
  archive_read_free(archive);
  return is_whole;
}

/* A file that begins with a block of zeros looks like the end of a tar. */
static bool
unpack(GatewayJob *job)
{
  Source *source = calloc(1, sizeof *source);
  char *block = malloc(BLOCK);
  locale_t before = uselocale(utf8);
  bool is_whole = false;
  uint32_t n = 0;

  if (source && block) {
    source->job = job;
    is_whole = read_all(source, block, false, &n);
    if (is_whole && n == 0)
      is_whole = read_all(source, block, true, &n);
  }
  free(block);
  free(source);
  (void)uselocale(before);
  return is_whole;
}

/* Names are converted by the C library, which opens its tables when they are first asked for; when unpack()
 * runs nothing can be opened any more. */
__attribute__((constructor)) static void
prepare(void)
{
  utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .name = "archive",
  .title = "An archive",
  .version = "1",
  .functions = &functions,
};
