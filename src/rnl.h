/*
** rnl.h - the rnnlua engine for C programs: tensors, ops, a tape, optimizers,
** checkpoints. This header is the manual; it names no Lua type.
**
** A tensor is a block of numbers; an op is a row in a table; a tape is the
** list of ops that ran. Ops that run while a tape is open are recorded, and
** rnl_backward walks the list back. A complete training step:
**
**     rnl_Context *ctx;
**     rnl_Tensor *w, *x, *y, *loss;
**     rnl_Tape *tape;
**     int dim[2] = {3, 4};
**     if (rnl_context_new(NULL, NULL, &ctx) != RNL_OK) return 1;
**     rnl_tensor_new(ctx, RNL_F32, 2, dim, &w);      // zeros, ours
**     rnl_tensor_new(ctx, RNL_F32, 2, dim, &x);
**     rnl_set_param(w, 1);                           // wants a gradient
**     rnl_tape_open(ctx, &tape);
**     rnl_Tensor *in[2] = {w, x};
**     rnl_apply(ctx, rnl_op_find("mul"), in, 2, NULL, 0, &y);
**     rnl_apply(ctx, rnl_op_find("sum"), &y, 1, NULL, 0, &loss);
**     rnl_backward(tape, loss);                      // adds into rnl_grad(w)
**     rnl_tape_close(tape);                          // y and loss are gone
**     rnl_release(w); rnl_release(x);
**     rnl_context_release(ctx);
**
** Conventions. Every function that can fail returns RNL_OK or a negative
** status and leaves text in rnl_errmsg; after an error nothing has changed.
** The engine never prints, exits, aborts or keeps mutable statics. One thread
** at a time may use a context and what was made from it; different contexts
** are independent. Layouts are row-major and contiguous. Letters: T steps,
** N batch, D input, H hidden, V vocabulary, L layers. Indices count from 0.
** Ownership: "_new" and ops without a tape return a tensor the caller must
** rnl_release; outputs of ops under a tape belong to the tape.
*/
#ifndef RNL_H
#define RNL_H

#include "rnnlua_infer.h"

