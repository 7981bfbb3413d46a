/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs one fuzz target without libFuzzer: every file of its corpus as it is, then mutations of them from a
 * seeded generator, so that the same seed is the same run on every machine. A crash, a failed assertion, a
 * sanitizer's report or a hang leaves the input in a file. Leaks are reported at the end, by the sanitizer
 * itself. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEED_MAX 512
#define INPUT_MAX (64 * 1024)
#define HANG_S 30
#define MUTATIONS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The undefined-behaviour runtime knows no callback of the address one; an abort it shares. */
const char *__ubsan_default_options(void);
const char *
__ubsan_default_options(void)
{
  return "abort_on_error=1:print_stacktrace=1";
}

typedef struct {
  uint8_t *data;
  size_t size;
} Seed;

typedef struct {
  uint8_t data[INPUT_MAX];
  size_t size;
} Input;

static Seed seeds[SEED_MAX];
static size_t n_seeds;
static uint64_t generator;
static char crash_path[PATH_MAX];
static const uint8_t *current;
static size_t current_size;

/* splitmix64 */
static uint64_t
next_random(void)
{
  uint64_t z = generator += 0x9e3779b97f4a7c15u;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static size_t
below(size_t limit)
{
  return limit ? (size_t)(next_random() % limit) : 0;
}

static void
save_current(void)
{
  int fd;

  if (!current)
    return;
  fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, current, current_size) != (ssize_t)current_size)
    dprintf(STDERR_FILENO, "the input could not be saved\n");
  else
    dprintf(STDERR_FILENO, "the input was saved: %s\n", crash_path);
  current = NULL;
}

static void
on_signal(int number)
{
  dprintf(STDERR_FILENO, number == SIGALRM ? "hang: no answer within %d s\n" : "aborted\n", HANG_S);
  save_current();
  _exit(99);
}

/* The target gets an exact heap copy: one byte too far is seen. */
static void
run(const uint8_t *data, size_t size)
{
  uint8_t *copy = malloc(size ? size : 1);

  memcpy(copy, data, size);
  current = copy;
  current_size = size;
  alarm(HANG_S);
  LLVMFuzzerTestOneInput(copy, size);
  alarm(0);
  current = NULL;
  free(copy);
}

static void
replace(Input *input, size_t at, size_t n_old, const void *with, size_t n_new)
{
  uint8_t buffer[256];

  n_new = n_new < sizeof buffer ? n_new : sizeof buffer;
  if (input->size - n_old + n_new > INPUT_MAX)
    return;
  memcpy(buffer, with, n_new); /* it may lie inside the input */
  memmove(input->data + at + n_new, input->data + at + n_old, input->size - at - n_old);
  memcpy(input->data + at, buffer, n_new);
  input->size = input->size - n_old + n_new;
}

static void
put_binary_integer(Input *input)
{
  static const uint64_t edges[] = { 0,          1,           0x7f,      0x80,       0xff,
                                    0x7fff,     0x8000,      0xffff,    0x7fffffff, 0x80000000,
                                    0xffffffff, 0x100000000, UINT64_MAX };
  uint64_t value = edges[below(sizeof edges / sizeof *edges)] + (next_random() % 3) - 1;
  size_t width = (size_t)1 << below(4), at = below(input->size + 1);
  uint8_t bytes[8];
  bool is_big = below(2);

  for (size_t i = 0; i < width; i++)
    bytes[i] = (uint8_t)(value >> 8 * (is_big ? width - 1 - i : i));
  replace(input, at, width <= input->size - at ? width : input->size - at, bytes, width);
}

static void
put_text_integer(Input *input)
{
  static const char *const edges[] = { "0",
                                       "-1",
                                       "1",
                                       "255",
                                       "256",
                                       "65535",
                                       "65536",
                                       "2147483647",
                                       "2147483648",
                                       "4294967295",
                                       "4294967296",
                                       "9223372036854775807",
                                       "9223372036854775808",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "00000000000000000000000000000001",
                                       "1e309" };
  const char *text = edges[below(sizeof edges / sizeof *edges)];
  size_t at = below(input->size + 1), n_digits = 0;

  while (at + n_digits < input->size && input->data[at + n_digits] >= '0' &&
         input->data[at + n_digits] <= '9')
    n_digits++;
  replace(input, at, n_digits, text, strlen(text));
}

