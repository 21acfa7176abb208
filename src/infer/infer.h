/*
** infer.h - what the files of models share: memory, products, layers, kinds.
**
** A model is made by a loader, which reads the description of its layers; all
** that it keeps lies in blocks of the model. A state has a stack of work
** memory, which grows to what its work needs and then stays.
*/
#ifndef RNLI_INFER_H
#define RNLI_INFER_H

#include <stdatomic.h>

#include "core/core.h"
#include "io/header.h"
#include "io/json.h"
#include "kernels/unit.h"
#include "text/text.h"
#include "text/tokenizer.h"
#include "text/units.h"

typedef struct rnli_Kind rnli_Kind;

struct rnl_Model {
  rnl_Context *ctx;           /* of its memory, while it is made and freed */
  atomic_int refs;
  struct rnli_Kept *kept;
  rnl_Alloc alloc;            /* for states */
  void *ud;
  rnli_Level level;
  const rnli_Kernels *k;      /* of its precision */
  const rnli_Kind *kind;
  void *made;                 /* what the kind has loaded */
  rnli_Tokenizer *tok;        /* or NULL */
  const char *text;           /* has keys of metadata, values behind them: */
  const uint32_t *meta;       /* (nmeta) where */
  int nmeta;
  const char *const *label;
  const char *const *column;
  rnl_Sizes sizes;
  uint64_t print;             /* of its weights: whose a saved state is */
};

/* {== Work memory ======================================================== */

/* Parts of blocks, given back all together, or down to a mark. */
typedef struct rnli_Work {
  rnl_Context *ctx;
  void *block;                /* the latest; it knows the one before */
  size_t used, size;          /* of it */
} rnli_Work;

/*
** n elements of 'each' bytes, aligned to 64, contents undefined. NULL, with the
** text of RNL_ENOMEM, when memory is refused.
*/
void *rnli_work (rnli_Work *w, size_t n, size_t each);

/* Gives all parts back. */
void rnli_work_reset (rnli_Work *w);
void rnli_work_free (rnli_Work *w);

/* Gives back what was taken since a mark; blocks of that become one. */
typedef struct rnli_Mark {
  void *block;
  size_t used;
} rnli_Mark;

rnli_Mark rnli_work_mark (const rnli_Work *w);
void rnli_work_back (rnli_Work *w, rnli_Mark mark);

/* n * each numbers. */
float *rnli_floats (rnli_Work *w, size_t n, size_t each);

/* }====================================================================== */

/* {== Numbers side by side =============================================== */

/* Their sum; that of products, each of them rounded; the largest, not NaN. */
double rnli_total (const float *x, size_t n);
double rnli_dot (const float *a, const float *b, size_t n);
float rnli_largest (const float *x, size_t n);

/* log of the sum of e^(x - top), '*top' being the largest. */
double rnli_log_total (const float *x, size_t n, float *top);

/* In place: x becomes e^(x - top), whose sum is returned; tanh x. */
double rnli_exp_all (float *x, size_t n, float top);
void rnli_tanh_all (float *x, size_t n);

/* Rows of n numbers, 'ld' apart: 0 is one row, again and again. */
void rnli_copy (float *to, size_t to_ld, const float *from, size_t from_ld,
                size_t rows, size_t n);

/* }====================================================================== */

/* {== Options =========================================================== */

/*
** The options that a host has given, as far as it knows of them, in the place
** of those by default in 'own' of 'size' bytes. 0 when they do not begin with
** their size: they were not begun with RNL_LOAD or the like.
*/
int rnli_options (void *own, size_t size, const void *given);

/* }====================================================================== */

/* {== Loading ============================================================ */

/*
** Where the tensors of a model come from: a file, or tensors that are there.
** 'read' gives n floats from 'at' on, all finite, or RNL_EFORMAT.
*/
typedef struct rnli_Provider {
  int (*find) (void *from, const char *name, rnli_Stored *out);   /* or 0 */
  int (*read) (void *from, const rnli_Stored *t, size_t at, size_t n,
               float *to);
} rnli_Provider;

typedef struct rnli_Loader {
  rnl_Model *model;
  rnl_Context *ctx;
  const char *name;           /* in messages: the path */
  const rnli_Provider *tensors;
  void *from;
  size_t spare;               /* bytes that tables of products may take */
  const rnli_Json *layers;    /* the description: path -> layer */
  char *small;                /* room for small things of the model, */
  size_t left;                /* so many bytes */
} rnli_Loader;

