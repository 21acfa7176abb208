/*
** tokens.c - sequences of ids: in memory, in a token file, or as a text whose
** every byte is an id; and what writes them.
**
** A token file is: MAGIC (8 bytes), the ids, a Trailer of 256 bytes that says
** what they are. The end is written last and the file renamed into place when
** it is whole, so a file without a sound end is not used. Numbers are the
** machine's own: to a machine of the other byte order MAGIC is another number.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/io.h"

static const uint64_t MAGIC = 0x0a316b6f746c6e72u;   /* "rnltok1\n" */

enum {
  NBYTE = 256,
  KEY = 232,
  LEAST = 4096,             /* bytes that a writer has at least */
  WRITE_BUFFER = 1 << 20,   /* and once ids do not fit into memory */
  HEAD = sizeof MAGIC
};

typedef struct Trailer {
  uint64_t magic;
  int64_t count;
  int32_t vocab, width;
  char key[KEY];            /* filled with NULs */
} Trailer;

struct rnl_Tokens {
  rnl_Context *ctx;
  int refs;
  rnl_TokenPlace place;
  int vocab, width;
  int64_t count;
  char *data;               /* the ids, in memory; else the last that were */
  size_t room;              /* read, in so many bytes */
  int fd;
  int64_t offset;           /* of the first id in the file */
  struct stat was;          /* the file when it was opened */
  int32_t table[NBYTE];     /* id of a byte of a text, or -1 */
  char *path;               /* for messages */
};


static int width_of (int vocab) {
  return vocab <= 1 << 8 ? 1 : vocab <= 1 << 16 ? 2 : 4;
}

/* {== Life =============================================================== */

static char *copy_text (rnl_Context *ctx, const char *s) {
  size_t n = strlen(s) + 1;
  char *copy = rnli_get(ctx, n);
  if (copy) memcpy(copy, s, n);
  return copy;
}


static int tokens_new (rnl_Context *ctx, const char *path, int vocab,
                       rnl_Tokens **out) {
  rnl_Tokens *t = rnli_get(ctx, sizeof *t);
  *out = NULL;
  if (!t) return rnli_nomem(ctx, "tokens", sizeof *t);
  memset(t, 0, sizeof *t);
  t->path = copy_text(ctx, path);
  if (!t->path) {
    rnli_put(ctx, t);
    return rnli_nomem(ctx, "tokens", strlen(path));
  }
  t->ctx = ctx;
  t->refs = 1;
  t->vocab = vocab;
  t->width = width_of(vocab);
  t->fd = -1;
  rnl_context_retain(ctx);
  *out = t;
  return RNL_OK;
}


void rnl_tokens_retain (rnl_Tokens *t) {
  t->refs++;
}


void rnl_tokens_release (rnl_Tokens *t) {
  if (!t || --t->refs > 0) return;
  rnl_Context *ctx = t->ctx;
  if (t->fd >= 0) close(t->fd);
  rnli_put(ctx, t->data);
  rnli_put(ctx, t->path);
  rnli_put(ctx, t);
  rnl_context_release(ctx);
}


int64_t rnl_tokens_count (const rnl_Tokens *t) {
  return t->count;
}


int rnl_tokens_width (const rnl_Tokens *t) {
  return t->width;
}


rnl_TokenPlace rnl_tokens_place (const rnl_Tokens *t) {
  return t->place;
}

/* }====================================================================== */

/* {== Reading ============================================================ */

/* Has the file not been written to since it was opened? */
static int check_same (rnl_Tokens *t) {
  struct stat now;
  if (fstat(t->fd, &now) != 0)
    return rnli_system_error(t->ctx, t->path, "cannot be read");
  if (now.st_size == t->was.st_size &&
      now.st_mtim.tv_sec == t->was.st_mtim.tv_sec &&
      now.st_mtim.tv_nsec == t->was.st_mtim.tv_nsec)
    return RNL_OK;
  return rnli_error(t->ctx, RNL_EFORMAT, "%.300s: was changed while it was in "
                    "use (%lld bytes, now %lld)", t->path,
                    (long long)t->was.st_size, (long long)now.st_size);
}


