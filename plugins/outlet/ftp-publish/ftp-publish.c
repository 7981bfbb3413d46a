/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publishes what Waspmotes shall load on an FTP server that is not ours, as the OTA plug-in of a Meshlium
 * does: nothing, a new file, or one that the server has from an earlier time. A mote may read there at any
 * moment, so each file is written under another name, looked at, and renamed, and UPGRADE.TXT is the last: it
 * never names what is not there as a whole. */
#include "ftp.h"
#include "upgrade.h"

#define FOLDER_MAX 512
#define PATH_MAX_CHARS (FOLDER_MAX + 32)
#define TEXT_MAX 256 /* the buffer of a mote's own parser */

static const GatewaySetting SETTINGS[] = {
  { "host", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "name or address of the FTP server" },
  { "port", GATEWAY_SETTING_INTEGER, "21", 1, 65535, NULL, "its port" },
  { "user", GATEWAY_SETTING_TEXT, "", 0, 0, NULL, "login that may write there" },
  { "password-file", GATEWAY_SETTING_SECRET, "", 0, 0, NULL, "file with its password" },
  { "directory", GATEWAY_SETTING_TEXT, "", 0, 0, NULL,
    "where the motes' login begins, as this login sees it; empty: the login directory" },
  { "connect-timeout", GATEWAY_SETTING_DURATION, "15s", 100, 3600000, NULL,
    "how long a connection may take" },
  { "stall-timeout", GATEWAY_SETTING_DURATION, "60s", 1000, 3600000, NULL,
    "a server that answers or takes nothing for so long is given up" },
};

static const GatewayNumberLimit LIMITS[] = {
  { "last-version", NULL, NULL, 254, "after version 255 a mote never loads another program of that name" },
  { "gprs-version", NULL, NULL, 127,
    "a GPRS module takes 128 and more for negative: it would not load it, nor any later program of that "
    "name" },
};

static const GatewayField FORM[] = {
  { "name", "File name", "[A-Za-z0-9_]{7}", NULL, false, "the seven characters that the IDE gave the file" },
};

/* ---- paths ---- */

typedef struct {
  GatewayWorker *worker;
  Ftp *ftp;
  const char *folder;
  char memory[1024];
  GatewayScratch scratch;
} Job;

typedef struct {
  char text[PATH_MAX_CHARS];
} Path;

static bool
is_folder(const char *folder)
{
  size_t size = strlen(folder);
  for (size_t i = 0; i < size; i++) {
    char c = folder[i];
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_plain && !strchr("._-/", c))
      return false;
  }
  return size <= FOLDER_MAX && !strstr(folder, "..");
}

static Path
path_of(const Job *job, const char *prefix, const char *name)
{
  Path path;
  size_t size = strlen(job->folder);
  const char *slash = size > 0 && job->folder[size - 1] != '/' ? "/" : "";
  snprintf(path.text, sizeof path.text, "%s%s%s%s", job->folder, slash, prefix, name);
  return path;
}

/* ---- steps ---- */

static GatewayResult
fail(Job *job, const char *text)
{
  job->worker->status(job->worker, false, text);
  return GATEWAY_FAILED_GIVE_UP;
}

static GatewayResult
fail_step(Job *job)
{
  job->worker->status(job->worker, false, ftp_trouble(job->ftp));
  if (ftp_is_stopped(job->ftp))
    return GATEWAY_STOPPED;
  return ftp_is_hopeless(job->ftp) ? GATEWAY_FAILED_GIVE_UP : GATEWAY_FAILED_RETRY;
}

static GatewayResult
check_size(Job *job, const Path *path, uint64_t size)
{
  int64_t there;
  if (!ftp_size(job->ftp, path->text, &there))
    return fail_step(job);
  if (there >= 0 && (uint64_t)there == size)
    return GATEWAY_OK;
  GatewayText text = there < 0
                         ? gateway_print(&job->scratch, "%s is not on the server", path->text)
                         : gateway_print(&job->scratch, "%s has %lld bytes on the server, and must have %llu",
                                         path->text, (long long)there, (unsigned long long)size);
  return fail(job, text.size ? text.data : "the size on the server is wrong");
}

/* Written under another name, looked at, read back: only then is it what the motes read. */
static GatewayResult
write_upgrade(Job *job, GatewayText text)
{
  Path temporary = path_of(job, ".new-", "UPGRADE.TXT"), final = path_of(job, "", "UPGRADE.TXT");
  char memory[TEXT_MAX];
  GatewayText there;
  if (!ftp_put_text(job->ftp, temporary.text, text) ||
      !ftp_get_text(job->ftp, temporary.text, memory, sizeof memory, &there))
    return fail_step(job);
  if (there.size != text.size || memcmp(there.data, text.data, text.size) != 0)
    return fail(
        job, "UPGRADE.TXT is another on the server than it was written: its login must write binary files");
  if (!ftp_rename(job->ftp, temporary.text, final.text))
    return fail_step(job);
  job->worker->text(job->worker, text);
  return GATEWAY_OK;
}

