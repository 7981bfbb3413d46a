/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http-head.h"

#include <string.h>

#define BLANK_LINES_MAX 2

/* Bytes of a token (RFC 9110 section 5.6.2). */
static const guint8 is_token_byte[256] = {
  ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1,         ['&'] = 1,         ['\''] = 1,
  ['*'] = 1, ['+'] = 1, ['-'] = 1, ['.'] = 1,         ['^'] = 1,         ['_'] = 1,
  ['`'] = 1, ['|'] = 1, ['~'] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static const struct {
  const char *name;
  GwHttpMethod method;
} methods[] = {
  { "GET", GW_HTTP_GET }, { "HEAD", GW_HTTP_HEAD },     { "POST", GW_HTTP_POST },
  { "PUT", GW_HTTP_PUT }, { "DELETE", GW_HTTP_DELETE },
};

/* What is counted while fields are read; a field that may stand once only is refused the second time. */
typedef struct {
  GwHttpHead *head;
  gboolean has_host, has_transfer_encoding;
  gboolean is_asked_to_close, is_asked_to_keep;
  guint n_ranges;
} Parse;

const char *
gw_http_method_name(GwHttpMethod method)
{
  for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
    if (methods[i].method == method)
      return methods[i].name;
  return "?";
}

static gboolean
is_token(GwSlice slice)
{
  guint bad = slice.size == 0;

  for (gsize i = 0; i < slice.size; i++)
    bad |= !is_token_byte[slice.data[i]];
  return !bad;
}

/* Any byte below @limit, or DEL, eight at a time; a tab counts as one. */
static gboolean
has_byte_below(GwSlice slice, guint8 limit)
{
  const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);
  const guint64 highs = ones << 7;
  guint64 found = 0;
  gsize i = 0;

  for (; i + 8 <= slice.size; i += 8) {
    guint64 word, deleted;

    memcpy(&word, slice.data + i, 8);
    deleted = word ^ (ones * 0x7f);
    found |= (word - ones * limit) & ~word & highs;
    found |= (deleted - ones) & ~deleted & highs;
  }
  for (; i < slice.size; i++)
    found |= slice.data[i] < limit || slice.data[i] == 0x7f;
  return found != 0;
}

/* Printable bytes, blanks and tabs, and whatever is not ASCII. */
static gboolean
is_field_value(GwSlice slice)
{
  if (!has_byte_below(slice, ' '))
    return TRUE;
  for (gsize i = 0; i < slice.size; i++)
    if ((slice.data[i] < ' ' && slice.data[i] != '\t') || slice.data[i] == 0x7f)
      return FALSE;
  return TRUE;
}

static GwSlice
trim(GwSlice slice)
{
  while (slice.size > 0 && (slice.data[0] == ' ' || slice.data[0] == '\t'))
    slice = (GwSlice){ slice.data + 1, slice.size - 1 };
  while (slice.size > 0 && (slice.data[slice.size - 1] == ' ' || slice.data[slice.size - 1] == '\t'))
    slice.size--;
  return slice;
}

/* "host", "host:port", "[v6]:port"; the port is looked at and left out. Empty is allowed (RFC 9110
 * section 7.2). */
static gboolean
read_host(GwSlice value, GwSlice *ret_host)
{
  static const char allowed[] = "-._~!$&'()*+,;=%:[]"; /* of RFC 3986, userinfo is none of it */
  const guint8 *colon;
  gsize host_size = value.size;
  guint64 port;

  for (gsize i = 0; i < value.size; i++)
    if (!g_ascii_isalnum(value.data[i]) && !memchr(allowed, value.data[i], sizeof allowed - 1))
      return FALSE;
  if (value.size > 0 && value.data[0] == '[') {
    const guint8 *end = memchr(value.data, ']', value.size);

    if (!end)
      return FALSE;
    host_size = (gsize)(end - value.data) + 1;
  } else if (value.size > 0 && (colon = memchr(value.data, ':', value.size)))
    host_size = (gsize)(colon - value.data);
  if (host_size < value.size) {
    GwSlice digits = { value.data + host_size + 1, value.size - host_size - 1 };

    if (value.data[host_size] != ':' || (digits.size > 0 && !gw_slice_decimal(digits, G_MAXUINT16, &port)))
      return FALSE;
  }
  *ret_host = (GwSlice){ value.data, host_size };
  return TRUE;
}

/* ---- the request line ---- */

static gboolean
skip_scheme(GwSlice *target)
{
  static const char *const schemes[] = { "http://", "https://" };

  for (guint i = 0; i < G_N_ELEMENTS(schemes); i++) {
    gsize size = strlen(schemes[i]);

    if (target->size > size && g_ascii_strncasecmp((const char *)target->data, schemes[i], size) == 0) {
      *target = (GwSlice){ target->data + size, target->size - size };
      return TRUE;
    }
  }
  return FALSE;
}