/* Memory of the model, aligned to 64; NULL with the text of RNL_ENOMEM. */
void *rnli_keep (rnli_Loader *l, size_t n, size_t each);

/* The same for things of which there may be many; aligned to 8. */
void *rnli_keep_small (rnli_Loader *l, size_t n, size_t each);

/* What the kind of the model has loaded, all 0 so far; NULL likewise. */
void *rnli_made (rnli_Loader *l, size_t size);

/* What a model keeps: a block, or a thing that it lets go of. */
typedef struct rnli_Kept {
  struct rnli_Kept *before;
  void *thing;
  void (*let_go) (void *thing);   /* or NULL */
} rnli_Kept;

/* The model has a thing; it is let go of at once when memory is refused. */
int rnli_own (rnli_Loader *l, void *thing, void (*let_go) (void *thing));

/* RNL_EFORMAT with "NAME: text". */
int rnli_misfit (rnli_Loader *l, const char *fmt, ...) RNLI_PRINTF(2, 3);

/* The same with 'what' and the error that there just was. */
int rnli_misfit_of (rnli_Loader *l, const char *what);

/* A string of the metadata, or NULL. */
const char *rnli_meta (const rnli_Loader *l, const char *key);

/*
** JSON under a key of the metadata, which the model keeps; RNL_EFORMAT without
** the key or when it is damaged.
*/
int rnli_meta_json (rnli_Loader *l, const char *key, const rnli_Json **out);

/*
** Members of an object: an integer, -1 unless it is there and from 'least' >= 0
** to 'most'; a truth, -1 if it is none; a number, 'def' if it is not there, NaN
** if it is none; a list, which without members may be written as an object, or
** NULL.
*/
int64_t rnli_int (const rnli_Json *o, const char *key, int64_t least,
                  int64_t most);
int rnli_truth (const rnli_Json *o, const char *key);
double rnli_member (const rnli_Json *o, const char *key, double def);
const rnli_Json *rnli_list (const rnli_Json *o, const char *key);

/*
** Which one of the words "LSTM|GRU" a string is, from 0; -1: none of them, as
** NULL and what is no string. The words end where a space or the line does.
*/
int rnli_which (const char *words, const char *s);
int rnli_among (const rnli_Json *x, const char *words);

/* Is it a list of n numbers above 'least'? They go to 'to'. */
int rnli_numbers (const rnli_Json *list, size_t n, double least, double *to);

/* Reads the description and checks its classes and names of options. */
int rnli_read_layers (rnli_Loader *l);

/* The layer described at a path; NULL: there is none. */
const rnli_Json *rnli_layer (const rnli_Loader *l, const char *path);

/* Is it of one of the classes, "LSTM|GRU"? Not if it is NULL. */
int rnli_is_class (const rnli_Json *layer, const char *classes);

/*
** Is there one layer of these classes, whatever its path, which goes to 'path'?
** One that is cut there has no tensors.
*/
int rnli_only_layer (const rnli_Loader *l, const char *classes,
                     char path[RNLI_MAX_NAME]);

/* Size i of a layer, from 0; -1: there is none. */
int rnli_size (const rnli_Json *layer, int i);

/* An option of a layer, or what it is by default. */
double rnli_number_of (const rnli_Json *layer, const char *name, double def);
int rnli_flag_of (const rnli_Json *layer, const char *name, int def);

/* -1 unless it is an integer from 'least' on, of at most 'most'. */
int rnli_whole_of (const rnli_Json *layer, const char *name, int def,
                   int least, int most);

/* -1 unless it is one of the words; the first one by default. */
int rnli_word_of (const rnli_Json *layer, const char *name, const char *words);

/*
** The tensor PATH.NAME, or NAME alone without a path, as floats of the shape
** (dim[0], ...), in memory of the model or, in '*_once' ones, to be given back
** by rnli_put. RNL_EFORMAT when it is missing, misshapen or not finite.
*/
int rnli_tensor (rnli_Loader *l, const char *path, const char *name, int ndim,
                 const int *dim, float **out);
int rnli_tensor_once (rnli_Loader *l, const char *path, const char *name,
                      int ndim, const int *dim, float **out);

/*
** A tensor that is there and of its shape, before room is made for it, else
** RNL_EFORMAT; and n of its numbers from 'at' on.
*/
typedef struct rnli_Found {
  rnli_Stored t;
  uint64_t print;             /* of its name */
} rnli_Found;

