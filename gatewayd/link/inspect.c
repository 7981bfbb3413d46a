/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "link/inspect.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "link/object-file.h"
#include "link/table.h"

#define MAX_FILE ((off_t)64 * 1024 * 1024)
#define MAX_WORD (256 * 1024) /* what the child may say */

/* The child's first byte. */
#define SAYS_TABLE 'T'
#define SAYS_ERROR 'E'

gboolean
gw_inspect_owner(const struct stat *st, uid_t self, GError **error)
{
  if (st->st_uid != 0 && st->st_uid != self)
    return gw_fail(error, GW_ERROR_DENIED, "belongs to uid %u", st->st_uid);
  if (st->st_mode & (S_IWGRP | S_IWOTH))
    return gw_fail(error, GW_ERROR_DENIED, "can be written by %s",
                   st->st_mode & S_IWOTH ? "everybody" : "a group");
  return TRUE;
}

/* ---- the constant ---- */

/* How many function pointers a kind's table begins with after its size, and a mask of those that must be
 * there. */
static const struct {
  guint n, required;
  gsize least; /* size of the table in ABI 0 up to its last required function */
} kinds[] = {
  [GATEWAY_REQUEST] = { 3, 3, offsetof(GatewayRequestFunctions, learn) },
  [GATEWAY_SESSION] = { 0, 0, sizeof(GatewaySessionFunctions) },
  [GATEWAY_UPSTREAM] = { 4, 0, offsetof(GatewayUpstreamFunctions, fetch) },
  [GATEWAY_OUTLET] = { 2, 2, offsetof(GatewayOutletFunctions, reserved) },
  [GATEWAY_FORMAT] = { 2, 3, sizeof(GatewayFormatFunctions) },
};

static gboolean
is_own_code(const GatewayPlugin *plugin, const void *function)
{
  Dl_info of_function, of_plugin;

  return dladdr(function, &of_function) != 0 && dladdr(plugin, &of_plugin) != 0 &&
         of_function.dli_fbase == of_plugin.dli_fbase;
}

static gboolean
check_pointers(const GatewayPlugin *plugin, GError **error)
{
  const void *const *functions = (const void *const *)((const char *)plugin->functions + sizeof(size_t));
  size_t size = *(const size_t *)plugin->functions;

  for (guint i = 0; i < kinds[plugin->kind].n; i++) {
    gboolean is_there = (i + 2) * sizeof(void *) <= size && functions[i];
    if (!is_there && kinds[plugin->kind].required & (1u << i))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "function %u of its table is missing", i + 1);
    if (is_there && !is_own_code(plugin, functions[i]))
      return gw_fail(error, GW_ERROR_BAD_INPUT, "function %u of its table is none of its own", i + 1);
  }
  return TRUE;
}

static gboolean
check_session(const GatewayPlugin *plugin, GError **error)
{
  const GatewaySessionFunctions *session = plugin->functions;

  if (!session->step || !is_own_code(plugin, (const void *)session->step))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "its table has no step function of its own");
  if (session->state_size > 4096 || session->max_line > 8192)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "a state over 4096 or a line over 8192 bytes");
  return TRUE;
}

static gboolean
check_functions(const GatewayPlugin *plugin, GError **error)
{
  if (plugin->kind == GATEWAY_DATAGRAM)
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "datagram plugins are reserved in ABI 0");
  if (plugin->kind < GATEWAY_REQUEST || plugin->kind > GATEWAY_FORMAT)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "of unknown kind %u", plugin->kind);
  if (!plugin->functions || *(const size_t *)plugin->functions < kinds[plugin->kind].least)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "its table of functions is missing or too short");
  return plugin->kind == GATEWAY_SESSION ? check_session(plugin, error) : check_pointers(plugin, error);
}

static gboolean
check_constant(const GatewayPlugin *plugin, GError **error)
{
  if (plugin->abi != GATEWAY_PLUGIN_ABI)
    return gw_fail(error, GW_ERROR_UNSUPPORTED, "written for ABI %u, this is ABI %u", plugin->abi,
                   GATEWAY_PLUGIN_ABI);
  /* A newer one may be larger, an older one may lack what stands at the end. */
  if (plugin->size < offsetof(GatewayPlugin, functions) + sizeof(void *) || plugin->size > 64 * 1024)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "its constant has %u bytes", plugin->size);
  return check_functions(plugin, error);
}

const GatewayPlugin *
gw_inspect_load(int fd, GError **error)
{
  char path[32];

  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) {
    const char *why = dlerror();
    const char *after_path = why && g_str_has_prefix(why, path) ? why + strlen(path) : why;
    gw_fail(error, GW_ERROR_BAD_INPUT, "cannot be loaded%s", after_path ? after_path : "");
    return NULL;
  }
  const GatewayPlugin *plugin = dlsym(handle, "gateway_plugin");
  if (!plugin) {
    gw_fail(error, GW_ERROR_BAD_INPUT, "does not export \"gateway_plugin\"");
    return NULL;
  }
  return check_constant(plugin, error) ? plugin : NULL;
}

/* ---- the child ---- */

static gboolean
check_bytes(int fd, GError **error)
{
  struct stat st;

  if (fstat(fd, &st) < 0)
    return gw_fail_errno(error, errno, "cannot be looked at");
  if (st.st_size == 0 || st.st_size > MAX_FILE)
    return gw_fail(error, GW_ERROR_CORRUPT, "empty or larger than 64 MiB");
  void *data = mmap(NULL, (gsize)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED)
    return gw_fail_errno(error, errno, "cannot be mapped");
  return gw_object_file_check(data, (gsize)st.st_size, error);
}

