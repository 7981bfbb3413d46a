/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The head of an HTTP request: a pure function from bytes to a value. Tolerant where devices are odd and it
 * is harmless (no blank after "Host:", any order, unknown Connection values, HTTP/1.0, Content-Length: 0 on
 * GET), strict where two readers could disagree about where a request ends (RFC 9112, promise L5).
 */
#pragma once
#include "base/reader.h"
#include <glib.h>

#define GW_HTTP_HEAD_MAX 8192
#define GW_HTTP_FIELDS_MAX 64

typedef enum { GW_HTTP_GET = 1, GW_HTTP_HEAD, GW_HTTP_POST, GW_HTTP_PUT, GW_HTTP_DELETE } GwHttpMethod;

typedef struct {
  GwSlice name, value; /* value without blanks around it */
} GwHttpField;

/* Slices point into the parsed bytes. A slice with data NULL was not there. */
typedef struct {
  GwSlice raw; /* the head itself */
  GwHttpMethod method;
  guint minor_version; /* HTTP/1.x */
  GwSlice target;      /* as sent */
  GwSlice path;        /* begins with "/", not decoded, without query; "*" and authority form are refused */
  GwSlice query;       /* without "?" */
  GwSlice host; /* without port; of an absolute-form target where there is one; empty in HTTP/1.0 without */
  gboolean is_keep_alive;
  gboolean is_chunked;
  gboolean has_length;
  gboolean expects_continue;
  guint64 length; /* of the request's body, if has_length */
  GwSlice range, if_range, if_none_match;
  guint n_fields;
  GwHttpField fields[GW_HTTP_FIELDS_MAX];
} GwHttpHead;

/* Reads one head from the start of @data. Returns its length with the blank line, 0 if it is not all there
 * yet, or minus the status to refuse it with: -400, -431 (over 8 KiB or 64 fields), -501 (method or transfer
 * coding), -505 (version), -417 (an expectation other than 100-continue). @ret_head is only valid after a
 * positive return. Up to two blank lines before the request line are read over and count as part of it. */
int gw_http_head_parse(const void *data, gsize size, GwHttpHead *ret_head);
/* The first field of that name, case-insensitive, or a slice with data NULL. */
GwSlice gw_http_head_field(const GwHttpHead *head, const char *name);
/* "GET"... Static. */
const char *gw_http_method_name(GwHttpMethod method);
/* After the bytes of head->raw have been copied to @to, all slices follow. */
void gw_http_head_rebase(GwHttpHead *head, const guint8 *to);
