/*
** io.h - files that are replaced as a whole, and what reading and writing
** checkpoints share.
*/
#ifndef RNLI_IO_H
#define RNLI_IO_H

#include "core/core.h"

/* A file being written beside the one it will replace. */
typedef struct rnli_Atomic {
  rnl_Context *ctx;
  const char *path;
  char *tmp;        /* ".NAME.tmp.PID" in the folder of 'path' */
  char *folder;
  int fd;
} rnli_Atomic;

/* RNL_EIO with "path: what: reason of errno". */
int rnli_system_error (rnl_Context *ctx, const char *path, const char *what);

/*
** Open, write, commit: 'path' holds the old bytes until commit has put the
** whole new file, synced, in its place. After any failure, and after abort,
** nothing is left behind.
*/
int rnli_atomic_open (rnl_Context *ctx, const char *path, rnli_Atomic *a);
int rnli_atomic_write (rnli_Atomic *a, const void *data, size_t n);
int rnli_atomic_commit (rnli_Atomic *a);
void rnli_atomic_abort (rnli_Atomic *a);

enum {
  RNLI_MAX_TENSORS = 65536,
  RNLI_MAX_NAME = 512,
  RNLI_MAX_META = 1 << 20,      /* bytes of all keys and values */
  RNLI_MAX_HEADER = 100000000
};

#define RNLI_DIGEST_KEY "rnnlua.digest"

/* Is 's' a name a tensor may have: 1..512 bytes of UTF-8, no controls? */
int rnli_name_ok (const char *s);

/*
** Checksum of the data: d' = rotate((d xor w) * odd) over the 8-byte words of
** each tensor in turn, the last filled with zeros, then over its length. Every
** step is one to one in both arguments, so a single changed word always shows.
*/
enum { RNLI_DIGEST_START = 0x5eed };
uint64_t rnli_digest (uint64_t d, const void *data, size_t n);
void rnli_digest_text (uint64_t d, char text[17]);

#endif
