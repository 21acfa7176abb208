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

#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "io/io.h"

/* {== Opening ============================================================ */

void rnli_atomic_drop (rnli_Atomic *a) {
  if (a->fd >= 0) close(a->fd);
  if (a->tmp) unlinkat(a->folder, a->tmp, 0);
  if (a->folder >= 0) close(a->folder);
  rnli_put(a->ctx, a->tmp);
  *a = (rnli_Atomic){.ctx = a->ctx, .path = a->path, .folder = -1, .fd = -1};
}


/* Fails the whole file, with the reason in errno. */
static int give_up (rnli_Atomic *a, const char *what) {
  int status = rnli_system_error(a->ctx, a->path, what);
  rnli_atomic_drop(a);
  return status;
}


/* A number no other thread has now. */
static long thread_number (void) {
#ifdef __linux__
  return syscall(SYS_gettid);
#else
  return (long)getpid();
#endif
}


/* Opens the folder of 'path': all else is done inside it. */
static int open_folder (rnli_Atomic *a) {
  size_t n = (size_t)(a->name - a->path);
  char *folder = rnli_get(a->ctx, n + 2);
  if (!folder) return rnli_nomem(a->ctx, "a file name", n + 2);
  snprintf(folder, n + 2, "%.*s", n ? (int)n : 1, n ? a->path : ".");
  a->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int code = errno;
  rnli_put(a->ctx, folder);
  errno = code;
  return a->folder < 0 ? give_up(a, "folder cannot be opened") : RNL_OK;
}


/* A device, a pipe or a folder must not be renamed away. */
static int check_target (rnli_Atomic *a) {
  struct stat st;
  if (fstatat(a->folder, a->name, &st, 0) != 0 || S_ISREG(st.st_mode))
    return RNL_OK;
  errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
  return give_up(a, "cannot be replaced, it is no regular file");
}


static int open_tmp (rnli_Atomic *a) {
  size_t n = strlen(a->name) + 40;
  char *tmp = rnli_get(a->ctx, n);
  if (!tmp) {
    rnli_atomic_drop(a);
    return rnli_nomem(a->ctx, "a file name", n);
  }
  snprintf(tmp, n, ".%s.tmp.%ld", a->name, thread_number());
  unlinkat(a->folder, tmp, 0);   /* left by an earlier process of this number */
  a->fd = openat(a->folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                 0666);
  int code = errno;
  if (a->fd >= 0) a->tmp = tmp;
  else rnli_put(a->ctx, tmp);
  errno = code;
  return a->fd < 0 ? give_up(a, "cannot be written") : RNL_OK;
}


int rnli_atomic_open (rnl_Context *ctx, const char *path, rnli_Atomic *a) {
  const char *slash = strrchr(path, '/');
  *a = (rnli_Atomic){.ctx = ctx, .path = path, .folder = -1, .fd = -1};
  a->name = slash ? slash + 1 : path;
  errno = *path ? EISDIR : ENOENT;
  if (!*a->name) return give_up(a, "cannot be written");
  int status = open_folder(a);
  if (status == RNL_OK) status = check_target(a);
  return status == RNL_OK ? open_tmp(a) : status;
}

/* }====================================================================== */

int rnli_write (int fd, const void *data, size_t n) {
  const char *p = data;
  while (n > 0) {
    ssize_t done = write(fd, p, n < (1u << 30) ? n : 1u << 30);
    if (done < 0 && errno == EINTR) continue;
    if (done == 0) errno = EIO;
    if (done <= 0) return -1;
    p += done;
    n -= (size_t)done;
  }
  return 0;
}


int rnli_atomic_write (rnli_Atomic *a, const void *data, size_t n) {
  if (rnli_write(a->fd, data, n) == 0) return RNL_OK;
  return give_up(a, "cannot be written");
}


int rnli_atomic_commit (rnli_Atomic *a) {
  if (fsync(a->fd) != 0) return give_up(a, "cannot be synced");
  int fd = a->fd;
  a->fd = -1;
  if (close(fd) != 0 && errno != EINTR) return give_up(a, "cannot be closed");
  if (renameat(a->folder, a->tmp, a->folder, a->name) != 0)
    return give_up(a, "cannot be replaced");
  rnli_put(a->ctx, a->tmp);   /* that name is no more */
  a->tmp = NULL;
  /* the rename is on disk only when the folder is; some cannot be synced */
  if (fsync(a->folder) != 0 && errno != EINVAL)
    return give_up(a, "folder cannot be synced");
  rnli_atomic_drop(a);
  return RNL_OK;
}


int rnl_text_save (rnl_Context *ctx, const char *path, const char *s,
                   size_t n) {
  rnli_Atomic a;
  int status = rnli_atomic_open(ctx, path, &a);
  if (status == RNL_OK) status = rnli_atomic_write(&a, s, n);
  return status == RNL_OK ? rnli_atomic_commit(&a) : status;
}