static int read_at (rnl_Tokens *t, char *to, size_t n, int64_t at) {
  while (n > 0) {
    ssize_t got = pread(t->fd, to, n, (off_t)at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return rnli_system_error(t->ctx, t->path, "cannot be read");
    if (got == 0) break;
    to += got;
    n -= (size_t)got;
    at += got;
  }
  int status = check_same(t);
  if (status == RNL_OK && n > 0)
    status = rnli_error(t->ctx, RNL_EFORMAT, "%.300s: ends at byte %lld, %zu "
                        "bytes too early", t->path, (long long)at, n);
  return status;
}


/* Points '*p' at n ids from 'first' on, as they are kept. */
static int fetch (rnl_Tokens *t, int64_t first, size_t n, const char **p) {
  size_t width = (size_t)t->width, bytes = rnli_mul(n, width);
  if (t->place == RNL_IN_MEMORY) {
    *p = t->data + (size_t)first * width;
    return RNL_OK;
  }
  if (bytes > t->room) {
    char *data = rnli_get(t->ctx, bytes);
    if (!data) return rnli_nomem(t->ctx, "tokens", bytes);
    rnli_put(t->ctx, t->data);
    t->data = data;
    t->room = bytes;
  }
  *p = t->data;
  return read_at(t, t->data, bytes, t->offset + first * t->width);
}


static inline int32_t id_at (const rnl_Tokens *t, const char *p, int64_t i) {
  const unsigned char *byte = (const unsigned char *)p;
  uint16_t two;
  int32_t four;
  switch (t->width) {
    case 1: return t->place == RNL_IN_TEXT ? t->table[byte[i]] : byte[i];
    case 2: memcpy(&two, p + 2 * i, 2); return two;
    default: memcpy(&four, p + 4 * i, 4); return four;
  }
}


/* An id that nobody has written: what it is, and where. */
static int bad_id (rnl_Tokens *t, const char *p, int64_t first, int64_t n) {
  int64_t i = 0;
  int base = t->ctx->base;
  while (i < n - 1 && (uint32_t)id_at(t, p, i) < (uint32_t)t->vocab) i++;
  if (t->place == RNL_IN_TEXT)
    return rnli_error(t->ctx, RNL_EFORMAT, "%.300s: byte %lld is 0x%02X, which "
                      "was not in the text when it was scanned", t->path,
                      (long long)(t->offset + first + i + base),
                      (unsigned)(unsigned char)p[i]);
  return rnli_error(t->ctx, RNL_EFORMAT, "%.300s: is damaged: id %lld at "
                    "position %lld is not in %d..%d; remove it", t->path,
                    (long long)id_at(t, p, i) + base,
                    (long long)(first + i + base), base, t->vocab - 1 + base);
}


static int check_range (rnl_Tokens *t, int64_t first, int64_t n) {
  if (first >= 0 && n >= 0 && first <= t->count && n <= t->count - first)
    return RNL_OK;
  return rnli_error(t->ctx, RNL_ESHAPE, "tokens: %lld from position %lld on "
                    "are wanted, there are %lld", (long long)n,
                    (long long)first + t->ctx->base, (long long)t->count);
}


int rnl_tokens_window (rnl_Tokens *t, int64_t first, int64_t steps,
                       int32_t *x, int32_t *y, int64_t stride) {
  const char *p;
  int bad = 0;
  int64_t n = steps >= 0 && steps < INT64_MAX ? steps + (y != NULL) : -1;
  int status = check_range(t, first, n);
  if (status == RNL_OK) status = fetch(t, first, (size_t)n, &p);
  if (status != RNL_OK) return status;
  for (int64_t i = 0; i < n; i++) {
    int32_t id = id_at(t, p, i);
    bad |= (uint32_t)id >= (uint32_t)t->vocab;
    if (i < steps) x[i * stride] = id;
    if (y && i > 0) y[(i - 1) * stride] = id;
  }
  return bad ? bad_id(t, p, first, n) : RNL_OK;
}


int rnl_tokens_bytes (rnl_Tokens *t, int64_t first, size_t n, char *out) {
  const char *p;
  if (t->vocab != NBYTE || t->place == RNL_IN_TEXT)
    return rnli_error(t->ctx, RNL_EARG, "tokens: these are not bytes");
  int status = check_range(t, first, n <= INT64_MAX ? (int64_t)n : -1);
  if (status == RNL_OK) status = fetch(t, first, n, &p);
  if (status == RNL_OK && n) memcpy(out, p, n);
  return status;
}

/* }====================================================================== */

/* {== Opening ============================================================ */

/*
** Opens the file and notes how it is; RNL_EIO if it is no regular file. It does
** not wait for who may write into a pipe.
*/
static int open_file (rnl_Tokens *t) {
  t->fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (t->fd < 0 || fstat(t->fd, &t->was) != 0)
    return rnli_system_error(t->ctx, t->path, "cannot be opened");
  if (S_ISREG(t->was.st_mode)) return RNL_OK;
  return rnli_error(t->ctx, RNL_EIO, "%.300s: is no regular file", t->path);
}


int rnl_tokens_text (rnl_Context *ctx, const char *path, int64_t offset,
                     const rnl_Vocab *v, int vocab, rnl_Tokens **out) {
  rnl_Tokens *t;
  *out = NULL;
  int status = tokens_new(ctx, path, vocab, &t);
  if (status != RNL_OK) return status;
  status = open_file(t);
  t->place = RNL_IN_TEXT;
  t->width = 1;
  t->offset = offset;
  t->count = (int64_t)t->was.st_size - offset;
  for (int b = 0; b < NBYTE; b++)
    t->table[b] = rnl_vocab_byte(v, (unsigned char)b);
  if (status == RNL_OK && (offset < 0 || t->count < 0))
    status = rnli_error(ctx, RNL_EFORMAT, "%.300s: has no byte %lld", path,
                        (long long)offset + ctx->base);
  if (status != RNL_OK) rnl_tokens_release(t);
  else *out = t;
  return status;
}


static void fill_trailer (Trailer *end, int64_t count, int vocab,
                          const char *key) {
  memset(end, 0, sizeof *end);
  end->magic = MAGIC;
  end->count = count;
  end->vocab = vocab;
  end->width = width_of(vocab);
  memcpy(end->key, key, strlen(key));
}


/* Is the open file a whole one of this key? Sets 'count'. */
static int check_file (rnl_Tokens *t, const char *key, int *sound) {
  uint64_t magic = 0;
  Trailer end, want;
  int64_t size = (int64_t)t->was.st_size;
  int64_t ids = size - HEAD - (int64_t)sizeof end;
  *sound = 0;
  if (size == 0) return RNL_OK;
  int status = size >= HEAD ? read_at(t, (char *)&magic, HEAD, 0) : RNL_OK;
  if (status == RNL_OK && magic != MAGIC)
    status = rnli_error(t->ctx, RNL_EFORMAT, "%.300s: is no token file and is "
                        "not written over", t->path);
  if (status != RNL_OK || ids < 0) return status;
  status = read_at(t, (char *)&end, sizeof end, HEAD + ids);
  fill_trailer(&want, ids / t->width, t->vocab, key);
  *sound = status == RNL_OK && ids % t->width == 0 &&
           memcmp(&end, &want, sizeof end) == 0;
  t->count = want.count;
  return status;
}


static int check_key (rnl_Context *ctx, const char *key) {
  if (strlen(key) <= 200) return RNL_OK;
  return rnli_error(ctx, RNL_EARG, "tokens: the key has %zu bytes, more than "
                    "200", strlen(key));
}


int rnl_tokens_open (rnl_Context *ctx, const char *path, int vocab,
                     const char *key, rnl_Tokens **out) {
  rnl_Tokens *t;
  struct stat st;
  int sound = 0;
  *out = NULL;
  int status = check_key(ctx, key);
  if (status == RNL_OK && stat(path, &st) != 0 && errno == ENOENT)
    return RNL_OK;
  if (status == RNL_OK) status = tokens_new(ctx, path, vocab, &t);
  if (status != RNL_OK) return status;
  t->place = RNL_IN_FILE;
  t->offset = HEAD;
  status = open_file(t);
  if (status == RNL_OK) status = check_file(t, key, &sound);
  if (sound) *out = t;
  else rnl_tokens_release(t);
  return status;
}

/* }====================================================================== */

/* {== Writing ============================================================ */

struct rnl_TokenWriter {
  rnl_Context *ctx;
  int vocab, width;
  int64_t count;
  char *data;               /* ids not yet written: all, while in memory */
  size_t used, size, limit; /* bytes of it: filled, there, at most */
  char *path, *folder, *key;
  rnli_Atomic file;         /* open when 'path' is being written */
  int fd;                   /* of what is being written, or -1 */
  int failed;
};


void rnl_writer_free (rnl_TokenWriter *w) {
  if (!w) return;
  rnl_Context *ctx = w->ctx;
  if (w->path && w->fd >= 0) rnli_atomic_drop(&w->file);
  else if (w->fd >= 0) close(w->fd);
  rnli_put(ctx, w->data);
  rnli_put(ctx, w->path);
  rnli_put(ctx, w->folder);
  rnli_put(ctx, w->key);
  rnli_put(ctx, w);
  rnl_context_release(ctx);
}


/* Makes 'data' hold 'size' bytes, no fewer than are used. */
static int resize (rnl_TokenWriter *w, size_t size) {
  char *data = rnli_get(w->ctx, size);
  if (!data) return rnli_nomem(w->ctx, "tokens", size);
  if (w->used) memcpy(data, w->data, w->used);
  rnli_put(w->ctx, w->data);
  rnl_trim(w->ctx);   /* a block of that size is not wanted again */
  w->data = data;
  w->size = size;
  return RNL_OK;
}


static int writer_start (rnl_TokenWriter *w, const rnl_TokenPlan *plan) {
  size_t width = (size_t)w->width;
  size_t size = plan->expected < SIZE_MAX / 8
                ? ((size_t)plan->expected + 1) * width : SIZE_MAX;
  w->limit = plan->memory / width * width;
  if (w->limit < LEAST) w->limit = LEAST;
  w->folder = copy_text(w->ctx, plan->folder);
  w->key = copy_text(w->ctx, plan->key ? plan->key : "");
  if (plan->path) w->path = copy_text(w->ctx, plan->path);
  if (!w->folder || !w->key || (plan->path && !w->path))
    return rnli_nomem(w->ctx, "tokens", sizeof *w);
  if (size < LEAST) size = LEAST;
  return resize(w, size < w->limit ? size : w->limit);
}


int rnl_writer_new (rnl_Context *ctx, const rnl_TokenPlan *plan,
                    rnl_TokenWriter **out) {
  *out = NULL;
  int status = check_key(ctx, plan->key ? plan->key : "");
  if (status == RNL_OK && plan->vocab < 1)
    status = rnli_error(ctx, RNL_EARG, "tokens: a vocabulary of %d",
                        plan->vocab);
  if (status != RNL_OK) return status;
  rnl_TokenWriter *w = rnli_get(ctx, sizeof *w);
  if (!w) return rnli_nomem(ctx, "tokens", sizeof *w);
  memset(w, 0, sizeof *w);
  w->ctx = ctx;
  w->vocab = plan->vocab;
  w->width = width_of(plan->vocab);
  w->fd = -1;
  rnl_context_retain(ctx);
  status = writer_start(w, plan);
  if (status != RNL_OK) rnl_writer_free(w);
  else *out = w;
  return status;
}


/* Opens a file in 'folder' that has no name and goes when it is closed. */
static int open_unnamed (rnl_TokenWriter *w) {
  static const char name[] = "/rnnlua.XXXXXX";
  size_t n = strlen(w->folder);
  char *path = rnli_get(w->ctx, n + sizeof name);
  if (!path) return rnli_nomem(w->ctx, "a file name", n + sizeof name);
  memcpy(path, w->folder, n);
  memcpy(path + n, name, sizeof name);
  w->fd = mkstemp(path);
  int status = RNL_OK;
  if (w->fd < 0 || fcntl(w->fd, F_SETFD, FD_CLOEXEC) != 0 ||
      unlink(path) != 0)
    status = rnli_system_error(w->ctx, w->folder,
                               "a temporary file cannot be made");
  rnli_put(w->ctx, path);
  return status;
}


static int put (rnl_TokenWriter *w, const void *p, size_t n) {
  if (w->path) {
    int status = rnli_atomic_write(&w->file, p, n);
    if (status != RNL_OK) w->fd = -1;   /* closed by the failure */
    return status;
  }
  if (rnli_write(w->fd, p, n) == 0) return RNL_OK;
  return rnli_system_error(w->ctx, w->folder,
                           "a temporary file cannot be written");
}


/* Begins the file: from now on 'data' is a buffer. */
static int open_out (rnl_TokenWriter *w) {
  int status = w->path ? rnli_atomic_open(w->ctx, w->path, &w->file)
                       : open_unnamed(w);
  if (status != RNL_OK) return status;
  if (w->path) w->fd = w->file.fd;
  return put(w, &MAGIC, HEAD);
}


/* Writes the buffer out; the first time it held all there was. */
static int flush (rnl_TokenWriter *w) {
  int first = w->fd < 0;
  int status = first ? open_out(w) : RNL_OK;
  if (status == RNL_OK) status = put(w, w->data, w->used);
  if (status != RNL_OK) return status;
  w->used = 0;
  return first ? resize(w, WRITE_BUFFER) : RNL_OK;
}


/* Sees that there is room for one id at least. */
static int make_room (rnl_TokenWriter *w) {
  if (w->used < w->size) return RNL_OK;
  if (w->fd >= 0 || w->size >= w->limit) return flush(w);
  return resize(w, w->size < w->limit / 2 ? 2 * w->size : w->limit);
}


/* Narrows n ids; returns whether one is out of range. */
static int narrow (const rnl_TokenWriter *w, const int32_t *id, size_t n) {
  char *to = w->data + w->used;
  uint32_t vocab = (uint32_t)w->vocab;
  int bad = 0;
  for (size_t i = 0; i < n; i++) bad |= (uint32_t)id[i] >= vocab;
  switch (w->width) {
    case 1:
      for (size_t i = 0; i < n; i++) to[i] = (char)id[i];
      break;
    case 2:
      for (size_t i = 0; i < n; i++) {
        uint16_t two = (uint16_t)id[i];
        memcpy(to + 2 * i, &two, 2);
      }
      break;
    default:
      memcpy(to, id, n * sizeof *id);
  }
  return bad;
}


static int writer_fail (rnl_TokenWriter *w, int status) {
  w->failed = status != RNL_OK;
  return status;
}


static int check_writer (rnl_TokenWriter *w) {
  if (!w->failed) return RNL_OK;
  return rnli_error(w->ctx, RNL_ESTATE, "tokens: writing them has failed");
}


static int bad_append (rnl_TokenWriter *w, const int32_t *id, size_t n) {
  size_t i = 0;
  int base = w->ctx->base;
  while (i < n - 1 && (uint32_t)id[i] < (uint32_t)w->vocab) i++;
  return rnli_error(w->ctx, RNL_EARG, "tokens: id %lld is not in %d..%d",
                    (long long)id[i] + base, base, w->vocab - 1 + base);
}


int rnl_writer_append (rnl_TokenWriter *w, const int32_t *id, size_t n) {
  int status = check_writer(w);
  while (status == RNL_OK && n > 0) {
    status = make_room(w);
    if (status != RNL_OK) break;
    size_t k = (w->size - w->used) / (size_t)w->width;
    if (k > n) k = n;
    if (narrow(w, id, k)) {
      status = bad_append(w, id, k);
      break;
    }
    w->used += k * (size_t)w->width;
    w->count += (int64_t)k;
    id += k;
    n -= k;
  }
  return writer_fail(w, status);
}


int rnl_writer_bytes (rnl_TokenWriter *w, const char *s, size_t n) {
  int status = check_writer(w);
  if (status == RNL_OK && w->vocab != NBYTE)
    return rnli_error(w->ctx, RNL_EARG, "tokens: bytes need a vocabulary of "
                      "256, not %d", w->vocab);
  while (status == RNL_OK && n > 0) {
    status = make_room(w);
    if (status != RNL_OK) break;
    size_t k = w->size - w->used < n ? w->size - w->used : n;
    memcpy(w->data + w->used, s, k);
    w->used += k;
    w->count += (int64_t)k;
    s += k;
    n -= k;
  }
  return writer_fail(w, status);
}


/* Ends the file and hands it to 't'. */
static int finish_file (rnl_TokenWriter *w, rnl_Tokens *t) {
  Trailer end;
  fill_trailer(&end, w->count, w->vocab, w->key);
  int status = flush(w);
  if (status == RNL_OK) status = put(w, &end, sizeof end);
  if (status != RNL_OK) return status;
  t->place = RNL_IN_FILE;
  t->offset = HEAD;
  if (!w->path) {
    t->fd = w->fd;
    w->fd = -1;
    if (fstat(t->fd, &t->was) == 0) return RNL_OK;
    return rnli_system_error(w->ctx, t->path, "cannot be read");
  }
  w->fd = -1;
  status = rnli_atomic_commit(&w->file);
  return status == RNL_OK ? open_file(t) : status;
}


int rnl_writer_finish (rnl_TokenWriter *w, rnl_Tokens **out) {
  rnl_Tokens *t = NULL;
  *out = NULL;
  int status = check_writer(w);
  if (status == RNL_OK)
    status = tokens_new(w->ctx, w->path ? w->path : w->folder, w->vocab, &t);
  if (status == RNL_OK && w->fd >= 0) {
    status = finish_file(w, t);
  } else if (status == RNL_OK) {
    t->data = w->data;
    w->data = NULL;
  }
  if (t) t->count = w->count;
  rnl_writer_free(w);
  if (status != RNL_OK) rnl_tokens_release(t);
  else *out = t;
  return status;
}

/* }====================================================================== */
