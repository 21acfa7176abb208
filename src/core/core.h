/*
** core.h - what the files of the engine share. Not installed.
** Included by core, ops, optim, io and text; never by bind.
*/
#ifndef RNLI_CORE_H
#define RNLI_CORE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/level.h"
#include "rnl.h"

#if defined(__GNUC__)
#define RNLI_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define RNLI_PRINTF(f, a)
#endif

/*
** Loops marked so are compiled for several vector widths and chosen when the
** program starts. Products and sums are never contracted, so all widths give
** the same bits. Not for inference: not every C library can choose.
*/
#if defined(__GNUC__) && defined(__x86_64__) && !defined(RNLI_SANITIZE) && \
    !defined(RNLI_INFER)
#define RNLI_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define RNLI_WIDE
#endif

/* {== Context ============================================================ */

enum { RNLI_NCLASS = 176 };   /* size classes of recycled blocks */

typedef struct rnli_Block rnli_Block;
typedef struct rnli_Pool rnli_Pool;

struct rnl_Context {
  rnl_Alloc alloc;
  void *ud;
  int refs;                   /* the user, live tensors, handles */
  int base;                   /* of indices in messages */
  rnl_Memory mem;
  uint64_t fail_at;           /* requests until one fails; 0 = never */
  int fail_forever;
  int exact;                  /* blocks are no larger than what is asked for,
                                 and not recycled: see rnli_get */
  rnli_Block *recycled[RNLI_NCLASS];
  rnl_Tensor *headers;        /* free tensor headers */
  void *slabs;                /* where headers come from */
  uint64_t serial;            /* of the tensor made last */
  rnl_Tape *tape;             /* the open one */
  rnl_Rng rng;
  rnli_Pool *pool;            /* worker threads, once they are needed */
  int threads;
  rnli_Level level;           /* of the kernels */
  int blas_ready;             /* memory preflight done */
  rnl_OnError on_error;       /* or NULL */
  void *on_error_ud;
  char err[512];
};

/* Sets the error text and returns 'status'. */
int rnli_error (rnl_Context *ctx, int status, const char *fmt, ...)
    RNLI_PRINTF(3, 4);

/* RNL_ENOMEM with text: "not enough memory: 'what' needs 1.2 GiB". */
int rnli_nomem (rnl_Context *ctx, const char *what, size_t bytes);

/*
** Recycled blocks, aligned to 64 bytes, contents undefined. 'get' returns
** NULL, without a text, when memory is refused.
*/
void *rnli_get (rnl_Context *ctx, size_t bytes);
void rnli_put (rnl_Context *ctx, void *block);   /* NULL is fine */

/* a*b and a+b, or SIZE_MAX when that does not fit (no block is so large). */
size_t rnli_mul (size_t a, size_t b);
size_t rnli_add (size_t a, size_t b);

/*
** One word of a checksum: d' = rotate((d xor w) * odd, 29). A step is one to
** one in both arguments, so a single changed word always shows.
*/
inline uint64_t rnli_mix (uint64_t d, uint64_t w) {
  d = (d ^ w) * 0x9e3779b97f4a7c15u;
  return d << 29 | d >> 35;
}

/*
** A plan of one block: rnli_take counts bytes, and with 'at' set deals out the
** block part by part, each aligned to 64 bytes. 'bytes' may become SIZE_MAX.
*/
typedef struct rnli_Room {
  char *at;
  size_t bytes;
} rnli_Room;

static inline void *rnli_take (rnli_Room *room, size_t n, size_t size) {
  char *p = room->at ? room->at + room->bytes : NULL;
  size_t part = rnli_add(rnli_mul(n, size), 63);
  if (part != SIZE_MAX) part &= ~(size_t)63;
  room->bytes = rnli_add(room->bytes, part);
  return p;
}

/* }====================================================================== */

/* {== Threads ============================================================ */

/*
** Runs fn(arg, i) once for every i in [0, n), on the context's workers.
** Which worker runs which i is not fixed: fn(arg, i) must write only what no
** other i writes, so that the result does not depend on the thread count.
*/
void rnli_parallel (rnl_Context *ctx, int n, void (*fn) (void *, int),
                    void *arg);
