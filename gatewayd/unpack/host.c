/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unpack/host.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define HEAD_SIZE 4096
#define KEY_MAX 31
#define VALUE_MAX 255
#define TOTAL_FACTOR 4 /* all members together, in files of the greatest size */

typedef struct {
  GatewayJob face; /* first: what the plugin holds is this */
  const GwUnpackTask *task;
  GwFindings *findings;
  const GwFormat *format;
  GwDigester *digester; /* of the member begun last; NULL = it is the file itself, or there is none */
  guint64 total;        /* bytes of all members */
  gboolean is_taken;    /* what is wanted is through, and the rest is not looked at */
} Host;

static bool refuse(Host *host, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
refuse(Host *host, const char *format, ...)
{
  va_list args;

  if (*host->findings->refusal)
    return false;
  g_free(host->findings->refusal);
  va_start(args, format);
  host->findings->refusal = g_strdup_vprintf(format, args);
  va_end(args);
  return false;
}

static void
on_refuse(GatewayJob *job, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, (gssize)strnlen(text, 512));

  for (char *c = valid; *c; c++)
    if ((guchar)*c < ' ' || *c == 0x7f)
      *c = '?';
  refuse((Host *)job, "%s", valid);
}

void
gw_unpack_prepare(void)
{
  guint8 sha256[GW_SHA256_LEN];

  gw_sha256("", 0, sha256);
  (void)g_setenv("TZ", "UTC0", TRUE);
  tzset();
}

/* ---- members ---- */

static GwMember *
last(const Host *host)
{
  GPtrArray *members = host->findings->members;

  return members->len ? members->pdata[members->len - 1] : NULL;
}

static gboolean
is_wanted(const Host *host)
{
  return host->findings->members->len == (guint64)host->task->member + 1;
}

static void
end_member(Host *host)
{
  GwDigests digests;

  if (!host->digester)
    return;
  gw_digester_finish(host->digester, &digests);
  g_clear_pointer(&host->digester, gw_digester_free);
  memcpy(last(host)->sha256, digests.sha256, GW_SHA256_LEN);
  last(host)->size = digests.size;
  host->is_taken = is_wanted(host);
}

static gboolean
is_there(const Host *host, const char *name)
{
  for (guint i = 0; i < host->findings->members->len; i++)
    if (strcmp(((const GwMember *)host->findings->members->pdata[i])->name, name) == 0)
      return TRUE;
  return FALSE;
}

static bool
check_name(Host *host, const char *name)
{
  g_autoptr(GError) error = NULL;

  if (*name && !gw_member_name_check(name, &error))
    return refuse(host, "%s", error->message);
  return !is_there(host, name) || refuse(host, "it holds \"%s\" twice", name);
}

static bool
on_image(GatewayJob *job, GatewayText name, uint64_t size)
{
  Host *host = (Host *)job;
  g_autofree char *text = g_strndup(name.data ? name.data : "", MIN(name.size, GW_MEMBER_NAME_MAX + 1));

  end_member(host);
  host->is_taken |= *text && host->task->member == GW_JOB_LOOK;
  if (host->is_taken || *host->findings->refusal)
    return false;
  if (host->findings->members->len >= GW_MEMBERS_MAX)
    return refuse(host, "it holds more than %d files", GW_MEMBERS_MAX);
  if (memchr(text, '\0', name.size) && strlen(text) < MIN(name.size, GW_MEMBER_NAME_MAX + 1))
    return refuse(host, "a name in it has a zero byte");
  if (!check_name(host, text))
    return false;
  if (size > host->task->max_size)
    return refuse(host, "\"%s\" in it has %" G_GUINT64_FORMAT " bytes, more than an image may have", text,
                  size);
  g_ptr_array_add(host->findings->members, gw_member_new(text, *text ? 0 : host->face.input_size));
  host->digester = *text ? gw_digester_new(FALSE) : NULL;
  return true;
}

static bool
on_data(GatewayJob *job, const void *data, size_t size)
{
  Host *host = (Host *)job;
  g_autoptr(GError) error = NULL;

  if (!host->digester || *host->findings->refusal)
    return refuse(host, "the format gave bytes to no image");
  GwMember *member = last(host);
  if (size > host->task->max_size - member->size)
    return refuse(host, "\"%s\" in it is larger than an image may be", member->name);
  member->size += size;
  host->total += size;
  if (host->total / TOTAL_FACTOR > host->task->max_size)
    return refuse(host, "all that it holds is larger than %d images may be", TOTAL_FACTOR);
  gw_digester_update(host->digester, data, size);
  if (is_wanted(host) && !gw_write_all(host->task->output_fd, data, size, &error))
    return refuse(host, "nobody takes it any more");
  return true;
}

