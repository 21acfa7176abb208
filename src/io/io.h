/*
** io.h - files that are replaced as a whole, and what reading and writing
** checkpoints share.
*/
#ifndef RNLI_IO_H
#define RNLI_IO_H

#include "core/core.h"

/* {== Messages =========================================================== */

/* RNL_EIO with "path: what: reason of errno". */
int rnli_system_error (rnl_Context *ctx, const char *path, const char *what);

/* A name or path fit for a message. */
typedef struct rnli_Brief {
  char text[80];
} rnli_Brief;

/* The beginning of 's'; controls and what is not UTF-8 become '?'. */
rnli_Brief rnli_brief (const char *s);

/* }====================================================================== */

/* {== Files replaced as a whole ========================================== */

/* A file being written beside the one it will replace. */
typedef struct rnli_Atomic {
  rnl_Context *ctx;
  const char *path;
  const char *name;   /* the last part of 'path' */
  char *tmp;          /* ".NAME.tmp.PID", in the same folder */
  int folder;
  int fd;
} rnli_Atomic;

/*
** Open, write, commit: 'path' holds the old bytes until commit has put the
** whole new file, synced, in its place. After any failure nothing is left
** behind, and the rest must not be called. Only regular files are replaced;
** a symbolic link to one is replaced itself. PID is the number of the thread,
** that of the process in its first one: two threads never share a file.
*/
int rnli_atomic_open (rnl_Context *ctx, const char *path, rnli_Atomic *a);
int rnli_atomic_write (rnli_Atomic *a, const void *data, size_t n);
int rnli_atomic_commit (rnli_Atomic *a);

/* Gives up: 'path' stays as it is. */
void rnli_atomic_drop (rnli_Atomic *a);

/* Writes all of 'data'; returns 0, or -1 with the reason in errno. */
int rnli_write (int fd, const void *data, size_t n);

/* }====================================================================== */

/* {== Checkpoints ======================================================== */

enum {
  RNLI_MAX_TENSORS = 65536,
  RNLI_MAX_METAS = 65536,       /* keys in the metadata */
  RNLI_MAX_NAME = 512,
  RNLI_MAX_META = 16 << 20,     /* bytes of all keys and values */
  RNLI_MAX_HEADER = 100000000
};

#define RNLI_MAX_FILE ((uint64_t)16 << 30)
#define RNLI_META_KEY "__metadata__"
#define RNLI_DIGEST_KEY "rnnlua.digest"

/* Is 's' a name a tensor may have: 1..512 bytes of UTF-8, no controls? */
int rnli_name_ok (const char *s);

/*
** Checksum of the tensors in the order of their data. For each, the 8-byte
** words of its data (the last filled with zeros), then its extents, then their
** number go through rnli_mix, from RNLI_DIGEST_START. Names and metadata are
** left out: other programs may edit those. 'n' bytes of data come in one piece,
** or in several: all but the last whole words, through rnli_digest_words.
*/
enum { RNLI_DIGEST_START = 0x5eed };
uint64_t rnli_digest (uint64_t d, const void *p, size_t n, int ndim,
                      const int *dim);
uint64_t rnli_digest_words (uint64_t d, const void *p, size_t n);
void rnli_digest_text (uint64_t d, char text[17]);

/* }====================================================================== */

#endif
