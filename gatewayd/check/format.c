/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cases of a format's table: a file is written down, the format looks into it as in the helper, and every
 * image and fact that it tells must stand there. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "check/run.h"
#include "check/words.h"
#include "unpack/host.h"

#define MAX_SIZE ((guint64)256 * 1024 * 1024)
#define MAX_FUZZ_SIZE 4096
#define FLIP_SEED 1

typedef struct {
  GwRun *run;
  GwRunSettings settings;
  GString *name;
  GByteArray *bytes;
  GwFindings *findings;    /* of the file as it is now; NULL = not looked into yet */
  guint n_images, n_facts; /* told so far */
  gboolean is_told;        /* the table says what is in it */
} Case;

static GwFindings *
look(const GwRun *run, const GwRunSettings *settings, const char *name, const guint8 *bytes, gsize size)
{
  g_autofree char *pem = g_strdup(settings->face.text(&settings->face, GW_KEYS_SETTING));
  g_autoptr(GwKeyring) keys = gw_unpack_keys(pem);
  GwFormat format = { .plugin = run->plugin, .settings = &settings->face, .keys = keys };
  GwUnpackTask task = { .output_fd = -1, .file_name = name, .member = GW_JOB_LIST, .max_size = MAX_SIZE };
  GW_AUTO_FD int fd = memfd_create("case", MFD_CLOEXEC);

  memcpy(&format.functions, run->plugin->functions, sizeof format.functions);
  g_assert(fd >= 0 && gw_write_all(fd, bytes, size, NULL));
  task.input_fd = fd;
  return gw_unpack_run(&task, &format, 1);
}

static GwFindings *
findings_of(Case *one)
{
  if (!one->findings)
    one->findings = look(one->run, &one->settings, one->name->str, one->bytes->data, one->bytes->len);
  return one->findings;
}

static gboolean
is_recognized(const Case *one, const guint8 *bytes, gsize size)
{
  const GatewayFormatFunctions *functions = one->run->plugin->functions;

  return functions->recognize((GatewayText){ (const char *)bytes, MIN(size, 4096) }, one->name->str) > 0;
}

gpointer
gw_format_case_new(GwRun *run)
{
  Case *one = g_new0(Case, 1);

  one->run = run;
  one->settings = gw_run_settings(run);
  one->name = g_string_new("file");
  one->bytes = g_byte_array_new();
  return one;
}

/* What the table does not tell must not be there. */
void
gw_format_case_free(gpointer state)
{
  Case *one = state;

  if (one->is_told && one->n_images != findings_of(one)->members->len)
    gw_run_fail(one->run, gw_run_line, "%u images are told of %u", one->n_images,
                findings_of(one)->members->len);
  g_string_free(one->name, TRUE);
  g_byte_array_unref(one->bytes);
  gw_findings_free(one->findings);
  g_free(one);
}

/* ---- the file ---- */

static const char *
word(const GPtrArray *words, guint i)
{
  return i < words->len ? ((const GString *)words->pdata[i])->str : "";
}

static gboolean
run_file(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  g_string_assign(((Case *)state)->name, word(words, 1));
  return TRUE;
}

static gboolean
run_text(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;

  for (guint i = 1; i < words->len; i++) {
    const GString *text = words->pdata[i];
    g_byte_array_append(one->bytes, (const guint8 *)text->str, (guint)text->len);
  }
  return TRUE;
}

static gboolean
run_bytes(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  gsize size = strlen(word(words, 1)) / 2;
  g_autofree guint8 *bytes = g_malloc(size + 1);

  if (!gw_unhex(word(words, 1), size, bytes))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "expected pairs of hex digits");
  g_byte_array_append(one->bytes, bytes, (guint)size);
  return TRUE;
}

static gboolean
read_number(const char *text, guint64 max, guint64 *ret_number, GError **error)
{
  return g_ascii_string_to_unsigned(text, 10, 0, max, ret_number, NULL) ||
         gw_fail(error, GW_ERROR_BAD_INPUT, "expected a number up to %" G_GUINT64_FORMAT, max);
}

/* fill N HH */
static gboolean
run_fill(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  guint64 n;
  guint8 byte;

  if (!read_number(word(words, 1), 1024 * 1024, &n, error))
    return FALSE;
  if (!gw_unhex(word(words, 2), 1, &byte))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "expected a pair of hex digits");
  for (guint64 i = 0; i < n; i++)
    g_byte_array_append(one->bytes, &byte, 1);
  return TRUE;
}

/* ---- what is in it ---- */

static gboolean
run_unrecognized(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;

  if (is_recognized(one, one->bytes->data, one->bytes->len))
    gw_run_fail(one->run, gw_run_line, "it is recognized");
  return TRUE;
}

static gboolean
run_refused(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  const char *refusal = findings_of(one)->refusal;

  if (!*refusal || strstr(refusal, rest) == NULL)
    gw_run_fail(one->run, gw_run_line, "refusal is \"%s\"", refusal);
  return TRUE;
}

