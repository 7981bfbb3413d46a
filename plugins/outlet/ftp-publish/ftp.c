/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ftp.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#define URL_MAX 1024
#define REPLY_MAX 160
#define SLOW_BYTES_PER_S 64L

struct Ftp {
  CURL *curl;
  const FtpServer *server;
  GatewayWorker *worker;
  CURLcode code;         /* of the last step */
  char reply[REPLY_MAX]; /* the server's last line */
  char trouble[REPLY_MAX + 256];
};

/* ---- callbacks ---- */

/* Bytes of a file, or of memory: what is put; and room for what is got. */
typedef struct {
  int fd; /* -1 = memory */
  const char *data;
  char *room;
  size_t size, used;
  uint64_t offset;
} Bytes;

static size_t
give(char *to, size_t one, size_t n, void *user)
{
  Bytes *bytes = user;
  size_t size = one * n;
  if (bytes->fd >= 0) {
    ssize_t done = pread(bytes->fd, to, size, (off_t)bytes->offset);
    bytes->offset += done > 0 ? (uint64_t)done : 0;
    return done < 0 ? CURL_READFUNC_ABORT : (size_t)done;
  }
  if (size > bytes->size - bytes->used)
    size = bytes->size - bytes->used;
  memcpy(to, bytes->data + bytes->used, size);
  bytes->used += size;
  return size;
}

static size_t
take(char *from, size_t one, size_t n, void *user)
{
  Bytes *bytes = user;
  size_t size = one * n;
  if (size > bytes->size - bytes->used)
    return 0; /* ends the step */
  memcpy(bytes->room + bytes->used, from, size);
  bytes->used += size;
  return size;
}

static size_t
drop(char *from, size_t one, size_t n, void *user)
{
  (void)from;
  (void)user;
  return one * n;
}

/* The server's own words say best what it objects to. */
static size_t
hear(char *line, size_t one, size_t n, void *user)
{
  Ftp *ftp = user;
  size_t size = one * n;
  while (size > 0 && (line[size - 1] == '\r' || line[size - 1] == '\n'))
    size--;
  if (size >= sizeof ftp->reply)
    size = sizeof ftp->reply - 1;
  memcpy(ftp->reply, line, size);
  ftp->reply[size] = 0;
  for (size_t i = 0; i < size; i++)
    if (ftp->reply[i] < ' ' || ftp->reply[i] > '~')
      ftp->reply[i] = '?';
  return one * n;
}

static int
look(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
  Ftp *ftp = user;
  (void)down_all, (void)down, (void)up_all, (void)up;
  return ftp->worker->sleep(ftp->worker, 0) == GATEWAY_STOPPED;
}

/* ---- one step ---- */