int rnli_tensor_find (rnli_Loader *l, const char *path, const char *name,
                      int ndim, const int *dim, rnli_Found *out);
int rnli_tensor_part (rnli_Loader *l, const rnli_Found *from, size_t at,
                      size_t n, float *to);

/* }====================================================================== */

/* {== Products =========================================================== */

/*
** y = x w' + b with packed weights, of the precision of the model: columns in
** panels. Sums are made as the ops of the engine make them in recurrent layers.
*/
typedef struct rnli_Dense {
  int in, out;                /* out: of a cell, units */
  int cols, panels;           /* a panel makes 'cols' columns of y */
  rnli_Form full, last;       /* of panels; of the last, which has the rest */
  size_t k, size, words;      /* words of a row of x; of a full panel; of all */
  char *panel;
  float *bias;                /* (panels * cols), or NULL */
} rnli_Dense;

static inline rnli_Form rnli_form (const rnli_Dense *d, int p) {
  return p + 1 < d->panels ? d->full : d->last;
}

static inline char *rnli_panel (const rnli_Kernels *k, const rnli_Dense *d,
                                int p) {
  return d->panel + (size_t)p * d->size * (size_t)k->word_bytes;
}

static inline size_t rnli_dense_bytes (const rnli_Kernels *k,
                                       const rnli_Dense *d) {
  return d->words * (size_t)k->word_bytes;
}

/* n numbers of each row of a tensor, which begin 'ld' apart, the first 'at'. */
typedef struct rnli_Slice {
  rnli_Found from;
  size_t at, ld;
  int n;
} rnli_Slice;

/* Rows of 'in' weights, in memory or in a file, that are read as they are
   packed. */
typedef struct rnli_Weights {
  int in;
  const float *w;             /* NULL: a row is made of ... */
  rnli_Slice slice[2];        /* ... these; the second may have none */
  int kernel;                 /* unless it is 0, a row lies as (in / kernel,
                                 kernel) and is wanted the other way around */
} rnli_Weights;

/*
** Those of the tensor PATH.NAME (rows,in), or, unless 'kernel' is 0, (rows,
** in / kernel, kernel).
*/
int rnli_weights (rnli_Loader *l, const char *path, const char *name, int rows,
                  int in, int kernel, rnli_Weights *w);

/* The columns of a product of a cell of H units, 'in' elements each. */
int rnli_dense_room (rnli_Loader *l, const rnli_Unit *u,
                     const rnli_Product *product, int H, int in,
                     rnli_Dense *d);
int rnli_dense_bias (rnli_Loader *l, rnli_Dense *d);   /* room, all 0 */
int rnli_dense_fill (rnli_Loader *l, const rnli_Unit *u,
                     const rnli_Product *product, const rnli_Weights *w,
                     rnli_Dense *d);

/* Panel p of that to 'to', of d's form. */
int rnli_dense_panel (rnli_Loader *l, const rnli_Unit *u,
                      const rnli_Product *product, const rnli_Weights *w,
                      const rnli_Dense *d, int p, char *to);

/* Packs 'out' rows, and b (out), or NULL. */
int rnli_dense_pack (rnli_Loader *l, const rnli_Weights *w, const float *b,
                     int out, rnli_Dense *d);

/* The same with the tensor PATH.BIAS, unless that is NULL. */
int rnli_dense_read (rnli_Loader *l, const rnli_Weights *w, const char *path,
                     const char *bias, int out, rnli_Dense *d);

/* The tensors PATH.NAME (out,in) and PATH.BIAS (out), or NULL: without one. */
int rnli_matrix (rnli_Loader *l, const char *path, const char *name,
                 const char *bias, int in, int out, rnli_Dense *d);

/* The tensors "weight" (out,in) and maybe "bias" (out) at a path. */
int rnli_dense_load (rnli_Loader *l, const char *path, int in, int out,
                     int bias, rnli_Dense *d);

/* The layer "Linear" at a path, with 'in' and 'out' as wanted, -1: any. */
int rnli_linear (rnli_Loader *l, const char *path, int in, int out,
                 rnli_Dense *d);

/* y (rows, out), its rows 'ld' apart. RNL_ENOMEM for work memory. */
int rnli_dense (const rnl_Model *m, const rnli_Dense *d, rnli_Work *w,
                const float *x, int rows, float *y, size_t ld);