/* Origin form, or absolute form: then the host of the target counts (RFC 9112 section 3.2.2). */
static gboolean
read_target(GwHttpHead *head, GwSlice target)
{
  const guint8 *question;

  head->target = target;
  if (target.size > 0 && target.data[0] != '/') {
    gsize host_size = 0;

    if (!skip_scheme(&target))
      return FALSE;
    while (host_size < target.size && target.data[host_size] != '/' && target.data[host_size] != '?')
      host_size++;
    if (host_size == 0 || !read_host((GwSlice){ target.data, host_size }, &head->host))
      return FALSE;
    target = (GwSlice){ target.data + host_size, target.size - host_size };
  } else if (target.size == 0)
    return FALSE;
  question = target.size ? memchr(target.data, '?', target.size) : NULL;
  head->path = target;
  if (question) {
    head->path.size = (gsize)(question - target.data);
    head->query = (GwSlice){ question + 1, target.size - head->path.size - 1 };
  }
  if (head->path.size == 0)
    head->path = (GwSlice){ (const guint8 *)"/", 1 };
  return TRUE;
}

/* Returns 0 or minus a status. */
static int
read_version(GwHttpHead *head, GwSlice version)
{
  if (version.size != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.' ||
      !g_ascii_isdigit(version.data[5]) || !g_ascii_isdigit(version.data[7]))
    return -400;
  if (version.data[5] != '1')
    return -505;
  head->minor_version = version.data[7] == '0' ? 0 : 1;
  return 0;
}

static int
read_request_line(GwHttpHead *head, GwSlice line)
{
  GwReader reader = gw_reader(line.data, line.size);
  GwSlice method = gw_reader_until(&reader, ' ', 32);
  GwSlice target = gw_reader_until(&reader, ' ', line.size);
  GwSlice version = gw_reader_bytes(&reader, gw_reader_left(&reader));
  int status;

  if (reader.has_failed || !is_token(method) || has_byte_below(target, '!'))
    return -400;
  status = read_version(head, version);
  if (status != 0)
    return status;
  for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
    if (gw_slice_equal(method, methods[i].name))
      head->method = methods[i].method;
  if (head->method == 0)
    return -501;
  return read_target(head, target) ? 0 : -400;
}

/* ---- fields ---- */

static int
take_host(Parse *parse, GwSlice value)
{
  GwSlice host;

  if (parse->has_host || !read_host(value, &host))
    return -400;
  parse->has_host = TRUE;
  if (!parse->head->host.data)
    parse->head->host = host;
  return 0;
}

static int
take_content_length(Parse *parse, GwSlice value)
{
  if (parse->head->has_length || !gw_slice_decimal(value, G_MAXINT64, &parse->head->length))
    return -400;
  parse->head->has_length = TRUE;
  return 0;
}

static int
take_transfer_encoding(Parse *parse, GwSlice value)
{
  if (parse->has_transfer_encoding)
    return -400;
  parse->has_transfer_encoding = TRUE;
  if (!gw_slice_equal_nocase(value, "chunked"))
    return -501;
  parse->head->is_chunked = TRUE;
  return 0;
}

/* Options that we do not know are none of our business ("Connection: short"). */
static int
take_connection(Parse *parse, GwSlice value)
{
  GwReader reader = gw_reader(value.data, value.size);

  while (gw_reader_left(&reader) > 0) {
    const guint8 *comma = memchr(value.data + reader.offset, ',', gw_reader_left(&reader));
    gsize size = comma ? (gsize)(comma - value.data) - reader.offset : gw_reader_left(&reader);
    GwSlice option = trim(gw_reader_bytes(&reader, size));

    parse->is_asked_to_close |= gw_slice_equal_nocase(option, "close");
    parse->is_asked_to_keep |= gw_slice_equal_nocase(option, "keep-alive");
    if (comma)
      gw_reader_u8(&reader);
  }
  return 0;
}

static int
take_expect(Parse *parse, GwSlice value)
{
  if (!gw_slice_equal_nocase(value, "100-continue"))
    return -417;
  parse->head->expects_continue = parse->head->minor_version > 0;
  return 0;
}

static int
take_range(Parse *parse, GwSlice value)
{
  parse->head->range = parse->n_ranges++ ? (GwSlice){ NULL, 0 } : value; /* two of them are none */
  return 0;
}

static int
take_if_range(Parse *parse, GwSlice value)
{
  parse->head->if_range = value;
  return 0;
}

static int
take_if_none_match(Parse *parse, GwSlice value)
{
  parse->head->if_none_match = value;
  return 0;
}

