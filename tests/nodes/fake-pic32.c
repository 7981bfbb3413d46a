/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A PIC32MZ W1 with the Harmony OTA service, as narrow-minded as the real one: whole head in the first read,
 * exact header case, length compared with ==, the last array element only, a 100-byte URL buffer, a FIN that
 * nobody notices, images that must fill their first flash sector. It prints one line per event and fails
 * where the real device fails; tests/nodes/test_fake_pic32.py proves that. Vendor behaviour only: it knows
 * nothing of gateways. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <glib.h>
#include <jansson.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_READ 1460   /* the only read in which a head is parsed */
#define RING 4096         /* between socket and flash */
#define SECTOR 4096       /* the first one must fill */
#define MANIFEST_MAX 2000 /* SYS_OTA_JSON_FILE_MAXSIZE */
#define URL_BUFFER 100    /* OTA_URL_SIZE, copied without a check */
#define RECEIVE_WINDOW 11680

typedef enum { FETCH_OK, FETCH_FAILED, FETCH_HUNG, FETCH_CUT } Fetch;
typedef enum { LIE_NONE, LIE_DIE_AT_END, LIE_REFUSE, LIE_LOOP, LIE_DIE_IN_MIDDLE } Lie;

typedef struct {
  const char *url, *name, *bind_address, *out;
  int version, poll_ms, stall_ms, max_polls, flash_us;
  Lie lie;
  gboolean is_idle;        /* after a failed image or an erase: silent until reset */
  gboolean is_erase_stuck; /* the flag is cleared only by an explicit value */
} Node;

typedef struct {
  char host[256], path[256];
  int port;
} Url;

typedef struct {
  int version;
  char url[URL_BUFFER], digest[65];
} Entry;