static GVariant *
look(int fd, GError **error)
{
  const GatewayPlugin *plugin;

  if (!check_bytes(fd, error))
    return NULL;
  plugin = gw_inspect_load(fd, error);
  return plugin ? g_variant_ref_sink(gw_plugin_table_pack(plugin)) : NULL;
}

static void
be_harmless(void)
{
  struct rlimit no_core = { 0, 0 }, cpu = { GW_INSPECT_TIMEOUT_MS / 1000, GW_INSPECT_TIMEOUT_MS / 1000 };

  (void)setrlimit(RLIMIT_CORE, &no_core);
  (void)setrlimit(RLIMIT_CPU, &cpu);
  for (int number = 1; number < NSIG; number++)
    (void)signal(number, SIG_DFL);
}

/* What else we hold is nobody's business, least of all the words of the others that are looked at. */
static void
keep_only(int a, int b)
{
  guint low = (guint)MIN(a, b), high = (guint)MAX(a, b);

  if (low > 3)
    (void)close_range(3, low - 1, 0);
  if (high > low + 1)
    (void)close_range(low + 1, high - 1, 0);
  (void)close_range(high + 1, ~0u, 0);
}

static void G_GNUC_NORETURN
child(int fd, int pipe_fd)
{
  g_autoptr(GError) error = NULL;

  be_harmless();
  keep_only(fd, pipe_fd);
  GVariant *table = look(fd, &error);
  char says = table ? SAYS_TABLE : SAYS_ERROR;
  const void *data = table ? g_variant_get_data(table) : error->message;
  gsize size = table ? g_variant_get_size(table) : strlen(error->message);
  gboolean is_said = gw_write_all(pipe_fd, &says, 1, NULL) && gw_write_all(pipe_fd, data, size, NULL);
  _exit(is_said ? 0 : 1);
}

/* ---- the parent ---- */

/* Everything up to the end of the pipe. FALSE: too much, or too late. */
static gboolean
hear(int pipe_fd, gint64 end_ms, GByteArray *word)
{
  guint8 buffer[4096];

  while (word->len <= MAX_WORD) {
    struct pollfd ready = { pipe_fd, POLLIN, 0 };
    gint64 left_ms = MAX(end_ms - gw_clock_boot_ms(), 0); /* what was said meanwhile is heard */
    if (poll(&ready, 1, (int)left_ms) == 0)
      return FALSE;
    ssize_t n = read(pipe_fd, buffer, sizeof buffer);
    if (n == 0)
      return TRUE;
    if (n < 0 && errno != EINTR)
      return FALSE;
    g_byte_array_append(word, buffer, n > 0 ? (guint)n : 0);
  }
  return FALSE;
}

static GVariant *
understand(const GByteArray *word, int status, GError **error)
{
  if (WIFSIGNALED(status))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "its check died of signal %d (%s)", WTERMSIG(status),
                   strsignal(WTERMSIG(status))),
           NULL;
  if (status != 0 || word->len == 0)
    return gw_fail(error, GW_ERROR_BAD_INPUT, "its check ended without a word"), NULL;
  if (word->data[0] != SAYS_TABLE) {
    g_autofree char *text = g_utf8_make_valid((const char *)word->data + 1, word->len - 1);
    return gw_fail(error, GW_ERROR_BAD_INPUT, "%s", text), NULL;
  }
  g_autoptr(GBytes) bytes = g_bytes_new(word->data + 1, word->len - 1);
  g_autoptr(GVariant) table =
      g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE_VARDICT, bytes, FALSE));
  if (!g_variant_is_normal_form(table))
    return gw_fail(error, GW_ERROR_BAD_INPUT, "its check said nonsense"), NULL;
  return g_steal_pointer(&table);
}

static int
wait_for(pid_t pid)
{
  int status = 0;

  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
  return status;
}

GwInspection
gw_inspect_begin(int fd)
{
  GwInspection inspection = { .pid = -1, .pipe_fd = -1 };
  int ends[2];

  if (pipe2(ends, O_CLOEXEC) < 0)
    return inspection;
  inspection.end_ms = gw_clock_boot_ms() + GW_INSPECT_TIMEOUT_MS;
  inspection.pid = fork();
  if (inspection.pid == 0)
    child(fd, ends[1]);
  gw_close(&ends[1]);
  inspection.pipe_fd = ends[0];
  return inspection;
}

GVariant *
gw_inspect_end(GwInspection *inspection, GError **error)
{
  g_autoptr(GByteArray) word = g_byte_array_new();

  if (inspection->pid < 0) {
    gw_close(&inspection->pipe_fd);
    return gw_fail(error, GW_ERROR_BUSY, "no child for its check"), NULL;
  }
  gboolean is_heard = hear(inspection->pipe_fd, inspection->end_ms, word);
  gw_close(&inspection->pipe_fd);
  if (!is_heard)
    (void)kill(inspection->pid, SIGKILL);
  int status = wait_for(inspection->pid);
  if (!is_heard)
    return gw_fail(error, GW_ERROR_TIMED_OUT, "its check did not end within %d s",
                   GW_INSPECT_TIMEOUT_MS / 1000),
           NULL;
  return understand(word, status, error);
}