static const struct {
  const char *name;
  gsize size;
  int (*take)(Parse *parse, GwSlice value);
} known_fields[] = {
#define FIELD(name, take)                                                                                    \
  {                                                                                                          \
    name, sizeof(name) - 1, take                                                                             \
  }
  FIELD("Host", take_host),
  FIELD("Connection", take_connection),
  FIELD("Content-Length", take_content_length),
  FIELD("Range", take_range),
  FIELD("Transfer-Encoding", take_transfer_encoding),
  FIELD("If-None-Match", take_if_none_match),
  FIELD("If-Range", take_if_range),
  FIELD("Expect", take_expect),
#undef FIELD
};

static int
read_field(Parse *parse, GwSlice line)
{
  GwHttpHead *head = parse->head;
  GwReader reader = gw_reader(line.data, line.size);
  GwSlice name = gw_reader_until(&reader, ':', line.size);
  GwSlice value = trim(gw_reader_bytes(&reader, gw_reader_left(&reader)));

  if (reader.has_failed || !is_token(name) || !is_field_value(value)) /* a folded line begins with a blank */
    return -400;
  if (head->n_fields == GW_HTTP_FIELDS_MAX)
    return -431;
  if (!value.data)
    value.data = line.data + line.size;
  head->fields[head->n_fields++] = (GwHttpField){ name, value };
  for (guint i = 0; i < G_N_ELEMENTS(known_fields); i++)
    if (known_fields[i].size == name.size &&
        g_ascii_strncasecmp((const char *)name.data, known_fields[i].name, name.size) == 0)
      return known_fields[i].take(parse, value);
  return 0;
}

/* What only the whole head can tell (RFC 9112 sections 3.2, 6.1 and 9.3). */
static int
check_whole(Parse *parse)
{
  GwHttpHead *head = parse->head;

  if (head->minor_version > 0 && !parse->has_host)
    return -400;
  if (head->is_chunked && (head->has_length || head->minor_version == 0))
    return -400;
  head->is_keep_alive = !parse->is_asked_to_close && (head->minor_version > 0 || parse->is_asked_to_keep);
  return 0;
}

/* One line without its CRLF. Returns 1, 0 if it is not all there, or -400 for a bare LF. */
static int
read_line(GwReader *reader, GwSlice *ret_line)
{
  GwSlice line = gw_reader_until(reader, '\n', gw_reader_left(reader));

  if (reader->has_failed)
    return 0;
  if (line.size == 0 || line.data[line.size - 1] != '\r')
    return -400;
  *ret_line = (GwSlice){ line.data, line.size - 1 };
  return 1;
}

static int
read_first_line(GwReader *reader, GwHttpHead *head)
{
  GwSlice line = { NULL, 0 };

  for (guint n_blank = 0; n_blank <= BLANK_LINES_MAX; n_blank++) {
    int status = read_line(reader, &line);

    if (status <= 0)
      return status;
    if (line.size > 0) {
      status = read_request_line(head, line);
      return status < 0 ? status : 1;
    }
  }
  return -400;
}

int
gw_http_head_parse(const void *data, gsize size, GwHttpHead *ret_head)
{
  GwReader reader = gw_reader(data, MIN(size, GW_HTTP_HEAD_MAX));
  int incomplete = size >= GW_HTTP_HEAD_MAX ? -431 : 0;
  Parse parse = { .head = ret_head };
  int status;

  memset(ret_head, 0, G_STRUCT_OFFSET(GwHttpHead, fields));
  status = read_first_line(&reader, ret_head);
  while (status > 0) {
    GwSlice line;

    status = read_line(&reader, &line);
    if (status <= 0)
      break;
    if (line.size == 0) {
      ret_head->raw = (GwSlice){ data, reader.offset };
      status = check_whole(&parse);
      return status < 0 ? status : (int)reader.offset;
    }
    status = read_field(&parse, line);
    status = status < 0 ? status : 1;
  }
  return status < 0 ? status : incomplete;
}

GwSlice
gw_http_head_field(const GwHttpHead *head, const char *name)
{
  for (guint i = 0; i < head->n_fields; i++)
    if (gw_slice_equal_nocase(head->fields[i].name, name))
      return head->fields[i].value;
  return (GwSlice){ NULL, 0 };
}

static void
rebase(GwSlice *slice, GwSlice from, const guint8 *to)
{
  if (slice->data >= from.data && slice->data <= from.data + from.size)
    slice->data = to + (slice->data - from.data);
}

void
gw_http_head_rebase(GwHttpHead *head, const guint8 *to)
{
  GwSlice *const slices[] = { &head->target, &head->path,     &head->query,        &head->host,
                              &head->range,  &head->if_range, &head->if_none_match };
  GwSlice from = head->raw;

  head->raw.data = to;
  for (guint i = 0; i < G_N_ELEMENTS(slices); i++)
    rebase(slices[i], from, to);
  for (guint i = 0; i < head->n_fields; i++) {
    rebase(&head->fields[i].name, from, to);
    rebase(&head->fields[i].value, from, to);
  }
}