static void
check_facts(Case *one)
{
  const GPtrArray *members = findings_of(one)->members;
  const GwMember *member =
      one->n_images > 0 && one->n_images <= members->len ? members->pdata[one->n_images - 1] : NULL;

  if (member && g_hash_table_size(member->facts) != one->n_facts)
    gw_run_fail(one->run, gw_run_line, "image \"%s\" has %u facts, %u are told", member->name,
                g_hash_table_size(member->facts), one->n_facts);
}

/* image NAME SIZE [SHA256's first digits] */
static gboolean
run_image(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  const GwFindings *findings = findings_of(one);
  char hex[GW_SHA256_HEX_LEN + 1];
  guint64 size;

  if (!read_number(word(words, 2), MAX_SIZE, &size, error))
    return FALSE;
  check_facts(one);
  one->is_told = TRUE;
  one->n_facts = 0;
  if (one->n_images++ >= findings->members->len || *findings->refusal) {
    gw_run_fail(one->run, gw_run_line, "there is no such image; refusal is \"%s\"", findings->refusal);
    return TRUE;
  }
  const GwMember *member = findings->members->pdata[one->n_images - 1];
  gw_hex(member->sha256, GW_SHA256_LEN, hex);
  if (strcmp(member->name, word(words, 1)) != 0 || member->size != size ||
      !g_str_has_prefix(hex, word(words, 3)))
    gw_run_fail(one->run, gw_run_line, "image is \"%s\" %" G_GUINT64_FORMAT " %.16s", member->name,
                member->size, hex);
  return TRUE;
}

static gboolean
run_fact(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  const GPtrArray *members = findings_of(one)->members;

  if (one->n_images == 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "'fact' before the first 'image'");
  one->n_facts++;
  const GwMember *member = one->n_images <= members->len ? members->pdata[one->n_images - 1] : NULL;
  const char *value = member ? g_hash_table_lookup(member->facts, word(words, 1)) : NULL;
  if (g_strcmp0(value, word(words, 2)) != 0)
    gw_run_fail(one->run, gw_run_line, "%s is \"%s\"", word(words, 1), value ? value : "absent");
  return TRUE;
}

static gboolean
is_flip_refused(const Case *one, guint8 *bytes, guint bit)
{
  g_autoptr(GwFindings) findings = NULL;

  bytes[bit / 8] ^= (guint8)(1u << bit % 8);
  if (is_recognized(one, bytes, one->bytes->len))
    findings = look(one->run, &one->settings, one->name->str, bytes, one->bytes->len);
  bytes[bit / 8] ^= (guint8)(1u << bit % 8);
  return findings && *findings->refusal;
}

/* flips N: so many files in which one bit is wrong are recognized, and refused. */
static gboolean
run_flips(gpointer state, GPtrArray *words, const char *rest, GError **error)
{
  Case *one = state;
  GRand *random = g_rand_new_with_seed(FLIP_SEED);
  guint64 n;
  gboolean is_good = read_number(word(words, 1), 1000000, &n, error);

  if (is_good && *findings_of(one)->refusal)
    gw_run_fail(one->run, gw_run_line, "already without a flip: %s", findings_of(one)->refusal);
  for (guint64 i = 0; is_good && i < n * one->run->flips_factor; i++) {
    guint bit = (guint)g_rand_int_range(random, 0, (gint32)one->bytes->len * 8);

    if (is_flip_refused(one, one->bytes->data, bit))
      continue;
    gw_run_fail(one->run, gw_run_line, "bit %u of byte %u may be wrong", bit % 8, bit / 8);
    break;
  }
  g_rand_free(random);
  return is_good;
}

const GwKeyword GW_FORMAT_KEYWORDS[] = {
  { "file", run_file },
  { "text", run_text },
  { "bytes", run_bytes },
  { "fill", run_fill },
  { "unrecognized", run_unrecognized },
  { "refused", run_refused },
  { "image", run_image },
  { "fact", run_fact },
  { "flips", run_flips },
  { NULL, NULL },
};

/* ---- fuzz ---- */

/* Anything may be found in them, but in the end there must be an answer. */
gboolean
gw_fuzz_format(GwRun *run, guint n, guint32 seed, GError **error)
{
  const GwRunSettings settings = gw_run_settings(run);
  GRand *random = g_rand_new_with_seed(seed);
  g_autofree guint8 *bytes = g_malloc(MAX_FUZZ_SIZE);

  for (guint i = 0; i < n / 10; i++) {
    gsize size = (gsize)g_rand_int_range(random, 0, MAX_FUZZ_SIZE);

    for (gsize at = 0; at < size; at++)
      bytes[at] = (guint8)g_rand_int(random);
    gw_findings_free(look(run, &settings, "fuzz.bin", bytes, size));
  }
  g_rand_free(random);
  return TRUE;
}