static GatewayResult
publish_nothing(Job *job)
{
  return write_upgrade(job, upgrade_print(&(Upgrade){ .name = "" }, &job->scratch));
}

/* A file of that name that motes may just now be told of is not changed under them: they are told that
 * nothing is due before it is. */
static GatewayResult
put_image(Job *job, const Upgrade *upgrade, int fd)
{
  Path temporary = path_of(job, ".new-", upgrade->name), final = path_of(job, "", upgrade->name);
  GatewayResult result;
  int64_t before;
  if (!ftp_put_fd(job->ftp, temporary.text, fd, upgrade->size))
    return fail_step(job);
  if ((result = check_size(job, &temporary, upgrade->size)) != GATEWAY_OK)
    return result;
  if (!ftp_size(job->ftp, final.text, &before))
    return fail_step(job);
  if (before >= 0 && (result = publish_nothing(job)) != GATEWAY_OK)
    return result;
  return ftp_rename(job->ftp, temporary.text, final.text) ? GATEWAY_OK : fail_step(job);
}

static GatewayResult
publish_image(Job *job, const Upgrade *upgrade, int fd)
{
  Path final = path_of(job, "", upgrade->name);
  GatewayResult result = fd >= 0 ? put_image(job, upgrade, fd) : GATEWAY_OK;
  if (result == GATEWAY_OK)
    result = check_size(job, &final, upgrade->size);
  return result == GATEWAY_OK ? write_upgrade(job, upgrade_print(upgrade, &job->scratch)) : result;
}

/* ---- the call ---- */

static GatewayResult
run(Job *job, const GatewayImage *image, int fd)
{
  Upgrade upgrade;
  const char *why = NULL;
  if (!image)
    return publish_nothing(job);
  if (!upgrade_read_image(image, &upgrade, &why))
    return fail(job, why);
  return publish_image(job, &upgrade, fd);
}

static GatewayResult
ftp_publish_deliver(GatewayWorker *worker, GatewayText node, const GatewayImage *image, int image_fd)
{
  const GatewaySettings *settings = worker->settings;
  Job job = { .worker = worker, .folder = settings->text(settings, "directory") };
  FtpServer server = { .host = settings->text(settings, "host"),
                       .user = settings->text(settings, "user"),
                       .port = (uint16_t)settings->number(settings, "port"),
                       .connect_ms = settings->number(settings, "connect-timeout"),
                       .stall_ms = settings->number(settings, "stall-timeout") };
  GatewayResult result = GATEWAY_FAILED_GIVE_UP;
  (void)node;
  job.scratch = (GatewayScratch){ job.memory, sizeof job.memory, 0, false };
  if (!server.host[0] || !server.user[0])
    return fail(&job, "host= and user= are missing");
  if (!is_folder(job.folder))
    return fail(&job, "directory= may hold letters, digits, dots, dashes, underscores and slashes");
  worker->status(worker, false, "password-file= is missing"); /* unless the host knows better */
  if (!worker->secret(worker, "password-file", server.password, sizeof server.password))
    return GATEWAY_FAILED_GIVE_UP;
  job.ftp = ftp_new(&server, worker);
  if (!job.ftp)
    return fail(&job, "no memory");
  result = run(&job, image, image_fd);
  ftp_free(job.ftp);
  explicit_bzero(server.password, sizeof server.password);
  return result;
}

static const GatewayOutletFunctions FUNCTIONS = {
  .size = sizeof(GatewayOutletFunctions),
  .deliver = ftp_publish_deliver,
};

GATEWAY_EXPORT const GatewayPlugin gateway_plugin = {
  .abi = GATEWAY_PLUGIN_ABI,
  .size = sizeof(GatewayPlugin),
  .kind = GATEWAY_OUTLET,
  .name = "ftp-publish",
  .title = "UPGRADE.TXT and programs for Waspmotes on another FTP server",
  .version = "1.0",
  .setup = "[outlet meshlium]\ntype=ftp-publish\nhost=192.0.2.20\nuser=ota\npassword-file=cloud_meshlium\n"
           "The motes go on reading there; gatewayctl outlets publish meshlium --firmware=ID.",
  .settings = SETTINGS,
  .n_settings = GATEWAY_COUNT(SETTINGS),
  .form = FORM,
  .n_form = GATEWAY_COUNT(FORM),
  .versioning = { GATEWAY_VERSION_OPAQUE, 0 },
  .functions = &FUNCTIONS,
  .numbering = { .label = "VERSION",
                 .min = 1,
                 .max = 255,
                 .limits = LIMITS,
                 .n_limits = GATEWAY_COUNT(LIMITS) },
};
