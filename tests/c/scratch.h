/*
** scratch.h - what the tests of checkpoints share: a context, a folder that is
** removed at the end, whole files, and a load that checks how it fails.
*/
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "rnl.h"

static rnl_Context *ctx;
static char folder[64];


/* Makes both; 0 if that fails. */
static inline int scratch_begin (void) {
  const char *tmp = getenv("TMPDIR");
  snprintf(folder, sizeof folder, "%.40s/rnnlua-test-XXXXXX",
           tmp && *tmp ? tmp : "/tmp");
  if (rnl_context_new(NULL, NULL, &ctx) == RNL_OK && mkdtemp(folder)) return 1;
  perror(folder);
  return 0;
}


/* Removes the folder, which must be empty, and the context. */
static inline int scratch_end (const char *name) {
  CHECK_MSG(rmdir(folder) == 0, "%s is not empty", folder);
  rnl_context_release(ctx);
  return harness_end(name);
}

typedef struct Bytes {
  unsigned char *p;
  size_t n;
} Bytes;


/* "folder/name"; good until the eighth call from now. */
static inline const char *at (const char *name) {
  static char path[8][192];
  static int turn;
  turn = (turn + 1) % 8;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}


static inline void spill (const char *path, const void *p, size_t n) {
  FILE *f = fopen(path, "wb");
  if (!f || fwrite(p, 1, n, f) != n) perror(path);
  if (f) fclose(f);
}


static inline Bytes slurp (const char *path) {
  Bytes b = {NULL, 0};
  FILE *f = fopen(path, "rb");
  if (!f) return b;
  fseek(f, 0, SEEK_END);
  b.n = (size_t)ftell(f);
  rewind(f);
  b.p = malloc(b.n + 1);
  if (!b.p || fread(b.p, 1, b.n, f) != b.n) perror(path);
  fclose(f);
  return b;
}


/* Compares a file with bytes. */
static inline int file_is (const char *path, const Bytes *want) {
  Bytes got = slurp(path);
  int same = got.p && got.n == want->n && memcmp(got.p, want->p, got.n) == 0;
  free(got.p);
  return same;
}


/* Entries of the folder: temporary files that stay would show. */
static inline int entries (void) {
  int n = 0;
  DIR *d = opendir(folder);
  while (d && readdir(d)) n++;
  if (d) closedir(d);
  return n;
}


static inline size_t live (void) {
  rnl_Memory m;
  rnl_memory(ctx, &m);
  return m.live;
}


/*
** Loads; an error must come with RNL_EFORMAT and a text that begins with the
** path. Returns the status.
*/
static inline int load (const char *path, rnl_File **f) {
  size_t before = live();
  *f = NULL;
  int status = rnl_file_load(ctx, path, f);
  if (status == RNL_OK) return status;
  const char *text = rnl_errmsg(ctx);
  CHECK_MSG(*f == NULL && live() == before, "%s", text);
  CHECK_MSG(status != RNL_EFORMAT || (strncmp(text, path, strlen(path)) == 0 &&
            strlen(text) > strlen(path) + 8), "%s", text);
  return status;
}


/*
** Loads these bytes from a file and from memory, which is gone when the files
** are compared: both ways must come to the same, texts included.
*/
static inline int load_bytes (const void *p, size_t n, rnl_File **f) {
  char text[512];
  rnl_File *other = NULL;
  void *copy = malloc(n ? n : 1);
  memcpy(copy, p, n);
  spill(at("case"), p, n);
  size_t before = live();
  int status = rnl_file_read(ctx, copy, n, &other);
  snprintf(text, sizeof text, "%s", rnl_errmsg(ctx));
  free(copy);
  CHECK(status == RNL_OK || (!other && live() == before));
  CHECK_MSG(load(at("case"), f) == status, "%s", text);
  if (status != RNL_OK)
    CHECK_MSG(strcmp(text + strlen("memory"),
                     rnl_errmsg(ctx) + strlen(at("case"))) == 0, "%s", text);
  CHECK(!*f || rnl_file_count(*f) == rnl_file_count(other));
  for (int i = 0; *f && i < rnl_file_count(*f); i++) {
    rnl_Tensor *a = rnl_file_tensor(*f, i), *b = rnl_file_tensor(other, i);
    CHECK(strcmp(rnl_file_name(*f, i), rnl_file_name(other, i)) == 0);
    CHECK(memcmp(rnl_data(a), rnl_data(b),
                 rnl_count(a) * rnl_dtype_size(rnl_dtype(a))) == 0);
  }
  rnl_file_free(other);
  unlink(at("case"));
  return status;
}

#endif
