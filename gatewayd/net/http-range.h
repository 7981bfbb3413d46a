/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which bytes of a body does a request want? RFC 9110 section 13 and 14: one range, clamped; several ranges,
 * other units and nonsense are answered whole; If-Range with a strong ETag only. Pure. Promise L6. */
#pragma once
#include "base/reader.h"
#include <glib.h>

typedef struct {
  guint status;         /* 200, 206, 304 or 416 */
  guint64 offset, size; /* what to send; size 0 with 304, 416 and an empty body */
} GwHttpRange;

/* The conditions of a request; absent = data NULL. */
typedef struct {
  GwSlice range, if_range, if_none_match;
} GwHttpConditions;

#define GW_HTTP_RANGE_IGNORE 1u  /* Range is not looked at */
#define GW_HTTP_RANGE0_IS_200 2u /* "bytes=0-" is answered whole */

/* @etag: the body's strong validator with its quotes, or NULL. */
GwHttpRange gw_http_range_select(const GwHttpConditions *conditions, guint64 body_size, const char *etag,
                                 guint flags);
