/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A format plugin that was taken over: it does what the file says. For test_unpack.py. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway-plugin.h"

#define MAGIC "hostile "

static void
do_loop(GatewayJob *job)
{
  for (volatile unsigned long n = 0;; n++)
    continue;
}

static void
do_eat(GatewayJob *job)
{
  char size[24];
  size_t n = 0;

  for (void *block; (block = malloc(1024 * 1024)) != NULL; n++)
    memset(block, 1, 1024 * 1024);
  snprintf(size, sizeof size, "%zu", n);
  job->image(job, GATEWAY_NO_TEXT, 0);
  job->fact(job, "mebibytes", gateway_text(size));
}

static void
do_exec(GatewayJob *job)
{
  execl("/bin/true", "true", (char *)NULL);
}

static void
do_fork(GatewayJob *job)
{
  if (fork() == 0)
    _exit(0);
}

static void
do_shadow(GatewayJob *job)
{
  (void)open("/etc/shadow", O_RDONLY);
}

static void
do_packet(GatewayJob *job)
{
  (void)socket(AF_PACKET, SOCK_RAW, 0);
}

static void
do_ptrace(GatewayJob *job)
{
  (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void
do_code(GatewayJob *job)
{
  (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
do_kill(GatewayJob *job)
{
  (void)kill(1, 0);
}

static void
do_crash(GatewayJob *job)
{
  __builtin_trap();
}

static void
do_names(GatewayJob *job)
{
  job->image(job, GATEWAY_TEXT("../../etc/passwd"), 0);
}

static void
do_twice(GatewayJob *job)
{
  if (job->image(job, GATEWAY_TEXT("a"), 0))
    job->image(job, GATEWAY_TEXT("a"), 0);
}

static void
do_many(GatewayJob *job)
{
  char name[24];

  for (int i = 0; i < 1000000; i++) {
    snprintf(name, sizeof name, "%d", i);
    if (!job->image(job, gateway_text(name), 0))
      return;
  }
}

static void
do_endless(GatewayJob *job)
{
  static const char block[65536];

  if (job->image(job, GATEWAY_TEXT("endless"), 0))
    while (job->data(job, block, sizeof block))
      continue;
}

static void
do_announce(GatewayJob *job)
{
  job->image(job, GATEWAY_TEXT("sparse"), 1ull << 32);
}

static const struct {
  const char *word;
  void (*act)(GatewayJob *job);
} ACTS[] = {
  { "loop", do_loop },     { "eat", do_eat },         { "exec", do_exec },         { "fork", do_fork },
  { "shadow", do_shadow }, { "packet", do_packet },   { "ptrace", do_ptrace },     { "code", do_code },
  { "kill", do_kill },     { "crash", do_crash },     { "names", do_names },       { "twice", do_twice },
  { "many", do_many },     { "endless", do_endless }, { "announce", do_announce },
};

static uint32_t
recognize(GatewayText head, const char *file_name)
{
  return head.size > strlen(MAGIC) && memcmp(head.data, MAGIC, strlen(MAGIC)) == 0 ? 100 : 0;
}

static bool
unpack(GatewayJob *job)
{
  char word[16] = "";

  if (job->input_size > strlen(MAGIC) + sizeof word - 1 ||
      !job->read(job, strlen(MAGIC), word, job->input_size - strlen(MAGIC)))
    return false;
  for (size_t i = 0; i < sizeof ACTS / sizeof *ACTS; i++)
    if (strcmp(ACTS[i].word, word) == 0)
      ACTS[i].act(job);
  return true;
}

static const GatewayFormatFunctions functions = { sizeof functions, recognize, unpack };

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_FORMAT,
  .name = "hostile",
  .title = "A hostile file",
  .version = "1",
  .functions = &functions,
};
