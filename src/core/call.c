/*
** call.c - running an op: arguments against the row, check, memory, forward,
** record. The only place where ops allocate, so also the only one where they
** can run out of memory.
*/
#include <stdio.h>
#include <string.h>

#include "core/core.h"

/* {== The op table ======================================================= */

#define RNLI_ROW(name) \
  extern const rnl_Op rnli_op_##name##_f32, rnli_op_##name##_f64;
#include "ops/ops.def"
#undef RNLI_ROW

#define RNLI_ROW(name) {&rnli_op_##name##_f32, &rnli_op_##name##_f64},
const rnl_Op *const rnli_ops[][2] = {
#include "ops/ops.def"
};
#undef RNLI_ROW

enum { NOPS = sizeof rnli_ops / sizeof rnli_ops[0] };


int rnl_op_count (void) {
  return NOPS;
}


const rnl_Op *rnl_op_at (int row) {
  return row >= 0 && row < NOPS ? rnli_ops[row][0] : NULL;
}


int rnl_op_find (const char *name) {
  for (int i = 0; i < NOPS; i++)
    if (strcmp(rnli_ops[i][0]->name, name) == 0) return i;
  return -1;
}

/* }====================================================================== */

/* {== For check() ======================================================== */

int rnli_fail (rnl_Call *c, int status, const char *fmt, ...) {
  char text[448];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return rnli_error(c->ctx, status, "%s: %s", c->op->name, text);
}


void rnli_out (rnl_Call *c, int i, rnl_Dtype dtype, int ndim,
               const int *dim) {
  rnli_Out *o = &c->shape[i];
  o->dtype = dtype;
  o->ndim = ndim;
  o->view = -1;
  if (ndim) memcpy(o->dim, dim, (size_t)ndim * sizeof *dim);
}


void rnli_out_like (rnl_Call *c, int i, int like) {
  const rnl_Tensor *t = c->in[like];
  rnli_out(c, i, (rnl_Dtype)t->dtype, t->ndim, t->dim);
}


void rnli_out_view (rnl_Call *c, int i, int in, size_t offset, int ndim,
                    const int *dim) {
  rnli_out(c, i, (rnl_Dtype)c->in[in]->dtype, ndim, dim);
  c->shape[i].view = in;
  c->shape[i].offset = offset;
}


int rnli_axis (rnl_Call *c, int a, int ndim, int *axis) {
  *axis = -1;
  if (!rnli_given(c, a)) return RNL_OK;
  double x = c->attr[a].x;
  int at = (int)x;
  if (at < 0) at += ndim;
  if (at < 0 || at >= ndim) {
    if (x >= 0) x += c->ctx->base;
    return rnli_fail(c, RNL_EARG, "'%s' is %.0f, but the tensor has %d %s",
                     c->op->attr[a].name, x, ndim,
                     ndim == 1 ? "axis" : "axes");
  }
  *axis = at;
  return RNL_OK;
}


int rnli_index (rnl_Call *c, int a, int extent, int *index) {
  double x = c->attr[a].x;
  int at = (int)x;
  if (at < 0) at += extent;
  if (at < 0 || at >= extent) {
    if (x == RNL_BEFORE) x = c->ctx->base - 1;
    else if (x >= 0) x += c->ctx->base;
    return rnli_fail(c, RNL_EARG, "'%s' is %.0f, but the axis has %d elements",
                     c->op->attr[a].name, x, extent);
  }
  *index = at;
  return RNL_OK;
}


int rnli_expect (rnl_Call *c, int in, int ndim, const int *dim) {
  const rnl_Tensor *t = c->in[in];
  int same = t->ndim == ndim;
  for (int i = 0; same && i < ndim; i++) same = t->dim[i] == dim[i];
  if (same) return RNL_OK;
  return rnli_fail(c, RNL_ESHAPE, "'%s' must be %s, got %s",
                   c->op->in[in].name, rnli_dims(ndim, dim).text,
                   rnli_shape(t).text);
}