static void
on_fact(GatewayJob *job, const char *key, GatewayText value)
{
  Host *host = (Host *)job;
  GwMember *member = last(host);
  g_autofree char *text = g_strndup(value.data ? value.data : "", MIN(value.size, VALUE_MAX));

  if (!member || *text == '\0' || !g_utf8_validate(text, -1, NULL) || strlen(key) > KEY_MAX ||
      g_hash_table_size(member->facts) >= GW_FACTS_MAX)
    return;
  for (const char *c = text; *c; c = g_utf8_next_char(c))
    if (!g_unichar_isprint(g_utf8_get_char(c)))
      return;
  g_hash_table_replace(member->facts, g_strdup(key), g_strdup(text));
}

/* ---- the file ---- */

static bool
on_read(GatewayJob *job, uint64_t offset, void *ret_data, size_t size)
{
  size_t done = 0;

  if (offset > job->input_size || size > job->input_size - offset)
    return false;
  while (done < size) {
    ssize_t n = pread(job->input_fd, (char *)ret_data + done, size - done, (off_t)(offset + done));

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    done += (size_t)n;
  }
  return true;
}

static bool
on_sha256(GatewayJob *job, uint64_t offset, uint64_t size, uint8_t ret_sha256[32])
{
  g_autoptr(GwDigester) digester = gw_digester_new(FALSE);
  guint8 buffer[16384];
  GwDigests digests;

  while (size > 0) {
    size_t step = MIN(size, sizeof buffer);

    if (!on_read(job, offset, buffer, step))
      return false;
    gw_digester_update(digester, buffer, step);
    offset += step;
    size -= step;
  }
  gw_digester_finish(digester, &digests);
  memcpy(ret_sha256, digests.sha256, sizeof digests.sha256);
  return true;
}

/* ---- signatures ---- */

GwKeyring *
gw_unpack_keys(const char *pem)
{
  static const char begin[] = "-----BEGIN";
  GwKeyring *keys;

  if (!pem || !*pem)
    return NULL;
  keys = gw_keyring_new();
  for (const char *key = strstr(pem, begin); key; key = strstr(key + 1, begin))
    gw_keyring_add(keys, "key", key, strlen(key), NULL, NULL);
  return keys;
}

static int
on_verify(GatewayJob *job, const uint8_t sha256[32], const void *signature, size_t size,
          uint8_t ret_key_sha256[32])
{
  const GwFormat *format = ((Host *)job)->format;
  g_autofree char *text = g_base64_encode(signature, size);
  guint key;

  if (!format->keys)
    return -1;
  if (!gw_keyring_verify_sha256(format->keys, sha256, text, strlen(text), &key, NULL))
    return 0;
  gw_keyring_key_sha256(format->keys, key, ret_key_sha256);
  return 1;
}

/* ---- who does it ---- */

static const GwFormat *
choose(Host *host, const GwFormat *formats, guint n_formats)
{
  g_autofree char *head = g_malloc(HEAD_SIZE);
  size_t size = MIN(host->face.input_size, HEAD_SIZE);
  const GwFormat *surest = NULL;
  guint32 best = 0;

  if (!on_read(&host->face, 0, head, size)) {
    refuse(host, "it cannot be read");
    return NULL;
  }
  for (guint i = 0; i < n_formats; i++) {
    guint32 sure = formats[i].functions.recognize((GatewayText){ head, size }, host->face.file_name);

    if (sure > best) {
      best = sure;
      surest = &formats[i];
    }
  }
  return surest;
}

static void
unpack(Host *host, const GwFormat *format)
{
  gboolean is_whole;

  host->format = format;
  host->face.settings = format->settings;
  g_free(host->findings->format);
  host->findings->format = g_strdup(format->plugin->name);
  is_whole = format->functions.unpack(&host->face);
  end_member(host);
  if (!is_whole && !host->is_taken)
    refuse(host, "%s: it is not whole", format->plugin->title);
  if (is_whole && host->findings->members->len == 0 && !host->is_taken)
    refuse(host, "%s: it holds nothing", format->plugin->title);
}

GwFindings *
gw_unpack_run(const GwUnpackTask *task, const GwFormat *formats, guint n_formats)
{
  Host host = { .task = task, .findings = gw_findings_new() };
  const GwFormat *format;
  struct stat st;

  host.face = (GatewayJob){
    .size = sizeof(GatewayJob),
    .input_fd = task->input_fd,
    .file_name = task->file_name,
    .image = on_image,
    .data = on_data,
    .fact = on_fact,
    .refuse = on_refuse,
    .read = on_read,
    .sha256 = on_sha256,
    .verify = on_verify,
  };
  if (fstat(task->input_fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0) {
    refuse(&host, "it is no file");
    return host.findings;
  }
  host.face.input_size = (guint64)st.st_size;
  format = choose(&host, formats, n_formats);
  if (format)
    unpack(&host, format);
  else if (!*host.findings->refusal)
    g_ptr_array_add(host.findings->members, gw_member_new("", host.face.input_size));
  return host.findings;
}