/* Rows of x as words of the precision. */
typedef struct rnli_Rows {
  char *words;
  size_t ld;                  /* words between rows */
  int rows;
} rnli_Rows;

/* Room for rows of n elements; x, its rows 'ld' apart, or NULL for later. */
int rnli_rows (const rnli_Kernels *k, rnli_Work *w, const float *x, size_t ld,
               int rows, int n, rnli_Rows *a);

/* The factors of a tile: rows of x from 'from' on, panel p. */
static inline void rnli_tile_of (const rnli_Kernels *k, const rnli_Rows *a,
                                 const rnli_Dense *d, int from, int p,
                                 rnli_Tile *t) {
  t->a = a->words + (size_t)from * a->ld * (size_t)k->word_bytes;
  t->a_row = (ptrdiff_t)a->ld;
  t->a_k = 1;
  t->form = rnli_form(d, p);
  t->k = d->k;
  t->chunks = 1;
  t->b = rnli_panel(k, d, p);
}

/* Parts that workers share weights of so many bytes in. */
int rnli_parts (const rnl_Context *ctx, size_t bytes, int panels);

/* The layer "Embedding" at a path as its table (V,D), -1: any. */
typedef struct rnli_Table {
  int V, D;
  const float *row;
} rnli_Table;

int rnli_table (rnli_Loader *l, const char *path, int V, int D,
                rnli_Table *t);

/* The rows of n ids, 'ld' apart. */
void rnli_embed (const rnli_Table *t, const int32_t *ids, int n, float *x,
                 size_t ld);

/* }====================================================================== */

/* {== Recurrent layers =================================================== */

/* One layer in one direction. */
typedef struct rnli_Lane {
  float *peep;                /* (3,H) or (2,H) */
  float *norm;                /* (2,H) gain and bias of c; then also */
  float *gain_x, *gain_h, *bias;   /* as one row of all panels */
  rnli_Dense x, h;            /* panels as of the cell; all biases in x but
                                 those of a recurrent product that is split */
  rnli_Dense inner;           /* GRU, reset before */
  rnli_Dense proj;            /* LSTM with a projection */
} rnli_Lane;

/*
** LSTM, GRU, RNN, ClockworkRNN. A state of N rows is h (L*dirs,N,S) and, with
** 'cells', c (L*dirs,N,H).
*/
typedef struct rnli_Recurrent {
  int D, H, S, L, dirs;
  int cells;
  int residual;
  int unit;
  const rnli_Unit *u;         /* NULL: ClockworkRNN */
  int W, panels;              /* columns of a panel of gates; panels */
  rnli_Lane *lane;            /* (L*dirs) */
  float *h0, *c0;             /* (L*dirs,S), (L*dirs,H), or NULL: zeros */
  int V;                      /* rows of: */
  float *table;               /* (V, panels*W): products of the first layer
                                 with all ids; or NULL */
  int modules;                /* ClockworkRNN */
  const int *period;
  rnli_Dense *clock;          /* (modules): of units from its first on */
  rnli_Cell cell;             /* what all cells have in common */
} rnli_Recurrent;

/*
** The layer at a path; D its input size, -1: any. With 'embed', which it reads
** through, the products of all ids are made if they are few for their size:
** then V is above 0.
*/
int rnli_recurrent (rnli_Loader *l, const char *path, int D,
                    const rnli_Table *embed, rnli_Recurrent *r);

/* The state before the first step. */
void rnli_recurrent_begin (const rnli_Recurrent *r, int N, float *h, float *c);

/*
** One step of N rows of x (N,D), or of ids (N) when there is a table, in one
** direction. '*t' counts the steps. y (N,S) gets what comes out. RNL_ENOMEM for
** work memory: a state then does not have the memory that its first step took.
*/
int rnli_recurrent_step (const rnl_Model *m, const rnli_Recurrent *r,
                         rnli_Work *w, int N, const float *x,
                         const int32_t *ids, float *h, float *c, int64_t *t,
                         float *y);

/* One row through T steps: x (T,D), its state, y (T,dirs*S). */
int rnli_recurrent_run (const rnl_Model *m, const rnli_Recurrent *r,
                        rnli_Work *w, int T, const float *x, float *h,
                        float *c, int64_t *t, float *y);