/* Everything but what the step itself is about; the connection is kept. */
static bool
prepare(Ftp *ftp, const char *path)
{
  const FtpServer *server = ftp->server;
  char url[URL_MAX];
  bool is_v6 = strchr(server->host, ':') != NULL;
  int size =
      snprintf(url, sizeof url, "ftp://%s%s%s:%u/%s%s", is_v6 ? "[" : "", server->host, is_v6 ? "]" : "",
               server->port, path[0] == '/' ? "%2F" : "", path[0] == '/' ? path + 1 : path);
  ftp->reply[0] = 0;
  ftp->trouble[0] = 0;
  ftp->code = CURLE_URL_MALFORMAT;
  if (size < 0 || (size_t)size >= sizeof url)
    return false;
  curl_easy_reset(ftp->curl);
  curl_easy_setopt(ftp->curl, CURLOPT_URL, url);
  curl_easy_setopt(ftp->curl, CURLOPT_PROTOCOLS_STR, "ftp");
  curl_easy_setopt(ftp->curl, CURLOPT_PROXY, "");
  curl_easy_setopt(ftp->curl, CURLOPT_USERNAME, server->user);
  curl_easy_setopt(ftp->curl, CURLOPT_PASSWORD, server->password);
  curl_easy_setopt(ftp->curl, CURLOPT_FTP_FILEMETHOD, (long)CURLFTPMETHOD_NOCWD);
  curl_easy_setopt(ftp->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(ftp->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)server->connect_ms);
  curl_easy_setopt(ftp->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(server->stall_ms / 1000 + 1));
  curl_easy_setopt(ftp->curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S);
  curl_easy_setopt(ftp->curl, CURLOPT_LOW_SPEED_TIME, (long)(server->stall_ms / 1000 + 1));
  curl_easy_setopt(ftp->curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(ftp->curl, CURLOPT_XFERINFOFUNCTION, look);
  curl_easy_setopt(ftp->curl, CURLOPT_XFERINFODATA, ftp);
  curl_easy_setopt(ftp->curl, CURLOPT_HEADERFUNCTION, hear);
  curl_easy_setopt(ftp->curl, CURLOPT_HEADERDATA, ftp);
  curl_easy_setopt(ftp->curl, CURLOPT_WRITEFUNCTION, drop);
  return true;
}

static bool
perform(Ftp *ftp, const char *doing, const char *path)
{
  ftp->code = curl_easy_perform(ftp->curl);
  if (ftp->code == CURLE_OK)
    return true;
  snprintf(ftp->trouble, sizeof ftp->trouble, "%s %s: %s%s%s", doing, path, curl_easy_strerror(ftp->code),
           ftp->reply[0] ? "; the server said: " : "", ftp->reply);
  return false;
}

static bool
put(Ftp *ftp, const char *path, Bytes *bytes, uint64_t size)
{
  if (!prepare(ftp, path))
    return false;
  curl_easy_setopt(ftp->curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(ftp->curl, CURLOPT_READFUNCTION, give);
  curl_easy_setopt(ftp->curl, CURLOPT_READDATA, bytes);
  curl_easy_setopt(ftp->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
  return perform(ftp, "writing", path);
}

bool
ftp_put_fd(Ftp *ftp, const char *path, int fd, uint64_t size)
{
  return put(ftp, path, &(Bytes){ .fd = fd }, size);
}

bool
ftp_put_text(Ftp *ftp, const char *path, GatewayText text)
{
  return put(ftp, path, &(Bytes){ .fd = -1, .data = text.data, .size = text.size }, text.size);
}

bool
ftp_size(Ftp *ftp, const char *path, int64_t *ret_size)
{
  curl_off_t size = -1;
  if (!prepare(ftp, path))
    return false;
  curl_easy_setopt(ftp->curl, CURLOPT_NOBODY, 1L);
  if (!perform(ftp, "looking at", path) && ftp->code != CURLE_REMOTE_FILE_NOT_FOUND)
    return false;
  if (ftp->code == CURLE_OK)
    curl_easy_getinfo(ftp->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
  ftp->code = CURLE_OK;
  *ret_size = size;
  return true;
}

bool
ftp_get_text(Ftp *ftp, const char *path, char *memory, size_t size, GatewayText *ret_text)
{
  Bytes bytes = { .fd = -1, .room = memory, .size = size };
  if (!prepare(ftp, path))
    return false;
  curl_easy_setopt(ftp->curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(ftp->curl, CURLOPT_WRITEDATA, &bytes);
  if (!perform(ftp, "reading", path))
    return false;
  *ret_text = (GatewayText){ memory, bytes.used };
  return true;
}

/* ---- commands ---- */

static bool
command(Ftp *ftp, struct curl_slist *lines, const char *doing, const char *path)
{
  bool is_done = lines && prepare(ftp, "");
  if (is_done) {
    curl_easy_setopt(ftp->curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(ftp->curl, CURLOPT_QUOTE, lines);
    is_done = perform(ftp, doing, path);
  }
  curl_slist_free_all(lines);
  return is_done;
}

static struct curl_slist *
add(struct curl_slist *lines, const char *verb, const char *path)
{
  char line[URL_MAX];
  int size = snprintf(line, sizeof line, "%s %s", verb, path);
  struct curl_slist *longer = size > 0 && (size_t)size < sizeof line ? curl_slist_append(lines, line) : NULL;
  if (!longer)
    curl_slist_free_all(lines);
  return longer;
}

static bool
rename_once(Ftp *ftp, const char *from, const char *to)
{
  struct curl_slist *lines = add(NULL, "RNFR", from);
  return command(ftp, lines ? add(lines, "RNTO", to) : NULL, "renaming to", to);
}

bool
ftp_rename(Ftp *ftp, const char *from, const char *to)
{
  if (rename_once(ftp, from, to))
    return true;
  if (ftp->code != CURLE_QUOTE_ERROR)
    return false;
  ftp_delete(ftp, to); /* some servers rename over no file */
  return rename_once(ftp, from, to);
}

void
ftp_delete(Ftp *ftp, const char *path)
{
  (void)command(ftp, add(NULL, "*DELE", path), "deleting", path); /* "*": a refusal is no error */
}

/* ---- */

Ftp *
ftp_new(const FtpServer *server, GatewayWorker *worker)
{
  Ftp *ftp = calloc(1, sizeof *ftp);
  if (!ftp)
    return NULL;
  ftp->curl = curl_easy_init();
  ftp->server = server;
  ftp->worker = worker;
  if (ftp->curl)
    return ftp;
  free(ftp);
  return NULL;
}

void
ftp_free(Ftp *ftp)
{
  curl_easy_cleanup(ftp->curl); /* says QUIT */
  free(ftp);
}

const char *
ftp_trouble(const Ftp *ftp)
{
  return ftp->trouble[0] ? ftp->trouble : "the path is too long";
}

bool
ftp_is_hopeless(const Ftp *ftp)
{
  return ftp->code == CURLE_LOGIN_DENIED || ftp->code == CURLE_URL_MALFORMAT;
}

bool
ftp_is_stopped(const Ftp *ftp)
{
  return ftp->code == CURLE_ABORTED_BY_CALLBACK;
}