void rnli_pool_free (rnl_Context *ctx);

/* Part i of [0, n), cut evenly into 'parts'. */
static inline void rnli_share (int n, int parts, int i, int *from, int *to) {
  *from = (int)((int64_t)n * i / parts);
  *to = (int)((int64_t)n * (i + 1) / parts);
}

/* memset(p, 0, bytes), shared when it is much. */
void rnli_clear (rnl_Context *ctx, void *p, size_t bytes);

/* }====================================================================== */

/* {== Tensors ============================================================ */

struct rnl_Tensor {
  rnl_Context *ctx;
  uint64_t serial;
  uint64_t version;           /* counts writes, see rnl_touch */
  int refs;
  unsigned char dtype;
  unsigned char ndim;
  unsigned char param;        /* a leaf that wants a gradient */
  unsigned char needs_grad;   /* a parameter, or depends on one */
  unsigned char taped;        /* owned by the open tape */
  unsigned char has_grad;     /* 'grad' holds a value */
  unsigned char wanted;       /* 'grad' will get one in this backward */
  int dim[RNL_MAX_DIMS];
  size_t count;
  void *data;
  void *block;                /* the memory behind 'data', or NULL: */
  rnl_Tensor *base;           /* a view of this tensor's data; or neither: */
  rnl_Done done;              /* the host's, who may want to know of the end */
  void *done_ud;
  rnl_Call *made;             /* the call on the open tape that made it */
  rnl_Tensor *grad;
  rnl_Tensor *next;           /* in a list: free headers, spare gradients */
};

/* Room for a shape as text: "(50, 65)". */
typedef struct rnli_Shape {
  char text[112];
} rnli_Shape;

rnli_Shape rnli_shape (const rnl_Tensor *t);
rnli_Shape rnli_dims (int ndim, const int *dim);

/* Product of extents, or SIZE_MAX when it overflows. */
size_t rnli_product (int ndim, const int *dim);

/* A tensor whose data is undefined; 'margin' elements lie before and after. */
int rnli_tensor_raw (rnl_Context *ctx, rnl_Dtype dtype, int ndim,
                     const int *dim, size_t margin, rnl_Tensor **out);

/* A tensor that shares the data of 'base' from element 'offset' on. */
int rnli_tensor_view (rnl_Tensor *base, size_t offset, int ndim,
                      const int *dim, rnl_Tensor **out);

/*
** Sees that 't' has a gradient buffer and marks it wanted; RNL_ENOMEM. One of
** the 'spare' buffers, linked by 'next', may serve again.
*/
int rnli_want_grad (rnl_Tensor *t, rnl_Tensor **spare);

/* The tensor whose data 't' shows: itself unless it is a view. */
static inline rnl_Tensor *rnli_root (rnl_Tensor *t) {
  return t->base ? t->base : t;
}

/* }====================================================================== */

/* {== Calls ============================================================== */

enum { RNLI_MAX_KEEP = 5, RNLI_MAX_SEEN = 4 };

typedef struct rnli_Value {
  double x;
  int *list;      /* the call's own copy, or NULL */
  int n;
} rnli_Value;

typedef struct rnli_Out {
  rnl_Dtype dtype;
  int ndim;
  int dim[RNL_MAX_DIMS];
  size_t margin;
  int view;                   /* input it shows, or -1 */
  size_t offset;              /* of the view, in elements */
} rnli_Out;

/*
** One run of an op. 'check' fills in the second part; the engine then makes
** outputs and buffers; forward and backward use the third.
*/
struct rnl_Call {
  rnl_Context *ctx;
  const rnl_Op *op;
  int nin;
  rnl_Tensor **in;                   /* NULL: optional and left out */
  rnli_Value attr[RNL_MAX_ATTR];
  int recording;                     /* a tape will ask for backward */
  int taped;                         /* a tape is open (dropout acts) */

  rnli_Out shape[RNL_MAX_OUT];
  size_t keep_bytes[RNLI_MAX_KEEP];  /* lives until the tape closes */
  size_t scratch_bytes;              /* lives through forward */
  size_t back_bytes;                 /* lives through backward */