int rnli_check_ids (rnl_Call *c, int in, int limit, double allowed) {
  const rnl_Tensor *t = c->in[in];
  const int32_t *id = t->data;
  int base = c->ctx->base;
  for (size_t i = 0; i < t->count; i++) {
    if ((id[i] >= 0 && id[i] < limit) || (double)id[i] == allowed) continue;
    return rnli_fail(c, RNL_EARG,
                     "'%s' holds %lld at position %zu; ids run from %d to %lld",
                     c->op->in[in].name, (long long)id[i] + base,
                     i + (size_t)base, base, (long long)limit - 1 + base);
  }
  return RNL_OK;
}

/* }====================================================================== */

/* {== Arguments against the row ========================================== */

static int count_inputs (const rnl_Op *op) {
  int n = 0;
  while (op->in[n].kind != RNL_IN_END) n++;
  return n;
}


/* What input i is declared as; the last of a variadic op repeats. */
static const rnl_Input *input_at (const rnl_Op *op, int i) {
  int n = count_inputs(op);
  return &op->in[i < n ? i : n - 1];
}


static int check_count (rnl_Context *ctx, const rnl_Op *op, int nin) {
  int most = count_inputs(op);
  int least = 0;
  while (least < most && op->in[least].kind != RNL_IN_OPT) least++;
  int list = op->in[most - 1].kind == RNL_IN_LIST;
  if (nin >= least && (list || nin <= most)) return RNL_OK;
  return rnli_error(ctx, RNL_EARG, "%s: takes %d%s tensors, got %d", op->name,
                    list || nin < least ? least : most,
                    list || least < most ? " or more" : "", nin);
}


/* The dtype the call runs in: that of its first input that is not int32. */
static int call_dtype (int nin, rnl_Tensor *const *in) {
  for (int i = 0; i < nin; i++)
    if (in[i] && in[i]->dtype != RNL_I32) return in[i]->dtype;
  return RNL_F32;
}


static int check_input (rnl_Call *c, int i, int dtype, rnl_Tensor *t) {
  const rnl_Input *want = input_at(c->op, i);
  if (!t) {
    if (want->kind == RNL_IN_OPT) return RNL_OK;
    return rnli_fail(c, RNL_EARG, "'%s' is missing", want->name);
  }
  const char *got = rnl_dtype_name((rnl_Dtype)t->dtype);
  if (t->serial == 0)
    return rnli_fail(c, RNL_ESTATE, "'%s' belongs to a tape that is closed",
                     want->name);
  if (want->kind == RNL_IN_ID && t->dtype != RNL_I32)
    return rnli_fail(c, RNL_EDTYPE, "'%s' must be int32, got %s", want->name,
                     got);
  int real = want->kind == RNL_IN_REAL || want->kind == RNL_IN_OPT;
  if (real && t->dtype == RNL_I32)
    return rnli_fail(c, RNL_EDTYPE,
                     "'%s' must be float32 or float64, got int32", want->name);
  if (real && t->dtype != dtype)
    return rnli_fail(c, RNL_EDTYPE, "'%s' must be %s like the others, got %s",
                     want->name, rnl_dtype_name((rnl_Dtype)dtype), got);
  return RNL_OK;
}


static int find_attr (const rnl_Op *op, const char *name) {
  for (int a = 0; op->attr[a].kind != RNL_AT_END; a++)
    if (strcmp(op->attr[a].name, name) == 0) return a;
  return -1;
}


/* "unknown option 'axes' (it has: axis, keepdim)" */
static int unknown_attr (rnl_Call *c, const char *name) {
  char known[256] = "";
  size_t n = 0;
  for (int a = 0; n < sizeof known && c->op->attr[a].kind != RNL_AT_END; a++)
    n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", a ? ", " : "",
                          c->op->attr[a].name);
  return rnli_fail(c, RNL_EARG, "unknown option '%s' (it has: %s)", name,
                   n ? known : "none");
}


/* Position of 'word' in "a|b|c", or -1. */
static int find_word (const char *words, const char *word) {
  size_t n = strlen(word);
  for (int i = 0; words; i++) {
    const char *end = strchr(words, '|');
    size_t len = end ? (size_t)(end - words) : strlen(words);
    if (len == n && memcmp(words, word, n) == 0) return i;
    words = end ? end + 1 : NULL;
  }
  return -1;
}


