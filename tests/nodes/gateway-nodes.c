/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gateway-nodes: emulated nodes for whoever has a gateway and no hardware. Each node is a process of its own,
 * the same programs with which the gateway is tested; here they get their addresses, identities and bad
 * habits. */
#include "makes.h"
#include "powered.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <locale.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MOST_NODES 99 /* two digits of a MAC or an IMEI tell them apart */

typedef struct {
  char *gateway;
  int count, sleeps_s, slow;
  double loses_power_s;
  gboolean lies, is_version;
  char address[INET_ADDRSTRLEN];
} Options;

static G_GNUC_NORETURN G_GNUC_PRINTF(1, 2) void fail(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  fprintf(stderr, "gateway-nodes: %s\n", text);
  exit(2);
}

/* ---- lines ---- */

static int
raw(int fd)
{
  struct termios form;

  if (tcgetattr(fd, &form) == 0) {
    cfmakeraw(&form);
    tcsetattr(fd, TCSANOW, &form);
  }
  return fd;
}

/* An existing line is opened. Where there is none, one is made: the node holds one end, and @path leads to
 * the other, for the gateway's device= setting. */
static int
open_line(const char *path)
{
  int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC), other;

  if (fd >= 0)
    return raw(fd);
  if (errno == EACCES)
    fail("%s: permission denied; the group dialout may use serial lines", path);
  fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0)
    fail("no pseudo terminal: %s", g_strerror(errno));
  other = raw(open(ptsname(fd), O_RDWR | O_NOCTTY |
                                    O_CLOEXEC)); /* stays open, so that the line does when the gateway goes */
  if (other < 0)
    fail("%s: %s", ptsname(fd), g_strerror(errno));
  if (g_file_test(path, G_FILE_TEST_IS_SYMLINK))
    (void)!unlink(path); /* of an earlier run: it leads nowhere */
  if (symlink(ptsname(fd), path) < 0)
    fail("%s: %s; name a serial line, or a path that can be made", path, g_strerror(errno));
  return fd;
}

/* ---- one node ---- */

static char *
find_program(const Options *options, const char *name)
{
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  g_autofree char *folder = self ? g_path_get_dirname(self) : g_strdup(".");
  char *beside = g_build_filename(folder, name, NULL); /* not installed: in the build folder */

  if (g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE))
    return beside;
  g_free(beside);
  return g_build_filename(NODES_DIR, name, NULL);
}

static void
check_keys(const Make *make, char **keys)
{
  g_auto(GStrv) needs = g_strsplit(make->needs, ",", 0);

  for (char **key = keys; *key; key++)
    if (!strchr(*key, '=') || **key == '=')
      fail("%s: '%s' is no KEY=VALUE", make->word, *key);
  for (char **need = needs; *need; need++) {
    g_autofree char *prefix = g_strconcat(*need, "=", NULL);
    gboolean is_there = FALSE;
    for (char **key = keys; *key; key++)
      is_there |= g_str_has_prefix(*key, prefix);
    if (!is_there)
      fail("%s needs the keys %s: 'gatewayctl node credential NODE' makes a login", make->word, make->needs);
  }
}

static char *
value_of(char **keys, const char *key, char *otherwise)
{
  g_autofree char *prefix = g_strconcat(key, "=", NULL);
  char *value = otherwise;

  for (; *keys; keys++)
    if (g_str_has_prefix(*keys, prefix)) {
      g_free(value);
      value = g_strdup(*keys + strlen(prefix));
    }
  return value;
}

static void
add_habits(const Options *options, const Make *make, GPtrArray *arguments)
{
  if (make->sleep_option)
    g_ptr_array_add(arguments, g_strdup_printf("%s=%d", make->sleep_option, options->sleeps_s * 1000));
  if (options->lies)
    g_ptr_array_add(arguments, g_strdup_printf("--lie=%s", make->lie));
  if (options->slow && !make->port)
    fprintf(stderr,
            "gateway-nodes: %s: the speed of a serial line is the gateway's setting; --slow does nothing\n",
            make->word);
  else if (options->slow)
    g_ptr_array_add(arguments, g_strdup_printf("--rate=%d", options->slow));
}

static void
start_node(const Options *options, const Make *make, const char *argument, char **keys, guint number)
{
  static const char *const NAMES[] = { "gateway", "port", "name", "argument", "number", NULL };
  g_autoptr(GPtrArray) arguments = g_ptr_array_new();
  g_autofree char *port = value_of(keys, "port", g_strdup_printf("%d", make->port));
  g_autofree char *digits = g_strdup_printf("%02u", number);
  g_autofree char *name = value_of(keys, "name", g_strdup_printf("%s-%u", make->word, number));
  const char *const values[] = { options->address, port, name, argument ? argument : "", digits, NULL };

  g_ptr_array_add(arguments, find_program(options, make->program));
  g_ptr_array_add(arguments, g_strdup_printf("--name=%s", name));
  for (const char *const *option = make->options; *option; option++)
    g_ptr_array_add(arguments, make_fill(*option, NAMES, values));
  add_habits(options, make, arguments);
  for (char **key = keys; *key; key++)
    if (!g_str_has_prefix(*key, "port=") && !g_str_has_prefix(*key, "name="))
      g_ptr_array_add(arguments, g_strconcat("--", *key, NULL));
  g_ptr_array_add(arguments, NULL);
  powered_new(name, (char **)g_ptr_array_free(g_steal_pointer(&arguments), FALSE),
              make->port ? -1 : open_line(argument), options->loses_power_s);
}