/* The same for ClockworkRNN, which has one layer: clockwork.c. */
int rnli_clockwork (rnli_Loader *l, const char *path, int D,
                    rnli_Recurrent *r);
int rnli_clockwork_step (const rnl_Model *m, const rnli_Recurrent *r,
                         rnli_Work *w, int N, const float *x, float *h,
                         int64_t *t, float *y);
int rnli_clockwork_run (const rnl_Model *m, const rnli_Recurrent *r,
                        rnli_Work *w, int T, const float *x, float *h,
                        int64_t *t, float *y);

/* }====================================================================== */

/* {== What scores are made with ========================================== */

/*
** "Linear", "TiedLinear" with the table it shares, or "AdaptiveSoftmax", whose
** scores are logarithms of probabilities: x (N,H) -> (N,U).
*/
typedef struct rnli_Head {
  int H, U;
  rnli_Dense dense;           /* of all; or of the head */
  int clusters;
  const int *cutoff;          /* (clusters): the first id of each */
  rnli_Dense *low, *high;     /* (clusters) */
} rnli_Head;

int rnli_head (rnli_Loader *l, const char *path, const rnli_Table *embed,
               rnli_Head *head);
int rnli_head_run (const rnl_Model *m, const rnli_Head *head, rnli_Work *w,
                   const float *x, int N, float *y, size_t ld);

/* In place, of n numbers. */
void rnli_log_softmax (float *x, size_t n);

/* }====================================================================== */

/* {== Names ============================================================== */

/*
** A vocabulary under a key of the metadata: a list of names, of which none is
** there twice. The first ones are 'symbols' of "<unk>", "<s>" and "</s>".
*/
int rnli_vocabulary (rnli_Loader *l, const char *key, int symbols,
                     const rnl_Words **out);

/* One whose names have rows in the layer "Embedding" at a path; D -1: any. */
int rnli_embedded (rnli_Loader *l, const char *key, int symbols,
                   const char *path, int D, const rnl_Words **out,
                   rnli_Table *t);

/* The id of a name; that of "<unk>", which is 0, if it is not there. */
int32_t rnli_id_of (const rnl_Words *v, const char *s, size_t n);

/* Labels under a key of the metadata: names in the order of their bytes. */
int rnli_labels (rnli_Loader *l, const char *key, const char *const **out,
                 int *n);

/*
** The strings of a list in memory of the model; RNL_EFORMAT if it is none. Or n
** of them to 'name'; RNL_EFORMAT if they are not as many.
*/
int rnli_strings (rnli_Loader *l, const rnli_Json *list, const char *what,
                  const char *const **out, int *n);
int rnli_names (rnli_Loader *l, const rnli_Json *list, const char *what,
                size_t n, const char **name);

/* A string likewise. */
int rnli_string (rnli_Loader *l, const rnli_Json *x, const char *what,
                 const char **out);

/*
** Tags, of which some name parts of spans: "O", or a prefix, "B-PER", "I-PER",
** "E-PER" or "S-PER", and a type.
*/
typedef struct rnli_Tags {
  int n;
  const char *const *name;
  const char *prefix;         /* (n); 0: it names no part of a span */
  const int32_t *type;        /* (n) numbers of types, 0 without one */
} rnli_Tags;

/* Is what is said of n labels beside their names such as is learnt? */
int rnli_counts (const rnli_Json *o, int n);

/* The tags under a key of the metadata; prefixes: those beside "O", "BIES". */
int rnli_tags (rnli_Loader *l, const char *key, const char *prefixes,
               rnli_Tags *tags);

/* Is there one with a prefix? With 0: one that has none. */
int rnli_tags_have (const rnli_Tags *tags, char prefix);

/*
** The labels that tags of a model become, given back in BIO (IOB2) if it is
** 'bio': first[i] for a tag that begins a span, else rest[i].
*/
typedef struct rnli_TagLabels {
  const int32_t *first, *rest;
} rnli_TagLabels;

int rnli_tag_labels (rnli_Loader *l, const rnli_Tags *tags, int bio,
                     rnli_TagLabels *labels);

/* The labels of T tags, in their place. */
void rnli_tags_label (const rnli_Tags *tags, const rnli_TagLabels *labels,
                      int T, int32_t *tag);

/* }====================================================================== */

/* {== Layers between recurrent ones and labels =========================== */