static int set_word (rnl_Call *c, const rnl_Attr *a, const char *word,
                     rnli_Value *v) {
  int at = word ? find_word(a->words, word) : -1;
  if (at < 0)
    return rnli_fail(c, RNL_EARG, "'%s' must be one of %s, got '%s'", a->name,
                     a->words, word ? word : "?");
  v->x = at;
  return RNL_OK;
}


/* The caller's list may not outlive the call, so copy it. */
static int set_list (rnl_Call *c, const rnl_Arg *arg, rnli_Value *v) {
  size_t bytes = (size_t)arg->nlist * sizeof *v->list;
  rnli_put(c->ctx, v->list);
  *v = (rnli_Value){0, rnli_get(c->ctx, bytes), arg->nlist};
  if (!v->list) return rnli_nomem(c->ctx, c->op->name, bytes);
  if (bytes) memcpy(v->list, arg->list, bytes);
  return RNL_OK;
}


static int set_attr (rnl_Call *c, const rnl_Arg *arg) {
  int i = find_attr(c->op, arg->name);
  if (i < 0) return unknown_attr(c, arg->name);
  const rnl_Attr *a = &c->op->attr[i];
  rnli_Value *v = &c->attr[i];
  if (a->kind == RNL_AT_WORD) return set_word(c, a, arg->word, v);
  if (a->kind == RNL_AT_INTS) return set_list(c, arg, v);
  v->x = arg->value;
  if (a->kind != RNL_AT_REAL) {
    if (!(v->x >= RNL_NONE && v->x <= 2147483647.0) ||
        v->x != (double)(int64_t)v->x)
      return rnli_fail(c, RNL_EARG, "'%s' must be an integer, got %g",
                       a->name, v->x);
  } else if (v->x != v->x) {
    return rnli_fail(c, RNL_EARG, "'%s' is not a number", a->name);
  }
  return RNL_OK;
}


static int set_attrs (rnl_Call *c, const rnl_Arg *arg, int narg) {
  for (int a = 0; c->op->attr[a].kind != RNL_AT_END; a++)
    c->attr[a].x = c->op->attr[a].value;
  for (int i = 0; i < narg; i++) {
    int status = set_attr(c, &arg[i]);
    if (status != RNL_OK) return status;
  }
  return RNL_OK;
}

/* }====================================================================== */

/* {== Memory ============================================================= */

static int make_out (rnl_Call *c, int i) {
  const rnli_Out *o = &c->shape[i];
  if (o->view >= 0)
    return rnli_tensor_view(c->in[o->view], o->offset, o->ndim, o->dim,
                            &c->out[i]);
  return rnli_tensor_raw(c->ctx, o->dtype, o->ndim, o->dim, o->margin,
                         &c->out[i]);
}


static int make_memory (rnl_Call *c) {
  for (int i = 0; c->op->out[i]; i++) {
    int status = make_out(c, i);
    if (status != RNL_OK) return status;
  }
  for (int i = 0; i < RNLI_MAX_KEEP; i++) {
    if (!c->keep_bytes[i]) continue;
    c->keep[i] = rnli_get(c->ctx, c->keep_bytes[i]);
    if (!c->keep[i]) return rnli_nomem(c->ctx, c->op->name, c->keep_bytes[i]);
  }
  if (!c->scratch_bytes) return RNL_OK;
  c->scratch = rnli_get(c->ctx, c->scratch_bytes);
  if (!c->scratch) return rnli_nomem(c->ctx, c->op->name, c->scratch_bytes);
  return RNL_OK;
}


static void free_scratch (rnl_Call *c) {
  rnli_put(c->ctx, c->scratch);
  c->scratch = NULL;
}


static void free_keep (rnl_Call *c) {
  free_scratch(c);
  for (int i = 0; i < RNLI_MAX_KEEP; i++) {
    rnli_put(c->ctx, c->keep[i]);
    c->keep[i] = NULL;
  }
}


