/*
** header.h - model files as they are read: a source is the file or the memory
** that holds one. Its header is checked when it is opened; tensors are read one
** by one, in any order. For the engine and for inference alone.
*/
#ifndef RNLI_HEADER_H
#define RNLI_HEADER_H

#include <string.h>

#include "io/json.h"

/* How the numbers of a tensor are stored, and what they are read as. */
typedef struct rnli_Type {
  const char *code;            /* in the header */
  rnl_Dtype dtype;             /* ours */
  int size;                    /* bytes of a number in the file */
  int (*convert) (const char *raw, size_t n, void *to);   /* NULL: the same */
} rnli_Type;

/* What the header says of a tensor. */
typedef struct rnli_Stored {
  const char *name;
  const rnli_Type *type;
  int ndim;
  int dim[RNL_MAX_DIMS];
  size_t count;                /* of its numbers */
  uint64_t begin, end;         /* its bytes, in the data */
} rnli_Stored;

/* Where it says that: in the header's text. */
typedef struct rnli_Place {
  uint64_t begin, end;
  uint32_t name, value;
} rnli_Place;

typedef struct rnli_Source {
  rnl_Context *ctx;
  const char *name;            /* path or other name, for messages */
  int fd;                      /* -1: none, */
  const unsigned char *memory; /* the bytes are here */
  uint64_t size;               /* bytes of all */
  uint64_t data;               /* where those of tensors begin */
  char *header;                /* its text; keys and metadata end in a NUL */
  rnli_Place *place;           /* (n), and two orders of them: */
  uint32_t *by_data, *by_name;
  int n;
  uint32_t *meta;              /* (nmeta), by key: where it is in the text; its
                                  value is behind its NUL */
  int nmeta;
  char *piece;                 /* room for numbers on their way */
} rnli_Source;

/*
** Opens the file at 'path' of at most 'most' bytes (0: RNLI_MAX_FILE), or what
** lies in memory. Path, data and name are borrowed until rnli_source_shut.
** RNL_EIO; RNL_EFORMAT for what is no sound file, with the name and the reason;
** RNL_ENOMEM. Memory: 192 KiB, and twice the header's size at most: its text,
** 32 bytes for a tensor, which has 51 of the header at least, 4 for a key of
** the metadata, which has 6, and, unless the context is exact, up to a quarter
** of all that (rnli_get).
*/
int rnli_source_open (rnl_Context *ctx, const char *path, uint64_t most,
                      rnli_Source **out);
int rnli_source_memory (rnl_Context *ctx, const void *data, size_t n,
                        const char *name, rnli_Source **out);
void rnli_source_close (rnli_Source *s);   /* NULL is fine */

/* Lets go of file or memory; names, shapes and metadata stay. */
void rnli_source_shut (rnli_Source *s);

/*
** Tensor i, in the order of their data, or the one of a name, which goes to
** '*out'; 0: there is none.
*/
const char *rnli_source_name (const rnli_Source *s, int i);
void rnli_source_at (const rnli_Source *s, int i, rnli_Stored *out);
int rnli_source_find (const rnli_Source *s, const char *name,
                      rnli_Stored *out);

/* Key i of the metadata, by bytes; the value of a key, NULL: there is none. */
const char *rnli_source_key (const rnli_Source *s, int i);
const char *rnli_source_meta (const rnli_Source *s, const char *key);

/* The same of n keys, each so far behind 'text', its value behind its NUL. */
const char *rnli_meta_value (const char *text, const uint32_t *meta, int n,
                             const char *key);

/* The value of a key that rnli_source_key gave. */
static inline const char *rnli_source_value (const char *key) {
  return key + strlen(key) + 1;
}

/*
** Reads the numbers of a tensor as its type's dtype: F16 and BF16 as float32,
** I64 and U8 as int32, where an I64 must fit. 'to' NULL: they are let go. Those
** of all tensors in their order make the digest '*d', RNLI_DIGEST_START at
** first.
*/
int rnli_source_read (rnli_Source *s, const rnli_Stored *t, void *to,
                      uint64_t *d);

/*
** Reads 'count' numbers of a tensor of floats, from 'from' on, as float32.
** RNL_EFORMAT, naming it, if it is one of integers, or one is not finite.
*/
int rnli_source_floats (rnli_Source *s, const rnli_Stored *t, size_t from,
                        size_t count, float *to);

/*
** RNL_EFORMAT unless 'd' is the digest that the metadata may have. Only our own
** files do: a program that changes the tensors must drop it.
*/
int rnli_source_compare (const rnli_Source *s, uint64_t d);

/* Reads all data and compares its digest, where there is one. */
int rnli_source_check (rnli_Source *s);

/* {== Between the files of the reader ==================================== */

/* RNL_EFORMAT with "name: text". */
int rnli_source_refuse (const rnli_Source *s, const char *fmt, ...)
    RNLI_PRINTF(2, 3);

/* Gets 'n' bytes from byte 'at' of the file on. */
int rnli_source_bytes (rnli_Source *s, uint64_t at, void *to, size_t n);

/* Reads and checks the header: what the two that open do last. */
int rnli_source_header (rnli_Source *s);

/* The type whose code is that string, or NULL. */
const rnli_Type *rnli_type_find (const rnli_Json *code);

/* }====================================================================== */

#endif