static void
insert_noise(Input *input)
{
  uint8_t bytes[16];
  size_t n = 1 + below(sizeof bytes);
  uint8_t fill = (uint8_t)next_random();
  bool is_run = below(2);

  for (size_t i = 0; i < n; i++)
    bytes[i] = is_run ? fill : (uint8_t)next_random();
  replace(input, below(input->size + 1), 0, bytes, n);
}

static void
delete_range(Input *input)
{
  size_t at = below(input->size), n = 1 + below(below(8) ? 8 : input->size);

  replace(input, at, n < input->size - at ? n : input->size - at, "", 0);
}

/* A piece of this or of another seed, at another place. */
static void
copy_piece(Input *input, const uint8_t *from, size_t from_size)
{
  size_t start = below(from_size), n = 1 + below(64), at = below(input->size + 1);

  if (from_size == 0)
    return;
  n = n < from_size - start ? n : from_size - start;
  replace(input, at, below(2) ? 0 : (n < input->size - at ? n : input->size - at), from + start, n);
}

static void
mutate(Input *input)
{
  const Seed *other = &seeds[below(n_seeds)];

  switch (input->size ? below(8) : 4) {
  case 0:
    input->data[below(input->size)] ^= (uint8_t)(1 << below(8));
    break;
  case 1:
    input->data[below(input->size)] = (uint8_t)next_random();
    break;
  case 2:
    delete_range(input);
    break;
  case 3:
    copy_piece(input, input->data, input->size);
    break;
  case 4:
    copy_piece(input, other->data, other->size);
    break;
  case 5:
    put_binary_integer(input);
    break;
  case 6:
    put_text_integer(input);
    break;
  default:
    insert_noise(input);
  }
}

static void
run_mutation(void)
{
  static Input input;
  const Seed *seed = &seeds[below(n_seeds)];
  size_t n_mutations = 1 + below(MUTATIONS_MAX);

  input.size = seed->size;
  memcpy(input.data, seed->data, seed->size);
  for (size_t i = 0; i < n_mutations; i++)
    mutate(&input);
  run(input.data, input.size);
}

static void
die(const char *what, const char *which)
{
  fprintf(stderr, "%s: %s\n", which, what);
  exit(2);
}

static void
read_seed(const char *path)
{
  FILE *file = fopen(path, "rbe");
  Seed *seed = &seeds[n_seeds++];

  if (!file)
    die(strerror(errno), path);
  seed->data = malloc(INPUT_MAX + 1);
  seed->size = fread(seed->data, 1, INPUT_MAX + 1, file);
  if (ferror(file) || seed->size > INPUT_MAX)
    die("unreadable or too large", path);
  fclose(file);
}

static int
is_visible(const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

static void
read_corpus(const char *folder)
{
  struct dirent **entries;
  int n = scandir(folder, &entries, is_visible, alphasort);

  if (n <= 0 || n > SEED_MAX)
    die(n < 0 ? strerror(errno) : "no seeds, or too many", folder);
  for (int i = 0; i < n; i++) {
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    read_seed(path);
    free(entries[i]);
  }
  free(entries);
}

static const char *
base_name(const char *path)
{
  const char *slash = strrchr(path, '/');

  return slash ? slash + 1 : path;
}

int
main(int argc, char **argv)
{
  unsigned long n = 20000;
  struct stat st;
  int option;

  generator = 1;
  while ((option = getopt(argc, argv, "n:s:")) != -1) {
    if (option == '?')
      return 2;
    *(option == 'n' ? &n : &generator) = strtoul(optarg, NULL, 10);
  }
  if (optind + 1 != argc || stat(argv[optind], &st) < 0)
    die("usage: [-n MUTATIONS] [-s SEED] CORPUSDIR|INPUTFILE", argv[0]);
  snprintf(crash_path, sizeof crash_path, "crash-%s-%ld", base_name(argv[0]), (long)getpid());
  signal(SIGABRT, on_signal);
  signal(SIGALRM, on_signal);
  __sanitizer_set_death_callback(save_current);

  if (!S_ISDIR(st.st_mode))
    read_seed(argv[optind]);
  else
    read_corpus(argv[optind]);
  for (size_t i = 0; i < n_seeds; i++)
    run(seeds[i].data, seeds[i].size);
  for (unsigned long i = 0; S_ISDIR(st.st_mode) && i < n; i++)
    run_mutation();
  printf("%zu seeds, %lu mutations\n", n_seeds, S_ISDIR(st.st_mode) ? n : 0);
  for (size_t i = 0; i < n_seeds; i++)
    free(seeds[i].data);
  return 0;
}