  rnl_Tensor *out[RNL_MAX_OUT];
  rnl_Tensor *seen;                  /* see rnli_through */
  void *keep[RNLI_MAX_KEEP];
  void *scratch;                     /* of the phase that runs */
  uint64_t stamp;                    /* versions of the inputs, summed */
};

/* Error of a call: "name: text", status returned. */
int rnli_fail (rnl_Call *c, int status, const char *fmt, ...)
    RNLI_PRINTF(3, 4);

/* For check(): output i is a new tensor of this dtype and shape ... */
void rnli_out (rnl_Call *c, int i, rnl_Dtype dtype, int ndim, const int *dim);
/* ... or shaped like input 'like' ... */
void rnli_out_like (rnl_Call *c, int i, int like);
/* ... or shows the data of input 'in' from element 'offset' on. */
void rnli_out_view (rnl_Call *c, int i, int in, size_t offset, int ndim,
                    const int *dim);

/*
** For check(): "axis out of range" and the like. rnli_axis turns option 'a'
** into 0..ndim-1, or -1 for all axes when it was not given.
*/
int rnli_axis (rnl_Call *c, int a, int ndim, int *axis);
int rnli_index (rnl_Call *c, int a, int extent, int *index);
int rnli_expect (rnl_Call *c, int in, int ndim, const int *dim);
/* Every id of input 'in' lies in [0, limit) or equals 'allowed'. */
int rnli_check_ids (rnl_Call *c, int in, int limit, double allowed);

/*
** For check(), two ops as one: when input i was made by 'op' on the open tape
** and is still what it made, rnli_made_by returns that call, else NULL. After
** rnli_through the call also stands for that op: its inputs follow the
** declared ones, backward gives them their gradients, and input i is NULL, its
** tensor in 'seen', where its data may still be read.
*/
const rnl_Call *rnli_made_by (const rnl_Call *c, int i, const rnl_Op *op);
void rnli_through (rnl_Call *c, int i);

/* Was option 'a' given? */
static inline int rnli_given (const rnl_Call *c, int a) {
  return c->attr[a].x != RNL_NONE;
}

/* Gradient data of input i, NULL when nobody wants it. */
static inline void *rnli_din (const rnl_Call *c, int i) {
  const rnl_Tensor *t = i < c->nin ? c->in[i] : NULL;
  return t && t->needs_grad && t->has_grad ? t->grad->data : NULL;
}

/* Gradient data of output i, NULL when none arrived. */
static inline const void *rnli_dout (const rnl_Call *c, int i) {
  const rnl_Tensor *t = c->out[i];
  return t && t->has_grad ? t->grad->data : NULL;
}

/* Data of input i, NULL when it was left out. */
static inline const void *rnli_data (const rnl_Call *c, int i) {
  return i < c->nin && c->in[i] ? c->in[i]->data : NULL;
}

/* Frees what a call holds: outputs' and inputs' references, buffers. */
void rnli_call_free (rnl_Call *c);

/* Hands a call that ran to the tape, which owns it from now on. */
int rnli_tape_reserve (rnl_Tape *tape);
void rnli_tape_record (rnl_Tape *tape, rnl_Call *c);

/* The op table: row, then float32 and float64. */
extern const rnl_Op *const rnli_ops[][2];

/* }====================================================================== */

/* {== Matrix products ==================================================== */

/*
** C = beta*C + op(A) op(B), row-major, op(A) m x k, op(B) k x n; 'ta' and 'tb'
** transpose. Sizes of 0 are fine. The order of summation depends on the sizes
** only, never on the thread count. 'ctx' NULL: on the calling thread alone, as
** what runs in rnli_parallel must.
*/
void rnli_gemm_f32 (rnl_Context *ctx, int ta, int tb, int m, int n, int k,
                    const float *a, int lda, const float *b, int ldb,
                    float beta, float *c, int ldc);
void rnli_gemm_f64 (rnl_Context *ctx, int ta, int tb, int m, int n, int k,
                    const double *a, int lda, const double *b, int ldb,
                    double beta, double *c, int ldc);

/* RNL_ENOMEM unless BLAS can map its work memory (it hangs when it cannot). */
int rnli_blas_ready (rnl_Context *ctx);

/* }====================================================================== */

#endif
