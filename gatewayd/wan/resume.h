/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May bytes that are there already be continued? RFC 9110 §13.1.5 and §14: only under a strong validator, and
 * only where the server says exactly that. Pure. */
#pragma once
#include <glib.h>

/* An entity tag that names the exact bytes: quoted, not W/. */
gboolean gw_validator_is_strong(const char *validator);

/* "bytes 100-199/200" or with total "*" (then *ret_total is 0). FALSE for anything else. */
gboolean gw_content_range_parse(const char *text, guint64 *ret_first, guint64 *ret_last, guint64 *ret_total);

typedef struct {
  guint64 offset;            /* that was asked for; 0 = everything was */
  const char *validator;     /* sent as If-Range, or NULL */
  guint status;              /* of the reply */
  const char *content_range; /* of the reply, or NULL */
  const char *etag;          /* of the reply, or NULL */
} GwResumed;

typedef enum {
  GW_RESUME_WHOLE = 1, /* the body begins at 0 */
  GW_RESUME_CONTINUES, /* the body begins at the offset; *ret_total is the whole size, 0 = not said */
  GW_RESUME_ASK_WHOLE, /* the reply is of no use: ask once more, for everything */
  GW_RESUME_NONSENSE,  /* a part came although everything was asked for */
} GwResume;
/* For replies 200, 206 and 416. */
GwResume gw_resume_judge(const GwResumed *resumed, guint64 *ret_total);
