/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "waspmote-modems.h"

#include <string.h>

#define UPGRADE "UPGRADE.TXT"

/* What goes wrong, and how each library says it of UPGRADE.TXT and of the image. */
typedef enum { STEP_LOGIN, STEP_SIZE, STEP_GET, STEP_BROKEN, STEP_CLOSE, N_STEPS } Step;

static const char *const CODES[][2][N_STEPS] = {
  [WASP_WIFI] = { { "0021", "0021", "0021", "0021", "0021" }, { "0030", "0030", "0030", "0030", "0030" } },
  [WASP_4G] = { { "3", "2", "2", "2", "25" }, { "26", "13", "18", "18", NULL } },
  [WASP_GPRS] = { { "-23", "-32", "-26", "-28", NULL }, { "-85", "-94", "-88", "-90", NULL } },
  [WASP_3G] = { { "-21", "-19", "-21", "-19", NULL }, { "-31", "-28", "-31", "-28", NULL } },
};

/* One file on its way. */
typedef struct {
  const WaspUnit *unit;
  const char *const *codes;
  const char *path, *name; /* GPRS: GETPATH and GETNAME; the others have no path */
  gsize drop_at;
  GByteArray *content;
} Fetch;

static const char *
code_of(WaspFtpResult result, const char *const *codes)
{
  return result == WASP_FTP_OK ? NULL : codes[result == WASP_FTP_BROKEN ? STEP_BROKEN : STEP_GET];
}

/* What the modem's GET asks for: alone behind a CWD, or all in one. */
static char *
full_name(const Fetch *fetch)
{
  gboolean is_split = fetch->path && !fetch->unit->is_joined;

  return is_split || !fetch->path ? g_strdup(fetch->name) : g_strconcat(fetch->path, fetch->name, NULL);
}

static WaspFtpResult
get(const Fetch *fetch, WaspFtp *ftp)
{
  g_autofree char *name = full_name(fetch);
  WaspFtpResult result;

  g_byte_array_set_size(fetch->content, 0);
  if (fetch->drop_at)
    (void)wasp_ftp_retrieve(ftp, name, fetch->drop_at, fetch->content);
  if (fetch->drop_at && !fetch->unit->is_resumed)
    return WASP_FTP_BROKEN;
  result = wasp_ftp_retrieve(ftp, name, 0, fetch->content);
  /* iChip: "data socket could not be opened" (511) is tried once more. */
  if (result == WASP_FTP_NO_DATA && fetch->unit->modem == WASP_WIFI)
    result = wasp_ftp_retrieve(ftp, name, 0, fetch->content);
  return result;
}

/* ---- WiFi PRO and 4G: one login for SIZE and GET ---- */

static const char *
fetch_in_one(const Fetch *fetch)
{
  WaspFtp *ftp = wasp_ftp_open(&fetch->unit->server);
  const char *code;

  if (!ftp)
    return fetch->codes[STEP_LOGIN];
  code =
      wasp_ftp_size(ftp, fetch->name) > 0 ? code_of(get(fetch, ftp), fetch->codes) : fetch->codes[STEP_SIZE];
  if (!wasp_ftp_close(ftp) && !code)
    code = fetch->codes[STEP_CLOSE];
  return code;
}

/* ---- GPRS and 3G: a login for each, the sizes compared, three tries ---- */

static WaspFtp *
open_there(const Fetch *fetch)
{
  WaspFtp *ftp = wasp_ftp_open(&fetch->unit->server);

  if (!ftp || !fetch->path || fetch->unit->is_joined || wasp_ftp_cwd(ftp, fetch->path))
    return ftp;
  wasp_ftp_close(ftp);
  return NULL;
}

static const char *
ask_size(const Fetch *fetch, gint64 *ret_size)
{
  WaspFtp *ftp = open_there(fetch);
  g_autofree char *name = full_name(fetch);

  if (!ftp)
    return fetch->codes[STEP_LOGIN];
  *ret_size = fetch->unit->modem == WASP_3G ? wasp_ftp_list_size(ftp, name) : wasp_ftp_size(ftp, name);
  wasp_ftp_close(ftp);
  return *ret_size > 0 ? NULL : fetch->codes[STEP_SIZE];
}

static const char *
ask_content(const Fetch *fetch)
{
  WaspFtp *ftp = open_there(fetch);
  const char *code;

  if (!ftp)
    return fetch->codes[STEP_LOGIN];
  code = code_of(get(fetch, ftp), fetch->codes);
  wasp_ftp_close(ftp);
  return code;
}

static const char *
fetch_once(const Fetch *fetch)
{
  gint64 before = 0, after = 0;
  const char *code = ask_size(fetch, &before);

  if (!code)
    code = ask_content(fetch);
  after = before;
  if (!code && fetch->unit->modem == WASP_GPRS)
    code = ask_size(fetch, &after);
  if (!code && (before != after || before != (gint64)fetch->content->len))
    code = fetch->codes[STEP_BROKEN];
  return code;
}

static const char *
fetch_in_tries(const Fetch *fetch)
{
  const char *code = fetch_once(fetch);

  for (int i = 1; i < fetch->unit->tries && code; i++) {
    g_usleep((gulong)fetch->unit->retry_ms * 1000);
    code = fetch_once(fetch);
  }
  return code;
}

/* ---- what each asks for ---- */

static const char *
fetch_file(const Fetch *fetch)
{
  return fetch->unit->modem >= WASP_GPRS ? fetch_in_tries(fetch) : fetch_in_one(fetch);
}

const char *
wasp_modem_fetch_text(const WaspUnit *unit, GByteArray *ret_content)
{
  gboolean is_gprs = unit->modem == WASP_GPRS;
  Fetch fetch = { .unit = unit,
                  .codes = CODES[unit->modem][WASP_TEXT],
                  .path = is_gprs ? ".gprs" : NULL,
                  .name = is_gprs ? "/" UPGRADE : UPGRADE,
                  .content = ret_content };

  return fetch_file(&fetch);
}

/* WiFi puts a slash between PATH and FILE unless PATH is one; 4G ignores PATH; GPRS looks below ".gprs"; 3G
 * drops PATH only when it is the root, and forgets the slash. */
static char *
image_name(WaspModem modem, const WaspOrder *order)
{
  gboolean is_root = strcmp(order->path, "/") == 0;

  switch (modem) {
  case WASP_WIFI:
    return g_strconcat(order->path, is_root ? "" : "/", order->file, NULL);
  case WASP_GPRS:
    return g_strconcat("/", order->file, NULL);
  case WASP_3G:
    return g_strconcat(is_root ? "" : order->path, order->file, NULL);
  default:
    return g_strdup(order->file);
  }
}

const char *
wasp_modem_fetch_image(const WaspUnit *unit, const WaspOrder *order, GByteArray *ret_content)
{
  g_autofree char *name = image_name(unit->modem, order);
  g_autofree char *path = unit->modem == WASP_GPRS ? g_strconcat(".gprs", order->path, NULL) : NULL;
  Fetch fetch = { .unit = unit,
                  .codes = CODES[unit->modem][WASP_IMAGE],
                  .path = path,
                  .name = name,
                  .drop_at = unit->drop_at,
                  .content = ret_content };

  return fetch_file(&fetch);
}
