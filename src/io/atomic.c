/*
** atomic.c - replacing a file so that a crash at any moment leaves the old one
** or the new one: temporary file in the same folder, write, fsync, close,
** rename, fsync of the folder (Pillai et al., OSDI 2014).
*/
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"


int rnli_system_error (rnl_Context *ctx, const char *path, const char *what) {
  char reason[128];
  int code = errno;
  if (strerror_r(code, reason, sizeof reason) != 0)
    snprintf(reason, sizeof reason, "error %d", code);
  return rnli_error(ctx, RNL_EIO, "%s: %s: %s", path, what, reason);
}


/* "dir/.name.tmp.123" and "dir" of "dir/name"; one block holds both. */
static int make_names (rnli_Atomic *a) {
  size_t n = strlen(a->path);
  const char *slash = strrchr(a->path, '/');
  size_t dir = slash ? (size_t)(slash - a->path) + 1 : 0;
  a->tmp = rnli_get(a->ctx, 2 * n + 64);
  if (!a->tmp) return rnli_nomem(a->ctx, "a file name", 2 * n + 64);
  int used = snprintf(a->tmp, n + 32, "%.*s.%s.tmp.%ld", (int)dir, a->path,
                      a->path + dir, (long)getpid());
  a->folder = a->tmp + used + 1;
  if (dir) snprintf(a->folder, n + 1, "%.*s", (int)dir, a->path);
  else snprintf(a->folder, 2, ".");
  return RNL_OK;
}


int rnli_atomic_open (rnl_Context *ctx, const char *path, rnli_Atomic *a) {
  struct stat st;
  *a = (rnli_Atomic){ctx, path, NULL, NULL, -1};
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
    errno = EISDIR;
    return rnli_system_error(ctx, path, "cannot be written");
  }
  int status = make_names(a);
  if (status != RNL_OK) return status;
  unlink(a->tmp);   /* left by an earlier process of this number */
  a->fd = open(a->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (a->fd >= 0) return RNL_OK;
  status = rnli_system_error(ctx, path, "cannot be written");
  rnli_put(ctx, a->tmp);
  a->tmp = NULL;
  return status;
}


/* Fails the whole file, with the reason in errno. */
static int give_up (rnli_Atomic *a, const char *what) {
  int status = rnli_system_error(a->ctx, a->path, what);
  rnli_atomic_abort(a);
  return status;
}


int rnli_atomic_write (rnli_Atomic *a, const void *data, size_t n) {
  const char *p = data;
  while (n > 0) {
    ssize_t done = write(a->fd, p, n < (1u << 30) ? n : 1u << 30);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return give_up(a, "cannot be written");
    p += done;
    n -= (size_t)done;
  }
  return RNL_OK;
}


/* The rename itself is on disk only when the folder is. */
static int sync_folder (rnli_Atomic *a) {
  int fd = open(a->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return give_up(a, "folder cannot be synced");
  int failed = fsync(fd) != 0 && errno != EINVAL;
  close(fd);
  return failed ? give_up(a, "folder cannot be synced") : RNL_OK;
}


int rnli_atomic_commit (rnli_Atomic *a) {
  if (fsync(a->fd) != 0) return give_up(a, "cannot be synced");
  int fd = a->fd;
  a->fd = -1;
  if (close(fd) != 0) return give_up(a, "cannot be closed");
  if (rename(a->tmp, a->path) != 0) return give_up(a, "cannot be replaced");
  int status = sync_folder(a);
  if (status != RNL_OK) return status;
  rnli_put(a->ctx, a->tmp);
  a->tmp = NULL;
  return RNL_OK;
}


void rnli_atomic_abort (rnli_Atomic *a) {
  if (a->fd >= 0) close(a->fd);
  if (a->tmp) unlink(a->tmp);
  rnli_put(a->ctx, a->tmp);
  a->tmp = NULL;
  a->fd = -1;
}