/* "MAKE[:ARGUMENT][,KEY=VALUE...]" */
static void
start_nodes(const Options *options, const char *word, guint *number)
{
  g_auto(GStrv) parts = g_strsplit(word, ",", 0);
  char *argument = parts[0] ? strchr(parts[0], ':') : NULL;
  const Make *make;

  if (argument)
    *argument++ = 0;
  make = make_find(parts[0] ? parts[0] : "");
  if (!make) {
    g_autofree char *list = makes_list();
    fail("'%s' is no make; these are:\n%s", parts[0] ? parts[0] : "", list);
  }
  if (!make->argument != !argument || (argument && !*argument))
    fail(make->argument ? "%s: write %s:%s" : "%s takes nothing after ':'", make->word, make->word,
         make->argument);
  if (make->port && !options->gateway)
    fail("--gateway=ADDRESS says where the gateway is");
  check_keys(make, parts + 1);
  for (int i = 0; i < (make->port ? options->count : 1); i++) {
    if (*number == MOST_NODES)
      fail("more than %d nodes; start a second gateway-nodes with other names", MOST_NODES);
    start_node(options, make, argument, parts + 1, ++*number);
  }
}

/* ---- image ---- */

static int
write_image(int argc, char **argv)
{
  const Make *make = argc == 5 || argc == 6 ? make_find(argv[2]) : NULL;
  guint64 size = 100000;
  g_autoptr(GBytes) image = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  if (argc != 5 && argc != 6)
    fail("write: gateway-nodes image MAKE VERSION FILE [BYTES]");
  if (!make)
    fail("'%s' is no make; gateway-nodes --help lists them", argv[2]);
  if (!make->magic)
    fail("%s boots any bytes: take any file", make->word);
  if (argc == 6 && !g_ascii_string_to_unsigned(argv[5], 10, 1024, 64 << 20, &size, &error))
    fail("BYTES: %s", error->message);
  image = make_image(make, argv[3], size);
  const char *data = g_bytes_get_data(image, &length);
  if (!g_file_set_contents(argv[4], data, (gssize)length, &error))
    fail("%s", error->message);
  printf("%s: %zu bytes that %s boots as version %s\n", argv[4], length, make->word, argv[3]);
  return 0;
}

/* ---- main ---- */

static void
resolve(Options *options)
{
  struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *found = NULL;
  int error = getaddrinfo(options->gateway, NULL, &hints, &found);

  if (error)
    fail("--gateway=%s: %s", options->gateway, gai_strerror(error));
  inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr, options->address,
            sizeof options->address);
  freeaddrinfo(found);
}

static char **
read_options(Options *options, int *argc, char ***argv)
{
  const GOptionEntry entries[] = {
    { "gateway", 'g', 0, G_OPTION_ARG_STRING, &options->gateway, "where the gateway is", "ADDRESS" },
    { "count", 'n', 0, G_OPTION_ARG_INT, &options->count, "each NODE so many times (1)", "N" },
    { "sleeps", 0, 0, G_OPTION_ARG_INT, &options->sleeps_s, "asleep so long between two asks (10)",
      "SECONDS" },
    { "loses-power", 0, 0, G_OPTION_ARG_DOUBLE, &options->loses_power_s, "at random, so often in the mean",
      "SECONDS" },
    { "lies", 0, 0, G_OPTION_ARG_NONE, &options->lies, "downloads, restarts, runs what it ran", NULL },
    { "slow", 0, 0, G_OPTION_ARG_INT, &options->slow, "reads so many bytes a second", "BYTES" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->is_version, "say which version this is", NULL },
    { NULL },
  };
  g_autoptr(GOptionContext) context = g_option_context_new("NODE... - emulated nodes for a gateway");
  g_autoptr(GError) error = NULL;
  g_autofree char *list = makes_list();
  g_autofree char *more =
      g_strdup_printf("A NODE is MAKE[:ARGUMENT][,KEY=VALUE...]:\n%s\nKeys: port (of the gateway), name, "
                      "version (what it runs at first),"
                      " and\nthe options of its own program.\nA LINE that does not exist is made: give its "
                      "path to the gateway as device=."
                      "\n\nSome makes boot no arbitrary bytes; this writes an image that they do:\n"
                      "  gateway-nodes image MAKE VERSION FILE [BYTES]\n",
                      list);

  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_description(context, more);
  if (!g_option_context_parse(context, argc, argv, &error))
    fail("%s; see --help", error->message);
  if (options->is_version) {
    puts(GW_VERSION);
    exit(0);
  }
  if (*argc < 2)
    fail("no node named; for instance: gateway-nodes --gateway=127.0.0.1 harmony esp8266,version=1.0.0; see "
         "--help");
  if (options->count < 1)
    fail("--count takes a number above 0");
  if (options->sleeps_s < 1 || options->sleeps_s > 86400)
    fail("--sleeps takes 1 to 86400 seconds");
  if (options->slow < 0 || options->loses_power_s < 0)
    fail("--slow and --loses-power take numbers above 0");
  return *argv + 1;
}

static gboolean
on_signal(gpointer user_data)
{
  g_main_loop_quit(user_data);
  return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
  Options options = { .count = 1, .sleeps_s = 10 };
  g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
  guint number = 0;

  setlocale(LC_ALL, "");
  if (argc > 1 && strcmp(argv[1], "image") == 0)
    return write_image(argc, argv);
  char **words = read_options(&options, &argc, &argv);
  if (options.gateway)
    resolve(&options);
  g_unix_signal_add(SIGINT, on_signal, loop);
  g_unix_signal_add(SIGTERM, on_signal, loop);
  for (; *words; words++)
    start_nodes(&options, *words, &number);
  g_main_loop_run(loop);
  return 0;
}
