/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded: the process is killed before its CRASH_AT-th call that changes a file or a folder. A write is
 * half done by then. With CRASH_DROP all that was not synced is taken back first, as after a power cut: each
 * change leaves a note how to undo it, and syncing the file (or the folder, for names) tears the note up.
 * Prints nothing; without CRASH_AT it writes the number of calls to the file CRASH_COUNT at exit.
 *
 * CRASH_ARM names a file of two 32-bit numbers that a test writes while the process runs: which calls are
 * steps (DISK, SEND, RECEIVE, or several), and how many of them are left to live; 0 = for ever. */
#undef _FILE_OFFSET_BITS /* both names of each call are made here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define MAX_NAME 512

typedef struct Note Note;
struct Note {
  Note *older;
  dev_t device; /* of what must be synced */
  ino_t inode;
  int fd; /* WRITE: the file; else the folder */
  enum { WRITE, CREATE, MAKE, RENAME, UNLINK } kind;
  char name[MAX_NAME], backup[32];
  int old_fd; /* RENAME: the folder it came from */
  char old_name[MAX_NAME];
  off_t offset, size; /* WRITE: of the saved bytes; size of the file before */
  size_t n_saved;
  char *saved;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static Note *newest;
static long n_calls, crash_at = -1;
static int is_dropping;

enum { DISK = 1, SEND = 2, RECEIVE = 4 };
typedef struct {
  int32_t kinds, n_left;
} Arm;
static volatile Arm *arm;
static pid_t armed_pid; /* not its children, which try plugins */

static void
map_arm(const char *path)
{
  int fd = REAL(open)(path, O_RDWR | O_CLOEXEC);
  void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *arm, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  if (mapped == MAP_FAILED)
    abort();
  arm = mapped;
  armed_pid = getpid();
  (void)close(fd);
}

__attribute__((constructor)) static void
begin(void)
{
  const char *at = getenv("CRASH_AT"), *arm_path = getenv("CRASH_ARM");

  is_dropping = getenv("CRASH_DROP") != NULL;
  crash_at = at ? atol(at) : -1;
  if (arm_path)
    map_arm(arm_path);
}

__attribute__((destructor)) static void
end(void)
{
  const char *path = getenv("CRASH_COUNT");
  FILE *file = path ? fopen(path, "we") : NULL;

  if (!file)
    return;
  (void)fprintf(file, "%ld", n_calls);
  (void)fclose(file);
}

static int
own_fd(int fd, int flags)
{
  char path[64];

  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return REAL(open)(path, flags | O_CLOEXEC);
}

static int
folder_fd(int dir_fd)
{
  return REAL(openat)(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void
undo(const Note *note)
{
  switch (note->kind) {
  case WRITE:
    (void)!REAL(pwrite)(note->fd, note->saved, note->n_saved, note->offset);
    (void)!REAL(ftruncate)(note->fd, note->size);
    break;
  case CREATE:
    (void)REAL(unlinkat)(note->fd, note->name, 0);
    break;
  case MAKE: /* with all that is in it */
    (void)REAL(renameat)(note->fd, note->name, note->fd, ".undo-folder");
    break;
  case RENAME:
    (void)REAL(renameat)(note->fd, note->name, note->old_fd, note->old_name);
    if (*note->backup)
      (void)REAL(renameat)(note->fd, note->backup, note->fd, note->name);
    break;
  case UNLINK:
    (void)REAL(renameat)(note->fd, note->backup, note->fd, note->name);
    break;
  }
}

static void
die(void)
{
  if (is_dropping)
    for (const Note *note = newest; note; note = note->older)
      undo(note);
  (void)kill(getpid(), SIGKILL);
  for (;;)
    (void)pause();
}

static int
is_armed_end(int kind)
{
  if (!arm || !(arm->kinds & kind) || arm->n_left <= 0 || getpid() != armed_pid)
    return 0;
  return --arm->n_left == 0;
}

/* Call with the mutex held. */
static int
is_the_end(void)
{
  return ++n_calls == crash_at || is_armed_end(DISK);
}

static void
step(int kind)
{
  (void)pthread_mutex_lock(&mutex);
  if (is_armed_end(kind))
    die();
  (void)pthread_mutex_unlock(&mutex);
}

static Note *
note_new(int kind, int syncer)
{
  Note *note = calloc(1, sizeof *note);
  struct stat st;

  if (!note || fstat(syncer, &st) < 0)
    abort();
  note->kind = (__typeof__(note->kind))kind;
  note->device = st.st_dev;
  note->inode = st.st_ino;
  note->fd = note->old_fd = -1;
  note->older = newest;
  newest = note;
  return note;
}

static Note *
note_name(int kind, int dir_fd, const char *path)
{
  const char *slash = strrchr(path, '/');
  char folder[MAX_NAME];
  int fd;
  Note *note;

  (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
  fd = REAL(openat)(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return NULL;
  note = note_new(kind, fd);
  note->fd = fd;
  (void)snprintf(note->name, sizeof note->name, "%s", slash ? slash + 1 : path);
  return note;
}

static void
keep_backup(Note *note)
{
  static int n;

  (void)snprintf(note->backup, sizeof note->backup, ".undo-%d", n++);
  if (linkat(note->fd, note->name, note->fd, note->backup, 0) < 0)
    *note->backup = '\0';
}

/* Bytes from @offset to the end of the change, and the size. */
static void
note_bytes(int fd, off_t offset, size_t size)
{
  struct stat st;
  Note *note;
  int saved_errno = errno;

  if (!is_dropping || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
    return;
  note = note_new(WRITE, fd);
  note->fd = own_fd(fd, O_RDWR);
  note->offset = offset;
  note->size = st.st_size;
  if (offset < st.st_size) {
    size_t overlap = (size_t)(st.st_size - offset) < size ? (size_t)(st.st_size - offset) : size;

    note->saved = malloc(overlap + 1);
    if (pread(note->fd, note->saved, overlap, offset) == (ssize_t)overlap)
      note->n_saved = overlap;
  }
  errno = saved_errno;
}

static void
tear_up(int fd)
{
  struct stat st;
  Note **place = &newest;

  if (fstat(fd, &st) < 0)
    return;
  while (*place) {
    Note *note = *place;

    if (note->device != st.st_dev || note->inode != st.st_ino) {
      place = &note->older;
      continue;
    }
    *place = note->older;
    if (*note->backup)
      (void)REAL(unlinkat)(note->fd, note->backup, 0);
    (void)close(note->fd);
    if (note->old_fd >= 0)
      (void)close(note->old_fd);
    free(note->saved);
    free(note);
  }
}

/* --- the calls --- */

/* Pipes and the like are not the disk, and the log survives to be read. */
static int
is_file(int fd)
{
  struct stat st;

  return fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t
write(int fd, const void *data, size_t size)
{
  ssize_t n;

  if (!is_file(fd))
    return REAL(write)(fd, data, size);
  (void)pthread_mutex_lock(&mutex);
  note_bytes(fd, lseek(fd, 0, SEEK_CUR), size);
  if (is_the_end()) {
    (void)!REAL(write)(fd, data, size / 2);
    die();
  }
  n = REAL(write)(fd, data, size);
  (void)pthread_mutex_unlock(&mutex);
  return n;
}

ssize_t
pwrite(int fd, const void *data, size_t size, off_t offset)
{
  ssize_t n;

  (void)pthread_mutex_lock(&mutex);
  note_bytes(fd, offset, size);
  if (is_the_end()) {
    (void)!REAL(pwrite)(fd, data, size / 2, offset);
    die();
  }
  n = REAL(pwrite)(fd, data, size, offset);
  (void)pthread_mutex_unlock(&mutex);
  return n;
}

ssize_t
pwrite64(int fd, const void *data, size_t size, off_t offset)
{
  return pwrite(fd, data, size, offset);
}

int
ftruncate(int fd, off_t size)
{
  struct stat st;
  int result;

  if (!is_file(fd))
    return REAL(ftruncate)(fd, size);
  (void)pthread_mutex_lock(&mutex);
  if (fstat(fd, &st) == 0)
    note_bytes(fd, size, st.st_size > size ? (size_t)(st.st_size - size) : 0);
  if (is_the_end())
    die();
  result = REAL(ftruncate)(fd, size);
  (void)pthread_mutex_unlock(&mutex);
  return result;
}

int
ftruncate64(int fd, off_t size)
{
  return ftruncate(fd, size);
}

int
posix_fallocate(int fd, off_t offset, off_t size)
{
  int result;

  (void)pthread_mutex_lock(&mutex);
  note_bytes(fd, offset, 0);
  if (is_the_end())
    die();
  result = REAL(posix_fallocate)(fd, offset, size);
  (void)pthread_mutex_unlock(&mutex);
  return result;
}

int
posix_fallocate64(int fd, off_t offset, off_t size)
{
  return posix_fallocate(fd, offset, size);
}

static int
sync_with(int fd, int (*real)(int fd))
{
  int result;

  (void)pthread_mutex_lock(&mutex);
  if (is_the_end())
    die();
  result = real(fd);
  tear_up(fd);
  (void)pthread_mutex_unlock(&mutex);
  return result;
}

int
fsync(int fd)
{
  return sync_with(fd, REAL(fsync));
}

int
fdatasync(int fd)
{
  return sync_with(fd, REAL(fdatasync));
}

static int
open_with(int dir_fd, const char *path, int flags, mode_t mode)
{
  struct stat st;
  int fd;

  if (!(flags & O_CREAT) || fstatat(dir_fd, path, &st, 0) == 0)
    return REAL(openat)(dir_fd, path, flags, mode);
  (void)pthread_mutex_lock(&mutex);
  if (is_the_end())
    die();
  fd = REAL(openat)(dir_fd, path, flags, mode);
  if (fd >= 0 && is_dropping)
    (void)note_name(CREATE, dir_fd, path);
  (void)pthread_mutex_unlock(&mutex);
  return fd;
}

#define MODE_OF(flags)                                                                                       \
  ({                                                                                                         \
    mode_t mode_ = 0;                                                                                        \
    if ((flags)&O_CREAT) {                                                                                   \
      va_list args_;                                                                                         \
      va_start(args_, flags);                                                                                \
      mode_ = va_arg(args_, mode_t);                                                                         \
      va_end(args_);                                                                                         \
    }                                                                                                        \
    mode_;                                                                                                   \
  })

int
open(const char *path, int flags, ...)
{
  return open_with(AT_FDCWD, path, flags, MODE_OF(flags));
}

int
open64(const char *path, int flags, ...)
{
  return open_with(AT_FDCWD, path, flags, MODE_OF(flags));
}

int
openat(int dir_fd, const char *path, int flags, ...)
{
  return open_with(dir_fd, path, flags, MODE_OF(flags));
}

int
openat64(int dir_fd, const char *path, int flags, ...)
{
  return open_with(dir_fd, path, flags, MODE_OF(flags));
}

int
mkdirat(int dir_fd, const char *path, mode_t mode)
{
  int result;

  (void)pthread_mutex_lock(&mutex);
  if (is_the_end())
    die();
  result = REAL(mkdirat)(dir_fd, path, mode);
  if (result == 0 && is_dropping)
    (void)note_name(MAKE, dir_fd, path);
  (void)pthread_mutex_unlock(&mutex);
  return result;
}

int
renameat(int old_dir, const char *old_path, int new_dir, const char *new_path)
{
  Note *note = NULL;
  int result;

  (void)pthread_mutex_lock(&mutex);
  if (is_the_end())
    die();
  if (is_dropping)
    note = note_name(RENAME, new_dir, new_path);
  if (note) {
    note->old_fd = folder_fd(old_dir);
    (void)snprintf(note->old_name, sizeof note->old_name, "%s", old_path);
    keep_backup(note);
  }
  result = REAL(renameat)(old_dir, old_path, new_dir, new_path);
  (void)pthread_mutex_unlock(&mutex);
  return result;
}

int
unlinkat(int dir_fd, const char *path, int flags)
{
  struct stat st;
  Note *note = NULL;
  int result;

  if (fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return REAL(unlinkat)(dir_fd, path, flags);
  (void)pthread_mutex_lock(&mutex);
  if (is_the_end())
    die();
  if (is_dropping)
    note = note_name(UNLINK, dir_fd, path);
  if (note)
    keep_backup(note);
  result = REAL(unlinkat)(dir_fd, path, flags);
  (void)pthread_mutex_unlock(&mutex);
  return result;
}

int
unlink(const char *path)
{
  return unlinkat(AT_FDCWD, path, 0);
}

int
fchmod(int fd, mode_t mode)
{
  int result;

  (void)pthread_mutex_lock(&mutex);
  if (is_the_end())
    die();
  result = REAL(fchmod)(fd, mode);
  (void)pthread_mutex_unlock(&mutex);
  return result;
}

/* --- sockets: only armed --- */

ssize_t
send(int fd, const void *data, size_t size, int flags)
{
  step(SEND);
  return REAL(send)(fd, data, size, flags);
}

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
  step(SEND);
  return REAL(sendmsg)(fd, message, flags);
}

ssize_t
recv(int fd, void *data, size_t size, int flags)
{
  step(RECEIVE);
  return REAL(recv)(fd, data, size, flags);
}

ssize_t
recvmsg(int fd, struct msghdr *message, int flags)
{
  step(RECEIVE);
  return REAL(recvmsg)(fd, message, flags);
}