#ifdef __cplusplus
extern "C" {
#endif

/* {== Context ============================================================ */

typedef struct rnl_Context rnl_Context;

/*
** Makes a context. 'alloc' NULL means malloc and free.
** Owns: the caller holds one reference; see rnl_context_release.
*/
RNL_API int rnl_context_new (rnl_Alloc alloc, void *ud, rnl_Context **out);

/* The allocator of a context; '*ud' gets its argument. */
RNL_API rnl_Alloc rnl_allocator (const rnl_Context *ctx, void **ud);

/*
** References. A context whose tensors still live stays until the last of them
** is released, so objects may be released in any order.
*/
RNL_API void rnl_context_retain (rnl_Context *ctx);
RNL_API void rnl_context_release (rnl_Context *ctx);

/* Text of the last error of this context; "" before the first. */
RNL_API const char *rnl_errmsg (const rnl_Context *ctx);

/*
** Has 'fn' called with each error of this context as it is made, for a log;
** NULL: no more. An error that a caller explains further comes twice. 'fn' must
** not use the context, and must return: no longjmp. What a model says while it
** is loaded, before it is anybody's, goes to the text its loader gets.
*/
typedef void (*rnl_OnError) (void *ud, int status, const char *text);

RNL_API void rnl_on_error (rnl_Context *ctx, rnl_OnError fn, void *ud);

/*
** Base of indices in messages only: 1 makes texts count axes and ids from 1,
** as Lua does. Default 0.
*/
RNL_API void rnl_set_base (rnl_Context *ctx, int base);

typedef struct rnl_Memory {
  size_t live;       /* bytes in use by tensors, tapes and optimizers */
  size_t peak;       /* highest 'live' since the last rnl_memory_reset */
  size_t cached;     /* bytes kept for reuse */
  uint64_t mallocs;  /* calls of the allocator hook that asked for memory */
} rnl_Memory;

RNL_API void rnl_memory (const rnl_Context *ctx, rnl_Memory *out);
RNL_API void rnl_memory_reset (rnl_Context *ctx);

/* Gives the cached bytes back to the allocator. */
RNL_API void rnl_trim (rnl_Context *ctx);

/*
** Fault injection for tests: the k-th request for memory from now (1 = next)
** fails, and with 'forever' all later ones too. k = 0 turns it off.
*/
RNL_API void rnl_fail_alloc (rnl_Context *ctx, uint64_t k, int forever);

/*
** Worker threads of this context, the caller included. Results are the same
** bits for every count. n = 0 asks for the number of cores this process may
** use; the default is that number. Returns RNL_EARG unless 0 <= n <= 256.
*/
RNL_API int rnl_set_threads (rnl_Context *ctx, int n);
RNL_API int rnl_threads (const rnl_Context *ctx);

/*
** Instruction set of the recurrent kernels: "portable", "avx2", "avx512" or
** "avx512bf16"; NULL, the default, is the best this machine has. Results
** differ in their last bits from one to another. Returns RNL_EARG for a name
** that is unknown or beyond this machine, RNL_ESTATE while a tape is open.
*/
RNL_API int rnl_set_kernels (rnl_Context *ctx, const char *name);
RNL_API const char *rnl_kernels (const rnl_Context *ctx);

/*
** Name, version and chosen core of the BLAS in use; bits of its products
** differ from one to another.
*/
RNL_API void rnl_blas (char *text, size_t size);

/* }====================================================================== */

/* {== Random numbers ===================================================== */

/*
** One generator (rnnlua_infer.h) per context: every random thing in the library
** draws from it, in program order. Default seed 1.
*/

/* The context's generator: seed it, draw from it, copy it out and back. */
RNL_API rnl_Rng *rnl_rng (rnl_Context *ctx);

/* }====================================================================== */

/* {== Tensors ============================================================ */

typedef struct rnl_Tensor rnl_Tensor;

typedef enum rnl_Dtype {
  RNL_F32,
  RNL_F64,
  RNL_I32    /* token ids and other indices, counted from 0 */
} rnl_Dtype;

#define RNL_MAX_DIMS 8

/*
** A tensor of 'ndim' (0..RNL_MAX_DIMS) axes, filled with zeros. Any extent may
** be 0; ndim 0 is a scalar with one element. Data is aligned to 64 bytes.
*/
RNL_API int rnl_tensor_new (rnl_Context *ctx, rnl_Dtype dtype, int ndim,
                            const int *dim, rnl_Tensor **out);

/*
** The same over memory of the host, which holds its numbers from now on: 'done'
** (unless it is NULL) is called with 'ud' when the last to use it has let go,
** by whoever does so; it must not use the context. Data needs the alignment of
** its numbers, not that of ours. When the host writes, see rnl_touch; no op may
** run meanwhile. RNL_EARG for data that is NULL or not aligned; after an error
** 'done' is not called.
*/
typedef void (*rnl_Done) (void *ud);

RNL_API int rnl_tensor_wrap (rnl_Context *ctx, rnl_Dtype dtype, int ndim,
                             const int *dim, void *data, rnl_Done done,
                             void *ud, rnl_Tensor **out);

RNL_API void rnl_retain (rnl_Tensor *t);
RNL_API void rnl_release (rnl_Tensor *t);   /* NULL is fine */

RNL_API rnl_Dtype rnl_dtype (const rnl_Tensor *t);
RNL_API const char *rnl_dtype_name (rnl_Dtype dtype);   /* "float32", ... */
RNL_API size_t rnl_dtype_size (rnl_Dtype dtype);        /* bytes */
RNL_API int rnl_ndim (const rnl_Tensor *t);
RNL_API const int *rnl_shape (const rnl_Tensor *t);     /* ndim extents */
RNL_API size_t rnl_count (const rnl_Tensor *t);         /* elements */
RNL_API rnl_Context *rnl_context_of (const rnl_Tensor *t);

/*
** The numbers. After writing through this pointer call rnl_touch, so that a
** tape which has read the old ones can refuse to go backward.
*/
RNL_API void *rnl_data (rnl_Tensor *t);
RNL_API void rnl_touch (rnl_Tensor *t);

/* Element i of the flat data as a double, any dtype. */
RNL_API double rnl_get (const rnl_Tensor *t, size_t i);
RNL_API void rnl_set (rnl_Tensor *t, size_t i, double value);

/* 1 if no element is infinite or NaN. */
RNL_API int rnl_all_finite (const rnl_Tensor *t);

/* A copy of the same dtype, or converted; never part of a tape. */
RNL_API int rnl_clone (rnl_Tensor *t, rnl_Dtype dtype, rnl_Tensor **out);

/*
** Marks 't' as a parameter (leaf that wants a gradient), or no longer.
** RNL_EDTYPE for int32, RNL_ESTATE for an output of a tape.
*/
RNL_API int rnl_set_param (rnl_Tensor *t, int on);
RNL_API int rnl_is_param (const rnl_Tensor *t);

/*
** Gradient of a parameter, same shape, or NULL when no backward has reached it
** since it was last cleared. Borrowed.
*/
RNL_API rnl_Tensor *rnl_grad (rnl_Tensor *t);
RNL_API void rnl_clear_grad (rnl_Tensor *t);

/*
** Serial number: unique among all tensors a context ever made, 0 once the
** tensor is gone. Headers are never unmapped while their context lives, so
** (pointer, serial) is a safe weak reference.
*/
RNL_API uint64_t rnl_serial (const rnl_Tensor *t);

/* Is 't' owned by the open tape, closed when that closes? */
RNL_API int rnl_on_tape (const rnl_Tensor *t);

/* }====================================================================== */

/* {== Ops ================================================================ */

#define RNL_MAX_IN 10     /* declared inputs; a variadic op may get more */
#define RNL_MAX_OUT 4
#define RNL_MAX_ATTR 10

#define RNL_NONE (-2147483647.0 - 1)   /* "not given", for int-like options */
#define RNL_BEFORE (-2147483647.0)     /* the index just before the first */

typedef enum rnl_InKind {
  RNL_IN_END,        /* ends the list */
  RNL_IN_REAL,       /* float32 or float64; all reals of a call alike */
  RNL_IN_OPT,        /* the same, or NULL */
  RNL_IN_ID,         /* int32 */
  RNL_IN_ANY,        /* any dtype */
  RNL_IN_LIST        /* any dtype, one or more: the last input */
} rnl_InKind;

typedef enum rnl_AttrKind {
  RNL_AT_END,        /* ends the list */
  RNL_AT_INT,
  RNL_AT_REAL,
  RNL_AT_BOOL,
  RNL_AT_AXIS,       /* 0.. or negative from the end; RNL_NONE = all */
  RNL_AT_INDEX,      /* 0.. or negative from the end */
  RNL_AT_ID,         /* a token id */
  RNL_AT_INTS,       /* a list of integers */
  RNL_AT_WORD        /* one of 'words'; its value is the position */
} rnl_AttrKind;

typedef struct rnl_Input {
  const char *name;
  rnl_InKind kind;
} rnl_Input;

typedef struct rnl_Attr {
  const char *name;
  rnl_AttrKind kind;
  double value;          /* default; RNL_NONE for "not given" */
  const char *words;     /* RNL_AT_WORD: "mean|sum|none" */
} rnl_Attr;

typedef struct rnl_Call rnl_Call;

/*
** One row of the op table. 'check' is the only part that may fail: it looks at
** shapes and data and declares what the call needs. 'forward' and 'backward'
** are total functions over memory that is already there.
*/
typedef struct rnl_Op {
  const char *name;
  rnl_Input in[RNL_MAX_IN + 1];
  const char *out[RNL_MAX_OUT + 1];
  rnl_Attr attr[RNL_MAX_ATTR + 1];
  int (*check) (rnl_Call *);
  void (*forward) (rnl_Call *);
  void (*backward) (rnl_Call *);   /* NULL: no gradient passes */
  const char *doc;                 /* one sentence, then shapes */
} rnl_Op;

/* Row number of an op, or -1. Rows run from 0 to rnl_op_count() - 1. */
RNL_API int rnl_op_find (const char *name);
RNL_API int rnl_op_count (void);
RNL_API const rnl_Op *rnl_op_at (int row);

/* An option of a call: 'name' = 'value', or a list, or a word. */
typedef struct rnl_Arg {
  const char *name;
  double value;
  const int *list;
  int nlist;
  const char *word;
} rnl_Arg;

/*
** Runs op 'row' on 'nin' inputs (NULL for an optional one left out) with
** 'narg' options, and stores its outputs in 'out' (as many as the row names).
** Under an open tape the outputs belong to the tape, else to the caller.
*/
RNL_API int rnl_apply (rnl_Context *ctx, int row, rnl_Tensor *const *in,
                       int nin, const rnl_Arg *arg, int narg,
                       rnl_Tensor **out);

/* }====================================================================== */

/* {== Tape =============================================================== */

typedef struct rnl_Tape rnl_Tape;

/* Opens a tape; RNL_ESTATE if one is open in this context. */
RNL_API int rnl_tape_open (rnl_Context *ctx, rnl_Tape **out);

/* The open tape of a context, or NULL. */
RNL_API rnl_Tape *rnl_tape (rnl_Context *ctx);

/* Number of ops recorded so far. */
RNL_API size_t rnl_tape_length (const rnl_Tape *tape);

/*
** Adds the gradient of 'loss' (one element, computed under this tape) to the
** gradient of every parameter it depends on. May be called again, for this or
** another loss of the same tape. All memory is taken before anything is added.
*/
RNL_API int rnl_backward (rnl_Tape *tape, rnl_Tensor *loss);

/* Closes the tape and every output made under it. */
RNL_API void rnl_tape_close (rnl_Tape *tape);

/* }====================================================================== */

/* {== Optimizers ========================================================= */

typedef struct rnl_Optim rnl_Optim;

#define RNL_MAX_HYPER 10
#define RNL_MAX_SLOTS 3

/* A hyper-parameter of an optimizer and its default. */
typedef struct rnl_Hyper {
  const char *name;
  double value;
} rnl_Hyper;

/* What an update rule sees: one parameter, its gradient and its state. */
typedef struct rnl_Update {
  size_t n;                     /* elements */
  void *param;                  /* real[n] */
  void *grad;                   /* real[n], clipped by the engine */
  void *slot[RNL_MAX_SLOTS];    /* real[n] each, zero before the first step */
  const double *hyper;          /* in the order of the row */
  uint64_t step;                /* 1 on the first update of this parameter */
} rnl_Update;

/* One row of the optimizer table. The first hyper-parameter is lr. */
typedef struct rnl_OptimKind {
  const char *name;
  rnl_Hyper hyper[RNL_MAX_HYPER + 1];
  const char *slot[RNL_MAX_SLOTS + 1];   /* state per parameter */
  void (*update) (const rnl_Update *);
  const char *doc;
} rnl_OptimKind;

RNL_API int rnl_optim_find (const char *name);
RNL_API int rnl_optim_count (void);
RNL_API const rnl_OptimKind *rnl_optim_at (int row);

/*
** An optimizer of kind 'row' over 'n' parameters, which it retains. All its
** state is allocated here. Every kind also has these, 0 = off, applied in this
** order:
**
**   clip_adaptive  a row of a parameter (a vector is one row) whose gradient is
**                  longer than this share of the row is cut to that (Brock et
**                  al. 2021); 0.01 to 0.16 are usual
**   normalize      the gradient of each parameter gets this norm (Yu et al.
**                  2018)
**   clip_each      its norm is cut to this, as by clip_grad_norm_ for it alone
**   clip_norm      the norm of all together, as torch.nn.utils.clip_grad_norm_
**   clip_value     each element
*/
RNL_API int rnl_optim_new (rnl_Context *ctx, int row, rnl_Tensor *const *param,
                           int n, rnl_Optim **out);
RNL_API void rnl_optim_free (rnl_Optim *opt);
RNL_API int rnl_optim_kind (const rnl_Optim *opt);

/*
** Reads or writes a hyper-parameter by name; state is untouched. RNL_EARG for
** a name this kind does not have or a value out of range.
*/
RNL_API int rnl_optim_get (rnl_Optim *opt, const char *name, double *value);
RNL_API int rnl_optim_set (rnl_Optim *opt, const char *name, double value);
RNL_API const char *rnl_optim_clip (int i);   /* their names; NULL after */

/*
** Sorts the parameters into 'groups' groups, parameter i into member[i]; a new
** optimizer has one. A group takes the optimizer's values until it is given
** its own; those stay when the optimizer's change, but for lr: of that a group
** keeps the factor, its lr over the optimizer's (RNL_ESTATE if that is 0). The
** clips go over all parameters together.
*/
RNL_API int rnl_optim_divide (rnl_Optim *opt, const int *member, int groups);
RNL_API int rnl_optim_groups (const rnl_Optim *opt);
RNL_API int rnl_optim_group_get (rnl_Optim *opt, int group, const char *name,
                                 double *value);
RNL_API int rnl_optim_group_set (rnl_Optim *opt, int group, const char *name,
                                 double value);

/*
** Applies one step and clears the gradients. Parameters without a gradient are
** left alone. '*norm' (may be NULL) gets the global gradient norm before
** clipping. A gradient that is not finite changes nothing but clears the
** gradients: RNL_EDIVERGED, and '*bad' (may be NULL) gets the position of the
** first such parameter.
*/
RNL_API int rnl_optim_step (rnl_Optim *opt, double *norm, int *bad);

/*
** Global norm of the gradients, in double, before clipping; '*bad' (may be
** NULL) gets the position of the first parameter whose gradient is not finite,
** -1 if all are.
*/
RNL_API double rnl_optim_norm (rnl_Optim *opt, int *bad);

/* Clears the gradients without a step. */
RNL_API void rnl_optim_clear (rnl_Optim *opt);

/* State of parameter i: slot s (borrowed) and the count of its updates. */
RNL_API rnl_Tensor *rnl_optim_slot (rnl_Optim *opt, int i, int s);
RNL_API uint64_t rnl_optim_steps (const rnl_Optim *opt, int i);
RNL_API void rnl_optim_set_steps (rnl_Optim *opt, int i, uint64_t n);

/* }====================================================================== */

/* {== Vectors ============================================================ */

/*
** Tensors of float32 or float64, which may be mixed, as flat vectors; sums are
** made in double, in one order. Vectors of one call have the same count.
*/
RNL_API double rnl_vec_dot (const rnl_Tensor *x, const rnl_Tensor *y);
RNL_API double rnl_vec_norm1 (const rnl_Tensor *x);   /* sum of |x| */
RNL_API double rnl_vec_most (const rnl_Tensor *x);    /* largest |x|, or NaN */

/* z = a*x + b*y; any of them may be the same tensor. */
RNL_API void rnl_vec_sum (rnl_Tensor *z, double a, const rnl_Tensor *x,
                          double b, const rnl_Tensor *y);

/* x += (y - x) * w; exactly y when w is 1. */
RNL_API void rnl_vec_lerp (rnl_Tensor *x, const rnl_Tensor *y, double w);

/* Exchanges the numbers of two tensors of the same dtype. */
RNL_API void rnl_vec_swap (rnl_Tensor *x, rnl_Tensor *y);

/* Copies all of 'x' into, or out of, elements 'at' and on of 'flat'. */
RNL_API void rnl_vec_put (rnl_Tensor *flat, size_t at, const rnl_Tensor *x);
RNL_API void rnl_vec_take (rnl_Tensor *x, const rnl_Tensor *flat, size_t at);

/* }====================================================================== */

/* {== Initial values ===================================================== */

/*
** Fill 't' (float32 or float64) from the context's generator, one draw per
** element in row order, the same for both dtypes up to rounding.
*/
RNL_API void rnl_fill (rnl_Tensor *t, double value);
RNL_API void rnl_fill_uniform (rnl_Tensor *t, double lo, double hi);
RNL_API void rnl_fill_normal (rnl_Tensor *t, double mean, double std);

/*
** A matrix with orthonormal rows or columns, whichever are fewer, times
** 'gain' (Saxe et al. 2014): QR of a normal matrix with the signs of R taken
** out. 't' has two axes. RNL_ENOMEM when there is no scratch memory.
*/
RNL_API int rnl_fill_orthogonal (rnl_Tensor *t, double gain);

/* }====================================================================== */

/* {== Models ============================================================= */

/*
** Models (rnnlua_infer.h) of the engine: made of tensors that are there, whose
** weights they copy, and states that share the workers of a context.
*/

/* RNL_EARG for a field of a draw out of range. */
RNL_API int rnl_draw_check (rnl_Context *ctx, const rnl_Draw *d);

/*
** A model of float tensors by the names that rnl_file_save would give them,
** with the metadata of a file: "rnnlua.layers", "rnnlua.kind", ... It copies
** what it needs. Errors as of rnl_model_load.
*/
struct rnl_Named;
struct rnl_Meta;
RNL_API int rnl_model_of (rnl_Context *ctx, const struct rnl_Named *tensor,
                          int ntensor, const struct rnl_Meta *meta, int nmeta,
                          const rnl_Load *load, rnl_Model **out);

/*
** A state whose memory, error text, base of indices and workers are those of a
** context: it is for the thread that has the context.
*/
RNL_API int rnl_state_of (rnl_Context *ctx, rnl_Model *model,
                          const rnl_Streams *streams, rnl_State **out);

/* What the streams of a state hold, to read and to write. */
typedef struct rnl_Parts {
  int layers, streams;
  int units, cells;        /* S of h; H of c, or 0 */
  int outputs;             /* U */
  float *h;                /* (L,N,S) */
  float *c;                /* (L,N,H), or NULL */
  int64_t *t;              /* steps done, of a ClockworkRNN, or NULL */
} rnl_Parts;

/* RNL_ESTATE for a kind that has no streams. */
RNL_API int rnl_state_parts (rnl_State *s, rnl_Parts *out);

/* Puts back what came of the last step of a stream (U); NULL: zeros. */
RNL_API void rnl_state_set_outputs (rnl_State *s, int stream, const float *y);

/*
** Ids that a stream read last, oldest first: at most 'history' of them; their
** count, the same for all streams, goes to '*n'. To put them back: the last
** ones of n for each stream, (N,n), checked as rnl_state_step does.
*/
RNL_API const int32_t *rnl_state_recent (const rnl_State *s, int stream,
                                         int *n);
RNL_API int rnl_state_set_recent (rnl_State *s, const int32_t *ids, int n);
/* }====================================================================== */

/* {== Checkpoints ======================================================== */

/*
** A checkpoint is one safetensors file: named tensors and a string-to-string
** map. Reading follows the text of the format strictly; nothing in a file is
** code or a path. Memory stays within the tensors as they are read (at most
** four times their bytes in the file, for U8) and a few times the header.
** Dtypes F32, F64, I32 are read as they are, F16 and BF16 to float32, I64 and
** U8 to int32 when every value fits.
*/
typedef struct rnl_File rnl_File;

/*
** Reads the whole file at 'path'. RNL_EIO: the system refused; RNL_EFORMAT:
** not a sound checkpoint, the text says what and at which byte or name.
*/
RNL_API int rnl_file_load (rnl_Context *ctx, const char *path, rnl_File **out);

/*
** The same of the 'n' bytes at 'data', which are a whole file and not needed
** afterwards. Errors name it "memory".
*/
RNL_API int rnl_file_read (rnl_Context *ctx, const void *data, size_t n,
                           rnl_File **out);
RNL_API void rnl_file_free (rnl_File *file);

/* Tensors in the order of their data; tensors are borrowed from the file. */
RNL_API int rnl_file_count (const rnl_File *file);
RNL_API const char *rnl_file_name (const rnl_File *file, int i);
RNL_API rnl_Tensor *rnl_file_tensor (const rnl_File *file, int i);

/* Metadata, sorted by key; a value may be any UTF-8 without NUL. */
RNL_API int rnl_file_meta_count (const rnl_File *file);
RNL_API const char *rnl_file_meta_key (const rnl_File *file, int i);
RNL_API const char *rnl_file_meta_value (const rnl_File *file, int i);

typedef struct rnl_Named {
  const char *name;
  rnl_Tensor *tensor;
} rnl_Named;

typedef struct rnl_Meta {
  const char *key;
  const char *value;
} rnl_Meta;

/*
** Writes a checkpoint so that 'path' holds either the old file or the whole
** new one, whatever happens: temporary file beside it, write, fsync, close,
** rename, fsync of the folder. The bytes depend only on the arguments' values.
*/
RNL_API int rnl_file_save (rnl_Context *ctx, const char *path,
                           const rnl_Named *tensor, int ntensor,
                           const rnl_Meta *meta, int nmeta);

/* }====================================================================== */

/* {== Text =============================================================== */

/*
** Decodes one code point of the 'n' bytes at 's' (n > 0) strictly: no overlong
** form, no surrogate, nothing above U+10FFFF. Returns its length in bytes
** (1..4) and sets '*code', or 0 if the first byte starts no valid sequence.
*/
RNL_API int rnl_utf8_decode (const char *s, size_t n, int32_t *code);

/* Encodes a code point; returns the bytes written to 'buf' (1..4), or 0. */
RNL_API int rnl_utf8_encode (int32_t code, char buf[4]);

/*
** Position of the first byte of 's' that is not valid UTF-8, or 'n' if all is
** well. '*line' (may be NULL) gets the line it is on, counted from 1.
*/
RNL_API size_t rnl_utf8_check (const char *s, size_t n, size_t *line);

/*
** Bytes (0..3) at the end of 's' that begin a character which more text could
** complete: what to hold back when text comes in pieces.
*/
RNL_API size_t rnl_utf8_tail (const char *s, size_t n);

/*
** Columns that text takes on a terminal: two for a wide East Asian character,
** none for a mark on another one; one for each byte that is no UTF-8.
*/
RNL_API size_t rnl_utf8_width (const char *s, size_t n);

/*
** Makes valid UTF-8 of any bytes: each longest broken start of a sequence
** becomes one U+FFFD (as Unicode recommends), or is dropped unless 'replace'.
** '*out' as in rnl_utf8_normalise.
*/
RNL_API int rnl_utf8_repair (rnl_Context *ctx, int replace, const char *s,
                             size_t n, char **out, size_t *nout);

/* RNL_FOLD: NFC, upper and lower case made one by case folding. */
typedef enum rnl_Normal { RNL_NFC, RNL_NFKC, RNL_FOLD } rnl_Normal;

/*
** Normalises UTF-8; bytes that are none stay as they are. '*out' is ended by
** a NUL, '*nout' bytes long, and freed by rnl_text_free.
*/
RNL_API int rnl_utf8_normalise (rnl_Context *ctx, rnl_Normal form,
                                const char *s, size_t n,
                                char **out, size_t *nout);
RNL_API void rnl_text_free (rnl_Context *ctx, char *s);

/*
** The last place in 's' where it may be cut in two so that the normal forms of
** both, joined, are that of the whole, whatever comes after; 0 if none is
** known.
*/
RNL_API size_t rnl_utf8_cut (rnl_Normal form, const char *s, size_t n);

/* CR LF to LF; '*out' as in rnl_utf8_normalise. */
RNL_API int rnl_text_lf (rnl_Context *ctx, const char *s, size_t n,
                         char **out, size_t *nout);

/* Replaces the file at 'path' by 's', as rnl_file_save does. */
RNL_API int rnl_text_save (rnl_Context *ctx, const char *path, const char *s,
                           size_t n);

/*
** Puts a space between words that have none: letters and digits, punctuation,
** ideographs, in the manner of Unicode's word boundaries (UAX #29): don't, 3.14
** and ... stay whole. White space that is not ASCII becomes a space. '*out' as
** in rnl_utf8_normalise.
*/
RNL_API int rnl_text_apart (rnl_Context *ctx, const char *s, size_t n,
                            char **out, size_t *nout);

#define RNL_FINGERPRINT 40   /* room for one: "5-0123456789abcdef" */

/* A short text that differs when two texts differ, in all likelihood. */
RNL_API void rnl_fingerprint (const char *s, size_t n,
                              char text[RNL_FINGERPRINT]);

/*
** A scanner goes over texts of any size, given in pieces; where the pieces are
** cut makes no difference. It collects the code points of all its texts.
*/
typedef struct rnl_Scanner rnl_Scanner;

/* What one text is made of. */
typedef struct rnl_Scan {
  uint64_t bytes;
  uint64_t codes;      /* code points, without the mark */
  uint64_t crlf, cr;   /* CR LF; CR without LF */
  uint64_t bad;        /* bytes that are no UTF-8 */
  uint64_t bad_at;     /* where the first of them is, from 0 */
  uint64_t bad_line;   /* and its line, from 1 */
  int mark;            /* it begins with a byte order mark */
} rnl_Scan;

RNL_API int rnl_scanner_new (rnl_Context *ctx, rnl_Scanner **out);
RNL_API void rnl_scanner_free (rnl_Scanner *s);   /* NULL is fine */
RNL_API void rnl_scanner_feed (rnl_Scanner *s, const char *text, size_t n);

/* What the text has so far. */
RNL_API void rnl_scanner_now (const rnl_Scanner *s, rnl_Scan *out);

/* Ends a text; what is fed next is another. */
RNL_API void rnl_scanner_end (rnl_Scanner *s, rnl_Scan *out);

/*
** Fingerprint of the texts that have ended, their boundaries included; that of
** one text is rnl_fingerprint's.
*/
RNL_API void rnl_scanner_fingerprint (const rnl_Scanner *s,
                                      char text[RNL_FINGERPRINT]);

/* Adds to the code points; those that are none are passed over. */
RNL_API void rnl_scanner_add (rnl_Scanner *s, const int32_t *code, int k);

/* Lists the code points, ascending ('code' may be NULL); how many they are. */
RNL_API int rnl_scanner_codes (const rnl_Scanner *s, int32_t *code);

/*
** A vocabulary of code points, for the tokenizer "char": ids 0..K-1 are the
** code points in ascending order, then, with 'bytes', the 256 byte values,
** which stand for whatever is not in the list: every input has ids and
** decoding gives the same bytes back.
*/
typedef struct rnl_Vocab rnl_Vocab;

/* Code points of 's' (n bytes). Bytes that are no UTF-8 are passed over. */
RNL_API int rnl_vocab_fit (rnl_Context *ctx, const char *s, size_t n,
                           int bytes, rnl_Vocab **out);

/* Code points of all that a scanner has seen. */
RNL_API int rnl_vocab_scanned (const rnl_Scanner *s, int bytes,
                               rnl_Vocab **out);

/*
** RNL_EFORMAT, naming up to ten of them, if the scanner has seen code points
** that are not in the list.
*/
RNL_API int rnl_vocab_covers (const rnl_Vocab *v, const rnl_Scanner *s);

/* From a list of 'k' code points, ascending; RNL_EFORMAT otherwise. */
RNL_API int rnl_vocab_new (rnl_Context *ctx, const int32_t *code, int k,
                           int bytes, rnl_Vocab **out);
RNL_API void rnl_vocab_free (rnl_Vocab *v);
RNL_API int rnl_vocab_size (const rnl_Vocab *v);        /* K, or K + 256 */
RNL_API int rnl_vocab_codes (const rnl_Vocab *v);       /* K */
RNL_API const int32_t *rnl_vocab_code (const rnl_Vocab *v);

/* The id that a text of this one byte has, or -1. */
RNL_API int32_t rnl_vocab_byte (const rnl_Vocab *v, unsigned char byte);

/*
** Ids of 's' as an int32 tensor (M). Without 'bytes' a character that is not
** in the list is RNL_EFORMAT, naming up to ten of them and where the first is.
*/
RNL_API int rnl_vocab_encode (const rnl_Vocab *v, const char *s, size_t n,
                              rnl_Tensor **ids);

/* Bytes of the ids; '*out' as in rnl_utf8_normalise. Ids are checked. */
RNL_API int rnl_vocab_decode (const rnl_Vocab *v, const int32_t *id, size_t n,
                              char **out, size_t *nout);

/*
** A list of words, each with how often it was seen: what a tokenizer learns. Of
** what kind they are says how text is cut into them, and what stands for words
** that are not in the list.
*/
typedef struct rnl_Words rnl_Words;

typedef enum rnl_WordKind {
  RNL_WORDS,            /* between white space (Unicode's White_Space); id 0 is
                           "<unk>", which stands for others */
  RNL_LINES,            /* the same, but LF is a word, "<eos>", id 1 */
  RNL_CLUSTERS,         /* extended grapheme clusters; id 0 is "<unk>" */
  RNL_CLUSTERS_BYTES,   /* the same; 256 ids behind those of the list are bytes,
                           which stand for others: every input has ids and
                           decoding gives the same bytes back */
  RNL_PIECES            /* what BPE is learnt from */
} rnl_WordKind;

#define RNL_MAX_WORD 4096           /* bytes; longer ones are not learnt */
#define RNL_MAX_CLUSTER 256         /* bytes; longer ones are cut */
#define RNL_MAX_PIECE 128           /* the same */
#define RNL_MAX_WORDS (1 << 28)

RNL_API int rnl_words_new (rnl_Context *ctx, rnl_WordKind kind,
                           rnl_Words **out);
RNL_API void rnl_words_free (rnl_Words *w);   /* NULL is fine */
RNL_API int rnl_words_size (const rnl_Words *w);   /* without ids of bytes */

/* A word, '*n' bytes without a NUL; it stays until the list changes. */
RNL_API const char *rnl_words_at (const rnl_Words *w, int id, size_t *n);

/* Adds a word with the next id; RNL_EFORMAT if it is none, or is there. */
RNL_API int rnl_words_add (rnl_Words *w, const char *s, size_t n);

/*
** How many bytes of 's' are words, whatever comes after: ids of these and of
** the rest, joined, are those of the whole.
*/
RNL_API size_t rnl_words_cut (rnl_WordKind kind, const char *s, size_t n);

/* Where the white space that is last in 's' begins; 0 if there is none. */
RNL_API size_t rnl_words_gap (const char *s, size_t n);

/* Counts the words of a text; those that are not in the list join it. */
RNL_API int rnl_words_feed (rnl_Words *w, const char *s, size_t n);
RNL_API uint64_t rnl_words_seen (const rnl_Words *w);   /* all that were fed */

/*
** Bounds the memory of a list that is fed: when the words take up more than so
** many bytes, the rarest are let go, until half of that is free. One that comes
** again is counted anew. 0: no limit.
*/
RNL_API void rnl_words_limit (rnl_Words *w, size_t bytes);

/*
** A new list: the first 'kept' words as they are, then those seen at least
** 'least' times, the most frequent first (of two as frequent the one with the
** smaller bytes), up to 'most' words in all.
*/
RNL_API int rnl_words_choose (const rnl_Words *w, int kept, uint64_t least,
                              int most, rnl_Words **out);

/* Ids of 's' as an int32 tensor (M). */
RNL_API int rnl_words_encode (const rnl_Words *w, const char *s, size_t n,
                              rnl_Tensor **ids);

/*
** Text of the ids. Words between white space get a space before them, but for
** one after "<eos>", which is LF. '*out' as in rnl_utf8_normalise. Ids are
** checked.
*/
RNL_API int rnl_words_decode (const rnl_Words *w, const int32_t *id, size_t n,
                              char **out, size_t *nout);

/*
** Byte pair encoding: ids 0..255 are the bytes, each one beyond is made of two
** before it, so every input has ids and decoding gives the same bytes back.
** No token goes beyond a piece of text (RNL_PIECES), which is
**   a run of letters, or of digits (any N of Unicode), or of what is neither,
**   with the space U+0020 before it; marks and the joiners U+200C and U+200D
**   are as what stands before them; bytes that are no UTF-8 are as punctuation;
** or a run of white space, without its last U+0020 when that stands before one
** of the above; cut after RNL_MAX_PIECE bytes at most, between code points.
*/
typedef struct rnl_Bpe rnl_Bpe;

/*
** Learns from a list of kind RNL_PIECES: the two tokens that stand together
** most often become one (of two pairs as frequent the one with the smaller
** ids), until there are 'size' ids or no pair was seen 'least' times. Where the
** bytes of a pair are a token already, it is passed over.
*/
RNL_API int rnl_bpe_fit (const rnl_Words *pieces, int size, uint64_t least,
                         rnl_Bpe **out);

/*
** From a list: token 256 + i is made of part[2 * i] and part[2 * i + 1], for k
** tokens. RNL_EFORMAT when they do not come before it, or make more bytes than
** a piece has, or those of another token.
*/
RNL_API int rnl_bpe_new (rnl_Context *ctx, const int32_t *part, size_t k,
                         rnl_Bpe **out);
RNL_API void rnl_bpe_free (rnl_Bpe *b);           /* NULL is fine */
RNL_API int rnl_bpe_size (const rnl_Bpe *b);      /* 256 + k */
RNL_API const int32_t *rnl_bpe_parts (const rnl_Bpe *b);   /* k pairs */

/* The '*n' bytes of a token. */
RNL_API const char *rnl_bpe_at (const rnl_Bpe *b, int id, size_t *n);

/* Ids of 's' as an int32 tensor (M). */
RNL_API int rnl_bpe_encode (const rnl_Bpe *b, const char *s, size_t n,
                            rnl_Tensor **ids);

/* Bytes of the ids; '*out' as in rnl_utf8_normalise. Ids are checked. */
RNL_API int rnl_bpe_decode (const rnl_Bpe *b, const int32_t *id, size_t n,
                            char **out, size_t *nout);

/*
** A dictionary: words, how often each occurs, and maybe a tag. A word is
** 1..RNL_MAX_ENTRY code points of UTF-8 without white space or NUL. With it
** text is cut into words; those of other dictionaries, the user's, come first.
*/
typedef struct rnl_Dict rnl_Dict;

#define RNL_MAX_ENTRY 256                   /* code points of a word */
#define RNL_MAX_TAG 64                      /* bytes of a tag, with a NUL */
#define RNL_MAX_FREQ ((uint64_t)1 << 53)

/* A word of a dictionary; 'tag' is "" when it has none. */
typedef struct rnl_Entry {
  const char *s;
  size_t n;
  const char *tag;
  uint64_t freq;
} rnl_Entry;

RNL_API int rnl_dict_new (rnl_Context *ctx, rnl_Dict **out);
RNL_API void rnl_dict_free (rnl_Dict *d);   /* NULL is fine */
RNL_API size_t rnl_dict_size (const rnl_Dict *d);

/*
** Sets how often a word occurs, and its tag (NULL: as it was); it joins when it
** is not there, and goes when 'freq' is 0. RNL_EFORMAT says what is wrong.
*/
RNL_API int rnl_dict_set (rnl_Dict *d, const char *s, size_t n, uint64_t freq,
                          const char *tag);

/* How often a word occurs, 0 if it is not there; its tag, unless NULL. */
RNL_API uint64_t rnl_dict_get (const rnl_Dict *d, const char *s, size_t n,
                               char tag[RNL_MAX_TAG]);

/*
** Sets the words of text in whole lines: "WORD FREQUENCY TAG", of which only
** the word must be there, in UTF-8, with spaces or tabs between. A frequency
** that is left out is 1. '*lines' counts those read, the wrong one included.
*/
RNL_API int rnl_dict_read (rnl_Dict *d, const char *s, size_t n,
                           size_t *lines);

/*
** All words in the order of their bytes, as many as rnl_dict_size tells; freed
** by rnl_entries_free.
*/
RNL_API int rnl_dict_list (const rnl_Dict *d, rnl_Entry **out);
RNL_API void rnl_entries_free (rnl_Context *ctx, rnl_Entry *list);

/*
** Text is made of units that are never cut: a run of letters and digits of an
** alphabet, with what joins them (don't, 3.14, 12:30, a@b.org, 50%); an
** address with "://"; a run of white space; any other code point, with the
** marks on it; bytes that are no UTF-8. Words begin and end where units do.
*/
typedef enum rnl_CutMode {
  RNL_CUT_BEST,    /* the most likely words, of the dictionary alone */
  RNL_CUT_GUESS,   /* and new words, by how they are spelled; none when all
                      frequencies are 1, which tell nothing */
  RNL_CUT_MAX,     /* from left to right, always the longest word */
  RNL_CUT_ALL      /* every word there is, by where it begins, then ends; units
                      only if no word is longer and has them */
} rnl_CutMode;

typedef enum rnl_CutKind {
  RNL_CUT_SPACE,
  RNL_CUT_UNIT,    /* no word */
  RNL_CUT_CHAR,    /* one ideograph, a word or not */
  RNL_CUT_WORD,
  RNL_CUT_GUESSED,
  RNL_CUT_USER
} rnl_CutKind;

typedef struct rnl_Cut {
  size_t from, to;   /* bytes */
  rnl_CutKind kind;
} rnl_Cut;

/*
** Cuts 's' into words; but for RNL_CUT_ALL the pieces, white space included,
** are the text without gaps. User words, those of 'nuser' dictionaries, are
** found wherever they are; of those that overlap the ones are taken that have
** the most characters together, then the fewest, then the most likely with all
** other words. '*cuts' is freed by rnl_cuts_free.
*/
RNL_API int rnl_dict_cut (rnl_Dict *d, rnl_Dict *const *user, int nuser,
                          rnl_CutMode mode, const char *s, size_t n,
                          rnl_Cut **cuts, size_t *ncuts);
RNL_API void rnl_cuts_free (rnl_Context *ctx, rnl_Cut *cuts);

/* }====================================================================== */

/* {== Dates ============================================================== */

/*
** A time is seconds since 1970-01-01 00:00 UTC: proleptic Gregorian calendar,
** days without leap seconds, years 1 to 9999. Zones of the system are never
** asked for.
*/
#define RNL_DATE_LEAST (-62135596800.0)
#define RNL_DATE_END 253402300800.0

typedef struct rnl_Date {
  int year, month, day;   /* months and days from 1 */
  int hour, minute;
  double second;          /* to the microsecond */
  int weekday;            /* from 1, Monday */
  int yearday;            /* from 1 */
} rnl_Date;

/* Takes a time apart; 0 when it lies in no such year. */
RNL_API int rnl_date_of (double seconds, rnl_Date *date);

/*
** Reads a date. Without a 'format' (NULL): YYYY, YYYY-MM or YYYY-MM-DD, '/' in
** place of '-', YYYYMMDD; behind a day maybe 'T' or a space and HH:MM,
** HH:MM:SS or HH:MM:SS.fff, and a zone, Z or +HH:MM. With one, letters of
** strptime: %Y %y %m %b %B %d %j %H %I %p %M %S %f %z %s %%, names in English.
** Without a zone it is UTC. NULL when all is well, else what is not:
** "spelling"; "order", the day may come first or the month; "range", there is
** no such time.
*/
RNL_API const char *rnl_date_read (const char *s, size_t n, const char *format,
                                   double *seconds);

typedef enum rnl_DateUnit {
  RNL_SECONDS, RNL_DAYS, RNL_WEEKDAYS, RNL_MONTHS   /* Monday to Friday */
} rnl_DateUnit;

typedef struct rnl_Frequency {
  rnl_DateUnit unit;
  double count;   /* of units between two times */
  int day;        /* of months: the day, 31 for their end; 0: as it is */
} rnl_Frequency;

/*
** The time 'n' steps after 'seconds', before it when n is negative. A month too
** short for the day ends in its last. 0 when that is in no year there is.
*/
RNL_API int rnl_date_after (double seconds, const rnl_Frequency *f, int64_t n,
                            double *out);

typedef enum rnl_Spacing {
  RNL_REGULAR,
  RNL_FEW,         /* fewer than two times */
  RNL_NO_TIME,     /* the time in 'row' is none */
  RNL_TWICE,       /* it is that of the row before */
  RNL_BACK,        /* it is earlier */
  RNL_GAP,         /* it is *steps > 1 steps after the row before */
  RNL_OFF,         /* it is no whole number of steps after it */
  RNL_IRREGULAR    /* no step is that of half of the rows */
} rnl_Spacing;

/*
** The frequency that n times have, or most of them; what breaks it first, and
** the row, from 0. Months, quarters and years are regular, and so are weekdays.
*/
RNL_API rnl_Spacing rnl_date_frequency (const double *t, size_t n,
                                        rnl_Frequency *f, size_t *row,
                                        int64_t *steps);

/* }====================================================================== */

/* {== Tables ============================================================= */

/*
** Reads a table with a separator between cells (RFC 4180) from bytes that come
** in pieces; where they are cut makes no difference. Lines end in LF; quoted
** cells may have line breaks, separators and doubled quotes in them. Lines of
** white space alone are passed over. A row is held in memory, of at most
** RNL_MAX_ROW bytes, and so are the numbers of the rows that were taken.
**
**     feed(first piece);
**     for (;;) {
**       next(&n);
**       if (n) take;              // or look at the cells
**       else if (ended) break;
**       else feed(next piece), or end;
**     }
**     tensor(i, &column);
**
** RNL_EFORMAT ends the reading; rnl_csv_fault tells more than its text.
*/
typedef struct rnl_Csv rnl_Csv;

#define RNL_MAX_ROW (1 << 24)   /* bytes */

typedef enum rnl_CsvKind {
  RNL_CSV_TEXT,     /* cells are not looked at */
  RNL_CSV_NUMBER,   /* decimal with a point, finite; NaN is a missing cell */
  RNL_CSV_DATE,     /* as rnl_date_read; never missing */
  RNL_CSV_GUESS     /* what the first cell is that is not missing */
} rnl_CsvKind;

/*
** What a row cannot be: "open", its quote is not closed; "quote", a cell that
** is not quoted has one; "behind", there is text behind a quoted cell; "long";
** "cells", it has more or fewer than there are columns; "rows", one too many; a
** cell that is no "number", a date whose "spelling", "order" or "range" is
** wrong (rnl_date_read), or which is "missing".
*/
typedef struct rnl_CsvFault {
  const char *what;
  uint64_t line;      /* from 1 */
  int column;         /* from 0; -1: of the row */
  uint64_t since;     /* the line that the kind was guessed from, or 0 */
} rnl_CsvFault;

RNL_API int rnl_csv_new (rnl_Context *ctx, char separator, rnl_Csv **out);
RNL_API void rnl_csv_free (rnl_Csv *r);   /* NULL is fine */

/* A cell that stands for no number or date, without white space around it. */
RNL_API int rnl_csv_missing (rnl_Csv *r, const char *s, size_t n);

/* How rnl_date_read reads the dates; NULL is its own way. */
RNL_API int rnl_csv_dates (rnl_Csv *r, const char *format);

/*
** The kinds of n > 0 columns, once, before rows are taken; 'keep' what is
** taken, for rnl_csv_tensor.
*/
RNL_API int rnl_csv_columns (rnl_Csv *r, int n, const rnl_CsvKind *kind,
                             int keep);

RNL_API int rnl_csv_feed (rnl_Csv *r, const char *s, size_t n);
RNL_API void rnl_csv_end (rnl_Csv *r);    /* no more pieces */

/*
** Cuts the next row into '*cells' cells; 0 when that takes more bytes, or after
** the end when there is none.
*/
RNL_API int rnl_csv_next (rnl_Csv *r, int *cells);

/* A cell of that row, borrowed until the next call of next or feed. */
RNL_API const char *rnl_csv_cell (const rnl_Csv *r, int i, size_t *n);

/* Takes that row: checks it and reads its numbers and dates. */
RNL_API int rnl_csv_take (rnl_Csv *r);

/* The number or date of the row that was taken, in a column of them. */
RNL_API double rnl_csv_value (const rnl_Csv *r, int i);

/* The kind of a column; RNL_CSV_GUESS while all of its cells are missing. */
RNL_API rnl_CsvKind rnl_csv_kind (const rnl_Csv *r, int i);

/* Rows that were taken. */
RNL_API uint64_t rnl_csv_rows (const rnl_Csv *r);

/* Where the row begins that was cut last; and, of those kept, row i from 0. */
RNL_API uint64_t rnl_csv_line (const rnl_Csv *r);
RNL_API uint64_t rnl_csv_line_of (const rnl_Csv *r, uint64_t i);

RNL_API const rnl_CsvFault *rnl_csv_fault (const rnl_Csv *r);

/*
** A column that was kept and is no text as a tensor (n) of float64, which the
** reader no longer has.
*/
RNL_API int rnl_csv_tensor (rnl_Csv *r, int i, rnl_Tensor **out);

/* Lets go of all but the lines of rows. */
RNL_API void rnl_csv_finish (rnl_Csv *r);

/* }====================================================================== */

/* {== Word vectors ======================================================= */

/*
** Files of word vectors, in the formats that tools exchange:
**   word2vec   text: a line "WORDS DIMENSIONS", then a word and its numbers on
**              each line
**   binary     the same line; then for each word its bytes, a space, float32
**              numbers, least byte first, and a newline or nothing
**   glove      as word2vec, without the first line
** Fields of a line are separated by spaces or tabs. The last ones are the
** numbers; what is before them is the word, which may have spaces inside. Words
** are bytes, UTF-8 or not. Numbers are decimal with a point, whatever the
** locale, and finite. Nothing in a file is trusted: no memory is taken for what
** a file says will come.
*/
typedef enum rnl_VectorFormat {
  RNL_VECTORS_AUTO,     /* to read: what the beginning looks like */
  RNL_VECTORS_WORD2VEC,
  RNL_VECTORS_BINARY,
  RNL_VECTORS_GLOVE
} rnl_VectorFormat;

#define RNL_MAX_DIMENSIONS 65536   /* numbers of a vector */

/*
** Reads vectors from bytes that come in pieces; where they are cut makes no
** difference. Errors are RNL_EFORMAT, the text tells the line or the word, and
** end the reading; RNL_ENOMEM.
**
**     feed(first piece);
**     for (;;) {
**       next(&word, &n);
**       if (word) take, or not, and next again;
**       else if (ended) break;
**       else feed(next piece), or end;
**     }
**     tensor(&weight);
*/
typedef struct rnl_VectorReader rnl_VectorReader;

/* 'dtype' of the tensor to be: RNL_F32 or RNL_F64. */
RNL_API int rnl_vectors_new (rnl_Context *ctx, rnl_VectorFormat format,
                             rnl_Dtype dtype, rnl_VectorReader **out);
RNL_API void rnl_vectors_free (rnl_VectorReader *r);   /* NULL is fine */
RNL_API int rnl_vectors_feed (rnl_VectorReader *r, const char *s, size_t n);
RNL_API void rnl_vectors_end (rnl_VectorReader *r);    /* no more pieces */

/*
** The next word, borrowed until the next call; NULL when that takes more bytes,
** or after the end when there is none. Numbers of words that are not taken are
** not looked at.
*/
RNL_API int rnl_vectors_next (rnl_VectorReader *r, const char **word,
                              size_t *n);

/* Keeps the vector of the word that 'next' gave, as the next row. */
RNL_API int rnl_vectors_take (rnl_VectorReader *r);

/* The rows that were kept as a tensor (V,D); the reader is used up. */
RNL_API int rnl_vectors_tensor (rnl_VectorReader *r, rnl_Tensor **out);

typedef struct rnl_Word {
  const char *s;
  size_t n;
} rnl_Word;

/*
** Writes word i with row i of 'weight' (V,D), as rnl_file_save does. Text has
** as many digits as give the same number again; binary is float32. RNL_EFORMAT,
** naming it, for a word or a number that would not be read back.
*/
RNL_API int rnl_vectors_save (rnl_Context *ctx, const char *path,
                              rnl_VectorFormat format, const rnl_Word *word,
                              rnl_Tensor *weight);

/*
** The rows of 'table' (V,D) with the highest cosines to 'query' (D), best
** first, the earlier row first among equals: row[i] and its cosine score[i], as
** many as there are, at most 'k'; their count goes to '*n'. A vector of zeros
** has the cosine 0. RNL_ESHAPE, RNL_EDTYPE or RNL_ENOMEM.
*/
RNL_API int rnl_nearest (rnl_Tensor *table, rnl_Tensor *query, int k,
                         int *row, double *score, int *n);

/* }====================================================================== */

/* {== Tokens ============================================================= */

/*
** A sequence of ids of any length, kept narrow (1, 2 or 4 bytes an id): in
** memory, in a token file, or as a text file whose every byte is an id. Files
** are read by windows at 64-bit offsets. They are not trusted: each id that is
** read is checked, and a file that has been changed since is an error.
*/
typedef struct rnl_Tokens rnl_Tokens;

typedef enum rnl_TokenPlace {
  RNL_IN_MEMORY,
  RNL_IN_FILE,    /* a token file */
  RNL_IN_TEXT     /* the text itself */
} rnl_TokenPlace;

RNL_API void rnl_tokens_retain (rnl_Tokens *t);
RNL_API void rnl_tokens_release (rnl_Tokens *t);   /* NULL is fine */
RNL_API int64_t rnl_tokens_count (const rnl_Tokens *t);
RNL_API int rnl_tokens_width (const rnl_Tokens *t);   /* bytes of an id */
RNL_API rnl_TokenPlace rnl_tokens_place (const rnl_Tokens *t);

/*
** Reads steps + 1 ids from 'first' on: x[i * stride] gets the first 'steps',
** y[i * stride] the last; y may be NULL. RNL_ESHAPE when there are not so many;
** RNL_EIO, RNL_EFORMAT: the file cannot be read, or is not what it was.
*/
RNL_API int rnl_tokens_window (rnl_Tokens *t, int64_t first, int64_t steps,
                               int32_t *x, int32_t *y, int64_t stride);

/* Reads n ids as the bytes they are; RNL_EARG unless there are 256. */
RNL_API int rnl_tokens_bytes (rnl_Tokens *t, int64_t first, size_t n,
                              char *out);

/*
** The bytes of a regular file from 'offset' on, each a text for 'v' and below
** 'vocab'; a byte that is not shows when it is read.
*/
RNL_API int rnl_tokens_text (rnl_Context *ctx, const char *path,
                             int64_t offset, const rnl_Vocab *v, int vocab,
                             rnl_Tokens **out);

/*
** Opens a token file. '*out' is NULL when there is none or it is of another
** key or vocabulary, or is damaged: it may be written anew. RNL_EFORMAT when
** the file is no token file, and must not be lost.
*/
RNL_API int rnl_tokens_open (rnl_Context *ctx, const char *path, int vocab,
                             const char *key, rnl_Tokens **out);

/* How to keep ids that are appended one after the other. */
typedef struct rnl_TokenPlan {
  int vocab;            /* ids are 0 .. vocab - 1 */
  uint64_t expected;    /* about how many there will be; 0: not known */
  size_t memory;        /* bytes of ids that may stay in memory; more go to: */
  const char *path;     /* a token file, replaced at the end; NULL: */
  const char *folder;   /* a file without a name, in this folder */
  const char *key;      /* what the ids were made of, for rnl_tokens_open;
                           up to 200 bytes */
} rnl_TokenPlan;

typedef struct rnl_TokenWriter rnl_TokenWriter;

RNL_API int rnl_writer_new (rnl_Context *ctx, const rnl_TokenPlan *plan,
                            rnl_TokenWriter **out);
RNL_API void rnl_writer_free (rnl_TokenWriter *w);   /* NULL is fine */

/* Any error ends the writing; RNL_EARG is an id out of range. */
RNL_API int rnl_writer_append (rnl_TokenWriter *w, const int32_t *id,
                               size_t n);

/* Appends bytes as ids 0 .. 255; RNL_EARG unless there are 256. */
RNL_API int rnl_writer_bytes (rnl_TokenWriter *w, const char *s, size_t n);

/* All that was appended; the writer is used up, whatever the status. */
RNL_API int rnl_writer_finish (rnl_TokenWriter *w, rnl_Tokens **out);

/* }====================================================================== */

#ifdef __cplusplus
}
#endif

#endif