/* "Conv1d" of which T steps make (T - 1) / stride + 1. */
typedef struct rnli_Conv {
  int D, F, kernel, stride, dilation;
  int left;                   /* steps before the first that it sees */
  rnli_Dense dense;           /* of 'kernel' steps side by side */
} rnli_Conv;

int rnli_conv (rnli_Loader *l, const char *path, int D, rnli_Conv *c);

static inline int rnli_conv_steps (const rnli_Conv *c, int T) {
  return (T - 1) / c->stride + 1;
}

/* x (T,D), T > 0 -> y (rnli_conv_steps, F) */
int rnli_conv_run (const rnl_Model *m, const rnli_Conv *c, rnli_Work *w,
                   const float *x, int T, float *y);

/* "Pool" or "AttentionPool": steps (T,F), T > 0, as one vector (F). */
enum { RNLI_POOL_MEAN, RNLI_POOL_MAX, RNLI_POOL_LAST, RNLI_POOL_ATTENTION };

typedef struct rnli_Pooling {
  int F;
  int kind;
  rnli_Dense dense;           /* of attention */
  const float *context;
} rnli_Pooling;

int rnli_pooling (rnli_Loader *l, const char *path, int F, rnli_Pooling *p);
int rnli_pooling_run (const rnl_Model *m, const rnli_Pooling *p, rnli_Work *w,
                      const float *x, int T, float *y);

/*
** A recurrent layer that reads in both directions, and a pool of its states
** and what it read, side by side; or without a pool its last states: steps
** (T,D), T > 0, as one vector (F).
*/
typedef struct rnli_Reader {
  int D, F;
  rnli_Recurrent net;
  int pools;
  rnli_Pooling pool;
} rnli_Reader;

int rnli_reader (rnli_Loader *l, const char *net, const char *pool, int D,
                 rnli_Reader *r);
int rnli_reader_run (const rnl_Model *m, const rnli_Reader *r, rnli_Work *w,
                     const float *x, int T, float *y);

/* Runs a layer over T steps of one row from its first state on. */
int rnli_run_once (const rnl_Model *m, const rnli_Recurrent *r, rnli_Work *w,
                   int T, const float *x, float *y, float **h);

/* "Linear" or "MLP": x (rows,in) -> y (rows,out). */
typedef struct rnli_Mlp {
  int n;
  int widest;
  int activation;
  rnli_Dense *dense;          /* (n) */
} rnli_Mlp;

int rnli_mlp (rnli_Loader *l, const char *path, int in, int out, rnli_Mlp *mlp);
int rnli_mlp_run (const rnl_Model *m, const rnli_Mlp *mlp, rnli_Work *w,
                  const float *x, int rows, float *y);

/* Is what there may be at a path a "Dropout", which does nothing here? */
int rnli_dropout (rnli_Loader *l, const char *path);

/* RNL_EDIVERGED unless all numbers are finite. */
int rnli_finite (rnl_State *s, const float *x, size_t n);

/* Scores to probabilities, in place; RNL_EDIVERGED. */
int rnli_softmax (rnl_State *s, float *x, size_t n);

/* "CRF" of K tags; -inf where a step is forbidden. */
typedef struct rnli_Crf {
  int K;
  float *into;                /* (K,K): to, from */
  float *start, *end;         /* (K) */
} rnli_Crf;

/* 'scheme': "BIOES", "BMES", or NULL: the one that it must keep to. */
int rnli_crf (rnli_Loader *l, const char *path, const rnli_Tags *tags,
              const char *scheme, rnli_Crf *crf);

/* The best tags by scores (T,K), -inf for those that may not be. */
int rnli_crf_decode (const rnli_Crf *crf, rnli_Work *w, const float *score,
                     int T, int32_t *tag);

/* }====================================================================== */

/* {== Words ============================================================== */

/* The id of a word: case folded, digits as 0. */
int rnli_word_id (rnl_State *s, const rnl_Words *v, const char *word, size_t n,
                  int32_t *id);

/*
** What the characters of a word say: "char_embed" and "char_rnn" or
** "char_cnn". F 0: the model reads none.
*/
typedef struct rnli_Spelt {
  int F;
  const rnl_Words *chars;
  rnli_Table embed;
  int convolves;
  rnli_Conv conv;
  rnli_Recurrent net;
} rnli_Spelt;

int rnli_spelt (rnli_Loader *l, rnli_Spelt *p);