void rnli_call_free (rnl_Call *c) {
  free_keep(c);
  for (int i = 0; i < RNL_MAX_OUT; i++) rnl_release(c->out[i]);
  for (int i = 0; i < c->nin; i++) rnl_release(c->in[i]);
  rnl_release(c->seen);
  for (int a = 0; a < RNL_MAX_ATTR; a++) rnli_put(c->ctx, c->attr[a].list);
  rnli_put(c->ctx, c);
}

/* }====================================================================== */

/* {== Running ============================================================ */

static int needs_grad (const rnl_Call *c) {
  if (!c->op->backward) return 0;
  for (int i = 0; i < c->nin; i++)
    if (c->in[i] && c->in[i]->needs_grad) return 1;
  return 0;
}


/* A call with its inputs retained, or NULL. */
static rnl_Call *call_new (rnl_Context *ctx, const rnl_Op *op,
                           rnl_Tensor *const *in, int nin) {
  int declared = count_inputs(op);
  int room = (nin > declared ? nin : declared) + RNLI_MAX_SEEN;
  size_t bytes = sizeof(rnl_Call) + (size_t)room * sizeof(rnl_Tensor *);
  rnl_Call *c = rnli_get(ctx, bytes);
  if (!c) return NULL;
  memset(c, 0, bytes);
  c->ctx = ctx;
  c->op = op;
  c->in = (rnl_Tensor **)(c + 1);
  c->nin = nin;
  for (int i = 0; i < nin; i++) {
    c->in[i] = in[i];
    if (in[i]) rnl_retain(in[i]);
  }
  return c;
}


void rnli_through (rnl_Call *c, int i) {
  const rnl_Call *made = c->in[i]->made;
  int first = count_inputs(c->op);
  c->seen = c->in[i];
  c->in[i] = NULL;
  c->nin = first + made->nin;
  for (int k = 0; k < made->nin; k++) {
    c->in[first + k] = made->in[k];
    if (made->in[k]) rnl_retain(made->in[k]);
  }
}


/* Everything that may fail, in order. */
static int prepare (rnl_Call *c, int dtype, const rnl_Arg *arg, int narg) {
  int status = RNL_OK;
  for (int i = 0; status == RNL_OK && i < c->nin; i++)
    status = check_input(c, i, dtype, c->in[i]);
  if (status == RNL_OK) status = set_attrs(c, arg, narg);
  if (status != RNL_OK) return status;
  c->taped = c->ctx->tape != NULL;
  c->recording = c->taped && needs_grad(c);
  status = c->op->check(c);
  if (status == RNL_OK) status = make_memory(c);
  if (status == RNL_OK && c->taped) status = rnli_tape_reserve(c->ctx->tape);
  return status;
}


/* Gives the outputs to the tape, or to the caller. */
static void deliver (rnl_Call *c, rnl_Tensor **out) {
  for (int i = 0; c->op->out[i]; i++) {
    out[i] = c->out[i];
    out[i]->taped = (unsigned char)c->taped;
    out[i]->made = c->taped ? c : NULL;
    out[i]->needs_grad = (unsigned char)(c->recording &&
                                         out[i]->dtype != RNL_I32);
  }
  if (!c->recording) free_keep(c);
  if (c->taped) {
    rnli_tape_record(c->ctx->tape, c);
  } else {
    memset(c->out, 0, sizeof c->out);
    rnli_call_free(c);
  }
}


int rnl_apply (rnl_Context *ctx, int row, rnl_Tensor *const *in, int nin,
               const rnl_Arg *arg, int narg, rnl_Tensor **out) {
  if (row < 0 || row >= NOPS)
    return rnli_error(ctx, RNL_EARG, "there is no op with number %d", row);
  int dtype = call_dtype(nin, in);
  const rnl_Op *op = rnli_ops[row][dtype == RNL_F64];
  int status = check_count(ctx, op, nin);
  if (status != RNL_OK) return status;
  rnl_Call *c = call_new(ctx, op, in, nin);
  if (!c) return rnli_nomem(ctx, op->name, sizeof *c);
  status = prepare(c, dtype, arg, narg);
  if (status != RNL_OK) {
    rnli_call_free(c);
    return status;
  }
  op->forward(c);
  free_scratch(c);
  deliver(c, out);
  return RNL_OK;
}

/* }====================================================================== */