static void say(const Node *node, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
say(const Node *node, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  printf("%s: %s\n", node->name, text);
  fflush(stdout);
}

static gboolean
parse_url(const char *text, Url *ret_url)
{
  const char *rest = g_str_has_prefix(text, "http://") ? text + 7 : NULL;
  const char *slash = rest ? strchr(rest, '/') : NULL;
  if (!slash)
    return FALSE;
  g_autofree char *authority = g_strndup(rest, slash - rest);
  char *colon = strrchr(authority, ':');
  ret_url->port = colon ? atoi(colon + 1) : 80;
  if (colon)
    *colon = 0;
  g_strlcpy(ret_url->host, authority, sizeof ret_url->host);
  g_strlcpy(ret_url->path, slash, sizeof ret_url->path);
  ret_url->path[strcspn(ret_url->path, "?#")] = 0; /* cut off, never sent */
  return TRUE;
}

static int
dial(const Node *node, const Url *url)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int window = RECEIVE_WINDOW / 2; /* the kernel doubles it */
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
  struct sockaddr_in from = { .sin_family = AF_INET },
                     to = { .sin_family = AF_INET, .sin_port = htons(url->port) };
  if (node->bind_address && inet_pton(AF_INET, node->bind_address, &from.sin_addr) == 1)
    (void)!bind(fd, (struct sockaddr *)&from, sizeof from);
  const char *host = strcmp(url->host, "localhost") == 0 ? "127.0.0.1" : url->host;
  if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Bytes, 0 for nothing within the stall time (a FIN looks just so), -1 for a reset. */
static ssize_t
take(const Node *node, int fd, void *data, size_t size)
{
  struct pollfd watch = { .fd = fd, .events = POLLIN };
  if (poll(&watch, 1, node->stall_ms) <= 0)
    return 0;
  ssize_t n = recv(fd, data, size, 0);
  if (n == 0)
    g_usleep(node->stall_ms * 1000); /* empty polls until the time-out */
  return n;
}

/* "HTTP/d.d SP ddd SP": the blank after the code is required. */
static gboolean
is_status_line(const char *head, size_t size)
{
  return size >= 15 && memcmp(head, "HTTP/", 5) == 0 && g_ascii_isdigit(head[5]) && head[6] == '.' &&
         g_ascii_isdigit(head[7]) && head[8] == ' ' && g_ascii_isdigit(head[9]) &&
         g_ascii_isdigit(head[10]) && g_ascii_isdigit(head[11]) && head[12] == ' ';
}

/* Every line needs a colon and CRLF; only Content-Length in this very spelling counts. -1 = error. */
static long
content_length(const Node *node, const char *lines, const char *end)
{
  long length = 0;
  while (lines < end) {
    const char *line_end = g_strstr_len(lines, end + 2 - lines, "\r\n");
    if (!line_end || !memchr(lines, ':', line_end - lines) || memchr(lines, '\n', line_end - lines)) {
      say(node, "bad header line");
      return -1;
    }
    if (g_str_has_prefix(lines, "Content-Length"))
      length = atol(strchr(lines, ':') + 1);
    lines = line_end + 2;
  }
  if (length <= 0)
    say(node, "no Content-Length");
  return length > 0 ? length : -1;
}

/* Parses the first read. Returns the body's length, -1 on error; *ret_body = where the body begins. */
static long
parse_head(const Node *node, const char *head, size_t size, size_t *ret_body)
{
  if (!is_status_line(head, size)) {
    say(node, "bad status line");
    return -1;
  }
  if (strncmp(head + 9, "200", 3) != 0) {
    say(node, "status %.3s", head + 9);
    return -1;
  }
  const char *end = g_strstr_len(head, size, "\r\n\r\n");
  const char *lines = g_strstr_len(head, size, "\r\n");
  if (!end) {
    say(node, "head not in the first read");
    return -2;
  }
  *ret_body = (size_t)(end + 4 - head);
  return content_length(node, lines + 2, end);
}

/* Writes to flash through the ring: slow, and the socket is not read meanwhile. */
static void
flash(const Node *node, GByteArray *body, const char *data, size_t size)
{
  size_t before = body->len / RING;
  g_byte_array_append(body, (const guint8 *)data, size);
  if (body->len / RING != before && node->flash_us)
    g_usleep(node->flash_us);
}

static Fetch
read_body(const Node *node, int fd, long length, GByteArray *body)
{
  char buffer[RING];
  while ((long)body->len != length) { /* == : one byte too many is never complete */
    ssize_t n = take(node, fd, buffer, sizeof buffer);
    if (n < 0)
      return FETCH_CUT;
    if (n == 0) {
      say(node, "stalled at %u of %ld", body->len, length);
      return FETCH_HUNG;
    }
    flash(node, body, buffer, n);
    if (node->lie == LIE_DIE_IN_MIDDLE && length > RING && (long)body->len > length / 2) {
      say(node, "lost power in mid-image");
      exit(75);
    }
  }
  return FETCH_OK;
}

static Fetch
read_reply(const Node *node, int fd, GByteArray *body)
{
  char first[FIRST_READ + 1] = { 0 };
  ssize_t n = take(node, fd, first, FIRST_READ);
  if (n <= 0) {
    say(node, n < 0 ? "reset" : "no reply");
    return n < 0 ? FETCH_CUT : FETCH_HUNG;
  }
  size_t start = 0;
  long length = parse_head(node, first, n, &start);
  if (length < 0)
    return length == -2 ? FETCH_HUNG : FETCH_FAILED;
  flash(node, body, first + start, n - start);
  return read_body(node, fd, length, body);
}

static Fetch
fetch(const Node *node, const char *text, GByteArray *body)
{
  Url url;
  if (!parse_url(text, &url)) {
    say(node, "bad URL");
    return FETCH_FAILED;
  }
  int fd = dial(node, &url);
  if (fd < 0) {
    say(node, "cannot connect");
    return FETCH_FAILED;
  }
  g_autofree char *request = g_strdup_printf("GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", url.path, url.host);
  (void)!write(fd, request, strlen(request));
  Fetch result = read_reply(node, fd, body);
  close(fd);
  return result;
}

/* An unchecked strcpy into 100 bytes: the device crashes. */
static void
copy_url(const Node *node, Entry *entry, const char *url)
{
  if (strlen(url) >= URL_BUFFER) {
    say(node, "crashed: URL of %zu characters", strlen(url));
    exit(70);
  }
  strcpy(entry->url, url);
}

static gboolean
read_entry(Node *node, json_t *object, Entry *ret_entry)
{
  json_t *version = json_object_get(object, "Version"), *erase = json_object_get(object, "EraseVer");
  const char *url = json_string_value(json_object_get(object, "URL"));
  const char *digest = json_string_value(json_object_get(object, "Digest"));
  if (!json_is_integer(version) || json_integer_value(version) == 0 || !url || !digest ||
      strspn(digest, "0123456789abcdefABCDEF") != 64 || strlen(digest) != 64 ||
      (erase && !json_is_boolean(erase))) {
    say(node, "bad manifest entry");
    return FALSE;
  }
  copy_url(node, ret_entry, url);
  strcpy(ret_entry->digest, digest);
  ret_entry->version = (int)json_integer_value(version);
  if (erase)
    node->is_erase_stuck = json_is_true(erase);
  return TRUE;
}

/* TRUE = an image is to be loaded. */
static gboolean
read_manifest(Node *node, const GByteArray *text, Entry *ret_entry)
{
  if (text->len > MANIFEST_MAX) {
    say(node, "manifest too long");
    return FALSE;
  }
  json_t *root = json_loadb((const char *)text->data, text->len, JSON_DISABLE_EOF_CHECK, NULL);
  json_t *array = json_object_get(root, "ota");
  size_t n = json_array_size(array);
  gboolean is_due = FALSE;
  if (!json_is_array(array))
    say(node, "bad manifest");
  else if (n == 0)
    say(node, "nothing due");
  else if (read_entry(node, json_array_get(array, n - 1), ret_entry)) /* the last one only */
    is_due = TRUE;
  json_decref(root);
  return is_due;
}

static gboolean
check_image(const Node *node, const GByteArray *image, const Entry *entry)
{
  if (image->len <= SECTOR) {
    say(node, "hung: image of %u bytes never fills a sector", image->len);
    return FALSE;
  }
  g_autofree char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, image->data, image->len);
  if (g_ascii_strcasecmp(digest, entry->digest) != 0 || node->lie == LIE_REFUSE) {
    say(node, "digest mismatch");
    return FALSE;
  }
  return TRUE;
}