/* y (F) of a word of a byte or more. */
int rnli_spelt_run (rnl_State *s, const rnli_Spelt *p, const char *word,
                    size_t n, float *y);

/* }====================================================================== */

/* {== Taggers ============================================================ */

typedef struct rnli_Column {
  const rnl_Words *words;
  rnli_Table embed;
} rnli_Column;

/* What tags words, or characters. */
typedef struct rnli_Tagger {
  const rnl_Words *words;
  rnli_Table embed;
  rnli_Tags tags;
  rnli_TagLabels labels;
  int ncolumns;
  rnli_Column *column;
  int has_crf;
  rnli_Crf crf;
  rnli_Dense out;
  rnli_Recurrent net;
  rnli_Spelt spelt;
} rnli_Tagger;

/* 'scheme' "BMES", or NULL for that of its tags. */
int rnli_tagger (rnli_Loader *l, const char *scheme, rnli_Tagger **out);

/* Some words to be tagged; ids are (T). */
typedef struct rnli_Sentence {
  int T;
  const rnli_Piece *word;     /* as they are spelt; if they are read */
  int32_t *id;
  int32_t *const *column;     /* (ncolumns) ids of each */
  const signed char *fixed;   /* the tag that one must have, -1: any; or NULL */
} rnli_Sentence;

/* The best tags (T). */
int rnli_tagger_run (rnl_State *s, const rnli_Tagger *t,
                     const rnli_Sentence *words, int32_t *tag);

/* }====================================================================== */

/* {== Kinds ============================================================== */

/* What knows how to load a kind of model, and to make its states. */
struct rnli_Kind {
  char name[20];
  int (*load) (rnli_Loader *l);      /* sets made, sizes, label */
  int (*begin) (rnl_State *s);       /* its streams, or NULL: it has none */
};

extern const rnli_Kind rnli_kind_lm, rnli_kind_net, rnli_kind_tagger,
                       rnli_kind_segmenter, rnli_kind_classifier,
                       rnli_kind_seriesclassifier, rnli_kind_seq2seq,
                       rnli_kind_forecaster, rnli_kind_autoencoder;

/* A model of tensors that are there; 'why' has room for RNL_MAX_ERROR. */
int rnli_model_make (const rnli_Provider *tensors, void *from,
                     const rnl_Meta *meta, int nmeta, const rnl_Load *load,
                     rnl_Model **out, char *why);

/* The kind of a file that names none goes by its layers. */
const rnli_Kind *rnli_kind_of (rnli_Loader *l);

/* Kinds "lm" and "net": layers that are stepped. */
typedef struct rnli_Steps {
  rnli_Table embed;           /* no rows: it reads numbers */
  rnli_Recurrent net;
  rnli_Head head;
} rnli_Steps;

int rnli_streams_begin (rnl_State *s);

/* }====================================================================== */

/* {== States ============================================================= */

/* Streams of a model that is stepped. */
typedef struct rnli_Streams {
  size_t bytes;               /* of one block, which is: */
  int64_t *t;                 /* steps done */
  int64_t *seen;              /* place in 'recent' */
  float *h, *c;
  float *outputs;             /* (N, ld) */
  int32_t *recent;            /* (N, 2*history): the last ones end at 'seen',
                                 which goes back when it is full */
  size_t ld;
} rnli_Streams;

struct rnl_State {
  rnl_Model *model;
  rnl_Context *ctx;
  rnli_Work work;             /* of a call */
  int N, history;
  int32_t *ids;               /* (N) */
  float *y;                   /* (N,S) */
  void *draw;                 /* work memory of a draw */
  rnli_Streams now;
  rnli_Work lasting;          /* what stays as long as the state */
  rnli_Work text;             /* results that are borrowed */
  rnli_Stream stream;         /* text of ids that follow each other */
  rnl_Dict *user;             /* words that a segmenter never cuts, or NULL */
};

/* Gives another state the user words of this one. */
int rnli_user_copy (const rnl_State *s, rnl_State *to);

/* RNL_ESTATE unless the model is of a kind. */
int rnli_expect_kind (rnl_State *s, const rnli_Kind *kind);

/* A step of s->ids, or of x (N,D). */
int rnli_step (rnl_State *s, const float *x);

/* A state whose memory, workers and error text are those of a context. */
int rnli_state_new (rnl_Context *ctx, rnl_Model *model,
                    const rnl_Streams *streams, rnl_State **out);

/* }====================================================================== */

#endif
