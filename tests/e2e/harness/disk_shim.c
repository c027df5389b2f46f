// SPDX-License-Identifier: Apache-2.0
//
// A disk that fails, for LD_PRELOAD. Calls that write to files under OU_DISK_UNDER fail as long as
// the file OU_DISK_PLAN names says so; it is read at each such call and holds words of these:
// "write-eio", "write-enospc", "write-erofs", "fsync-eio", "truncate-eio". Everything else is left
// alone.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

// Whether the plan names `word`, by system calls alone: what is below must not call itself.
static int planned(const char *word) {
  const char *plan = getenv("OU_DISK_PLAN");
  if (plan == NULL) return 0;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, plan, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[256];
  ssize_t size = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  if (size <= 0) return 0;
  text[size] = '\0';
  return strstr(text, word) != NULL;
}

static int ours(int fd) {
  const char *under = getenv("OU_DISK_UNDER");
  if (under == NULL) return 0;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return 0;
  path[size] = '\0';
  return strncmp(path, under, strlen(under)) == 0;
}

// 0: let it through.
static int write_error(int fd) {
  if (!ours(fd)) return 0;
  if (planned("write-eio")) return EIO;
  if (planned("write-enospc")) return ENOSPC;
  if (planned("write-erofs")) return EROFS;
  return 0;
}

#define REFUSE(error)   \
  do {                  \
    int why = (error);  \
    if (why != 0) {     \
      errno = why;      \
      return -1;        \
    }                   \
  } while (0)

ssize_t write(int fd, const void *data, size_t size) {
  REFUSE(write_error(fd));
  return syscall(SYS_write, fd, data, size);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) {
  REFUSE(write_error(fd));
  return syscall(SYS_pwrite64, fd, data, size, at);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) {
  return pwrite64(fd, data, size, at);
}
int fsync(int fd) {
  REFUSE(ours(fd) && planned("fsync-eio") ? EIO : 0);
  return (int)syscall(SYS_fsync, fd);
}
int fdatasync(int fd) {
  REFUSE(ours(fd) && planned("fsync-eio") ? EIO : 0);
  return (int)syscall(SYS_fdatasync, fd);
}
int ftruncate64(int fd, off64_t size) {
  REFUSE(ours(fd) && planned("truncate-eio") ? EIO : 0);
  return (int)syscall(SYS_ftruncate, fd, size);
}
int ftruncate(int fd, off_t size) {
  return ftruncate64(fd, size);
}