static void
install(Node *node, const GByteArray *image, const Entry *entry)
{
  say(node, "verified %u bytes sha256=%s", image->len, entry->digest);
  if (node->out)
    g_file_set_contents(node->out, (const char *)image->data, image->len, NULL);
  if (node->lie == LIE_DIE_AT_END) {
    say(node, "lost power after the last byte");
    exit(75);
  }
  if (node->lie == LIE_LOOP) {
    say(node, "boot loader fell back to version %d", node->version);
    return;
  }
  node->version = entry->version;
  say(node, "reset, running version %d", node->version);
}

static void
load_image(Node *node, const Entry *entry)
{
  say(node, "loading version %d from %s", entry->version, entry->url);
  g_autoptr(GByteArray) image = g_byte_array_new();
  Fetch result = fetch(node, entry->url, image);
  if (result == FETCH_OK && check_image(node, image, entry)) {
    install(node, image, entry);
    return;
  }
  node->is_idle = TRUE; /* [D][S]: until the device is reset */
  say(node, "image failed: idle until reset");
}

static void
poll_once(Node *node)
{
  g_autoptr(GByteArray) text = g_byte_array_new();
  Entry entry;
  Fetch result = fetch(node, node->url, text);
  if (result == FETCH_HUNG) {
    say(node, "hung on the manifest");
    return;
  }
  if (result != FETCH_OK || !read_manifest(node, text, &entry))
    return;
  if (node->is_erase_stuck) {
    say(node, "erased version %d: idle until reset", entry.version);
    node->is_idle = TRUE;
  } else if (entry.version <= node->version) {
    say(node, "version %d is not newer", entry.version);
  } else {
    load_image(node, &entry);
  }
}

static Lie
parse_lie(const char *text)
{
  static const char *const NAMES[] = { "none", "die-at-end", "refuse", "loop", "die-in-middle" };
  for (guint i = 0; i < G_N_ELEMENTS(NAMES); i++) {
    if (strcmp(text, NAMES[i]) == 0)
      return (Lie)i;
  }
  fprintf(stderr, "fake-pic32: unknown --lie=%s (none, die-at-end, refuse, loop, die-in-middle)\n", text);
  exit(2);
}

static void
usage(FILE *file)
{
  fputs(
      "usage: fake-pic32 --url http://HOST:PORT/PATH [--name NAME] [--version N] [--poll-ms N] [--polls N]\n"
      "         [--bind ADDRESS] [--stall-ms N] [--flash-us N | --rate BYTES-PER-S] [--out FILE] [--lie "
      "KIND]\n"
      "  --lie: none, die-at-end, refuse, loop, die-in-middle\n",
      file);
}

static void
parse_options(int argc, char **argv, Node *node)
{
  static const struct option OPTIONS[] = {
    { "url", 1, NULL, 'u' },      { "name", 1, NULL, 'n' },     { "version", 1, NULL, 'v' },
    { "poll-ms", 1, NULL, 'p' },  { "polls", 1, NULL, 'c' },    { "bind", 1, NULL, 'b' },
    { "stall-ms", 1, NULL, 's' }, { "flash-us", 1, NULL, 'f' }, { "out", 1, NULL, 'o' },
    { "lie", 1, NULL, 'l' },      { "rate", 1, NULL, 'r' },     { "help", 0, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
    switch (o) {
    case 'u':
      node->url = optarg;
      break;
    case 'n':
      node->name = optarg;
      break;
    case 'v':
      node->version = atoi(optarg);
      break;
    case 'p':
      node->poll_ms = atoi(optarg);
      break;
    case 'c':
      node->max_polls = atoi(optarg);
      break;
    case 'b':
      node->bind_address = optarg;
      break;
    case 's':
      node->stall_ms = atoi(optarg);
      break;
    case 'f':
      node->flash_us = atoi(optarg);
      break;
    case 'o':
      node->out = optarg;
      break;
    case 'r':
      node->flash_us = (int)((gint64)RING * G_USEC_PER_SEC / MAX(atoi(optarg), 1));
      break;
    case 'l':
      node->lie = parse_lie(optarg);
      break;
    case 'h':
      usage(stdout);
      exit(0);
    default:
      usage(stderr);
      exit(2);
    }
  }
  if (!node->url) {
    usage(stderr);
    exit(2);
  }
}

int
main(int argc, char **argv)
{
  Node node = { .name = "pic32", .version = 1, .poll_ms = 60000, .stall_ms = 5000 };
  parse_options(argc, argv, &node);
  for (int i = 0; !node.max_polls || i < node.max_polls; i++) {
    if (i)
      g_usleep((gulong)node.poll_ms * 1000);
    if (!node.is_idle)
      poll_once(&node);
  }
  return node.is_idle ? 1 : 0;
}
