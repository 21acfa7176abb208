/*
** header.h - model files as they are read: a source is the file or the memory
** that holds one. Its header is checked when it is opened; tensors are read one
** by one, in any order. For the engine and for inference alone.
*/
#ifndef RNLI_HEADER_H
#define RNLI_HEADER_H

#include "io/json.h"

/* How the numbers of a tensor are stored, and what they are read as. */
typedef struct rnli_Type {
  const char *code;            /* in the header */
  rnl_Dtype dtype;             /* ours */
  int size;                    /* bytes of a number in the file */
  int (*convert) (const char *raw, size_t n, void *to);   /* NULL: the same */
} rnli_Type;

typedef struct rnli_Stored {
  const char *name;
  const rnli_Type *type;
  int ndim;
  int dim[RNL_MAX_DIMS];
  size_t count;                /* of its numbers */
  uint64_t begin, end;         /* its bytes, in the data */
} rnli_Stored;

typedef struct rnli_Source {
  rnl_Context *ctx;
  const char *name;            /* path or other name, for messages */
  int fd;                      /* -1: none, */
  const unsigned char *memory; /* the bytes are here */
  uint64_t size;               /* bytes of all */
  uint64_t data;               /* where those of tensors begin */
  rnli_Json *header;           /* has names and metadata */
  rnli_Stored *stored;         /* n of them, in the order of their data */
  const rnli_Stored **sorted;  /* the same, by name */
  int n;
  rnl_Meta *meta;              /* nmeta of them, by key */
  int nmeta;
  char *piece;                 /* room for numbers on their way */
} rnli_Source;

/*
** Opens the file at 'path' of at most 'most' bytes (0: RNLI_MAX_FILE), or what
** lies in memory. Path, data and name are borrowed until rnli_source_shut.
** RNL_EIO; RNL_EFORMAT for what is no sound file, with the name and the reason;
** RNL_ENOMEM. Memory: 64 KiB and at most 14 times the header's size, of which
** only 3 grow with it beyond 48 MiB.
*/
int rnli_source_open (rnl_Context *ctx, const char *path, uint64_t most,
                      rnli_Source **out);
int rnli_source_memory (rnl_Context *ctx, const void *data, size_t n,
                        const char *name, rnli_Source **out);
void rnli_source_close (rnli_Source *s);   /* NULL is fine */

/* Lets go of file or memory; names, shapes and metadata stay. */
void rnli_source_shut (rnli_Source *s);

/* The tensor of that name, or NULL; likewise the value of metadata. */
const rnli_Stored *rnli_source_find (const rnli_Source *s, const char *name);
const char *rnli_source_meta (const rnli_Source *s, const char *key);

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

/* The type with that code, or NULL. */
const rnli_Type *rnli_type_find (const char *code);

/* }====================================================================== */

#endif
