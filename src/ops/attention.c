/*
** attention.c - weighted means of values, by how keys match queries, for each
** row n and each head, a slice of d features of q and k and one of v:
**   a = scale q k'                        (Vaswani et al. 2017)
**   a = scale w . tanh(q + k), with w     (Bahdanau, Cho and Bengio 2015)
**   p = softmax a, over the keys that a query sees
**   y = p v
**   dv += p' dy    dp = dy v' + dweights    da = p (dp - sum p dp)
** and from da the gradients of q, k and w. A query that sees no key gets
** zeros. Under dropout p in y, and dp, are multiplied by a mask / (1 - rate).
**
** Work goes by blocks of QUERIES queries, whose p is made again in backward,
** so that memory grows with S, not with T S. Masks are drawn again as well, row
** by row, each from its own seed. Pairs of row and head are shared among the
** workers; when there are few of them, their products are.
** Keeps for backward: the seed.
*/
#include "core/real.h"
#include "kernels/sums.h"
#include "ops/lengths.h"

enum { Q, K, V, W, MASK };
enum { Y, WEIGHTS };
enum { HEADS, LENGTHS, CAUSAL, SCALE, DROPOUT, WANTED };
enum {
  QUERIES = 64,   /* of a block */
  FEW_PAIRS = 4
};

/* One call. */
typedef struct Run {
  rnl_Call *c;
  int T, N, S;
  int heads, d, dv;         /* features of a head */
  int E, F;                 /* of all heads: of q and k, of v */
  int pairs, parts;         /* parts: workers that have memory */
  int drops;
  real scale;
  real *memory;             /* blocks of each part, then dw of each row */
  size_t part;              /* elements of a part */
} Run;

/* Some queries of one pair. */
typedef struct Block {
  const Run *r;
  int n, head;
  int from, count;          /* queries */
  int keys;                 /* the first so many are seen by some of them */
  real *p;                  /* (count,S) */
  real *dropped;            /* p under the mask; p itself without dropout */
  real *dp;                 /* (count,S) */
} Block;

/* {== Sizes ============================================================== */

static Run run_of (rnl_Call *c) {
  const rnl_Tensor *q = c->in[Q], *k = c->in[K], *v = c->in[V];
  Run r = {.c = c, .T = q->dim[0], .N = q->dim[1], .S = k->dim[0],
           .heads = (int)c->attr[HEADS].x, .E = q->dim[2], .F = v->dim[2]};
  r.d = r.E / r.heads;
  r.dv = r.F / r.heads;
  r.pairs = r.N * r.heads;
  r.drops = c->taped && c->attr[DROPOUT].x > 0;
  r.scale = (real)c->attr[SCALE].x;
  if (!rnli_given(c, SCALE))
    r.scale = rnli_data(c, W) ? 1 : (real)(1 / sqrt(r.d > 0 ? r.d : 1));
  return r;
}


/* Elements of the blocks of one worker: p, and in backward dropped and dp. */
static size_t part_of (const Run *r, int blocks) {
  return (size_t)(blocks * QUERIES) * (size_t)r->S;
}


/* Bytes for 'blocks' blocks of each worker and 'rest' elements more. */
static size_t memory (const Run *r, int blocks, size_t rest) {
  int threads = rnl_threads(r->c->ctx);
  int parts = r->pairs < threads ? r->pairs : threads;
  if (r->pairs < FEW_PAIRS) parts = 1;
  size_t n = rnli_mul((size_t)parts, part_of(r, blocks));
  return rnli_mul(rnli_add(n, rest), sizeof(real));
}


/* Deals the memory out again; the number of threads may have changed. */
static void take_memory (Run *r, int blocks, size_t bytes, size_t rest) {
  r->part = part_of(r, blocks);
  r->memory = r->c->scratch;
  if (r->part > 0)
    r->parts = (int)((bytes / sizeof(real) - rest) / r->part);
}


static int check_shapes (rnl_Call *c) {
  const rnl_Tensor *q = c->in[Q], *k = c->in[K], *v = c->in[V];
  double heads = c->attr[HEADS].x;
  if (q->ndim != 3)
    return rnli_fail(c, RNL_ESHAPE, "'q' must be (T, N, E), got %s",
                     rnli_shape(q).text);
  int S = k->ndim > 0 ? k->dim[0] : 0, F = v->ndim == 3 ? v->dim[2] : 0;
  int status = rnli_expect(c, K, 3, (int[]){S, q->dim[1], q->dim[2]});
  if (status == RNL_OK)
    status = rnli_expect(c, V, 3, (int[]){S, q->dim[1], F});
  if (status == RNL_OK && rnli_data(c, W))
    status = rnli_expect(c, W, 1, &q->dim[2]);
  if (status == RNL_OK && rnli_data(c, MASK))
    status = rnli_expect(c, MASK, 2, (int[]){q->dim[0], S});
  if (status != RNL_OK) return status;
  if (!(heads >= 1) || q->dim[2] % (int)heads || F % (int)heads)
    return rnli_fail(c, RNL_EARG, "'heads' must divide the features of q, %d, "
                     "and of v, %d; got %g", q->dim[2], F, heads);
  if ((double)q->dim[1] * (q->dim[2] > F ? q->dim[2] : F) > 2147483647.0 ||
      (double)q->dim[1] * heads > 2147483647.0)
    return rnli_fail(c, RNL_ESHAPE, "'q' %s is too large",
                     rnli_shape(q).text);
  return RNL_OK;
}


static int check_options (rnl_Call *c) {
  int T = c->in[Q]->dim[0], N = c->in[Q]->dim[1], S = c->in[K]->dim[0];
  double rate = c->attr[DROPOUT].x;
  if (!(rate >= 0 && rate <= 1))
    return rnli_fail(c, RNL_EARG, "'dropout' must be from 0 to 1, got %g",
                     rate);
  if (c->attr[CAUSAL].x && T > S)
    return rnli_fail(c, RNL_ESHAPE, "causal: the last query sees the last "
                     "key, so %d queries need as many keys, got %d", T, S);
  return rnli_check_lengths(c, LENGTHS, N, S);
}


static size_t rest_of (const Run *r) {
  return rnli_data(r->c, W) ? (size_t)r->N * (size_t)r->E : 0;
}


static int check (rnl_Call *c) {
  int status = check_shapes(c);
  if (status == RNL_OK) status = check_options(c);
  if (status != RNL_OK) return status;
  Run r = run_of(c);
  int none = 0;
  rnli_out(c, Y, RNLI_DTYPE, 3, (int[]){r.T, r.N, r.F});
  if (c->attr[WANTED].x)
    rnli_out(c, WEIGHTS, RNLI_DTYPE, 4, (int[]){r.N, r.heads, r.T, r.S});
  else
    rnli_out(c, WEIGHTS, RNLI_DTYPE, 1, &none);
  if (r.drops) c->keep_bytes[0] = sizeof(uint64_t);
  c->scratch_bytes = memory(&r, 1, 0);
  if (c->recording) c->back_bytes = memory(&r, 3, rest_of(&r));
  return rnli_blas_ready(c->ctx);
}

/* }====================================================================== */

/* {== Places ============================================================= */

/* Row i of the features of a pair in data (..,N,E). */
static real *at (const Block *b, const void *data, int i, int E, int d) {
  size_t row = (size_t)i * (size_t)b->r->N + (size_t)b->n;
  return (real *)(uintptr_t)data + row * (size_t)E +
         (size_t)b->head * (size_t)d;
}


static real *features (const Block *b, int in, const void *data, int i) {
  const Run *r = b->r;
  if (in == V) return at(b, data, i, r->F, r->dv);
  return at(b, data, i, r->E, r->d);
}


/* Row i of an input. */
static const real *row_at (const Block *b, int in, int i) {
  return features(b, in, b->r->c->in[in]->data, i);
}


/* Elements from one row of an input to the next. */
static int stride (const Run *r, int in) {
  return r->N * (in == V ? r->F : r->E);
}


static const real *w_of (const Block *b) {
  const real *w = rnli_data(b->r->c, W);
  return w ? w + b->head * b->r->d : NULL;
}


/* Row t of the output 'weights' or its gradient. */
static real *weights_at (const Block *b, const void *data, int t) {
  const Run *r = b->r;
  size_t pair = (size_t)b->n * (size_t)r->heads + (size_t)b->head;
  return (real *)(uintptr_t)data +
         (pair * (size_t)r->T + (size_t)t) * (size_t)r->S;
}


/* How many keys query t sees, the first so many. */
static int seen_by (const Run *r, int n, int t) {
  int seen = rnli_length(r->c, LENGTHS, n, r->S);
  int before = t + 1 + r->S - r->T;
  return r->c->attr[CAUSAL].x && before < seen ? before : seen;
}


static Block block_of (const Run *r, int pair, int part, int from) {
  Block b = {.r = r, .n = pair / r->heads, .head = pair % r->heads,
             .from = from};
  b.count = r->T - from < QUERIES ? r->T - from : QUERIES;
  b.keys = seen_by(r, b.n, from + b.count - 1);
  b.p = b.dropped = r->memory + (size_t)part * r->part;
  return b;
}


/* C = beta C + A B, by this thread alone unless the pairs are few. */
static void product (const Run *r, int ta, int tb, int m, int n, int k,
                     const real *a, int lda, const real *b, int ldb,
                     real beta, real *c, int ldc) {
  rnli_gemm(r->pairs < FEW_PAIRS ? r->c->ctx : NULL, ta, tb, m, n, k, a, lda,
            b, ldb, beta, c, ldc);
}

/* }====================================================================== */

/* {== Scores ============================================================= */

RNLI_INLINE real dot_tanh (const real *w, const real *q, const real *k,
                           size_t d) {
  real u[RNLI_BUFFER];
  double sum = 0;
  for (size_t i = 0; i < d; i += RNLI_BUFFER) {
    size_t n = d - i < RNLI_BUFFER ? d - i : RNLI_BUFFER;
    for (size_t j = 0; j < n; j++)
      u[j] = w[i + j] * rnli_tanh(q[i + j] + k[i + j]);
    sum += rnli_sum(u, n, 1);
  }
  return (real)sum;
}


RNLI_WIDE static void additive_scores (const Block *b) {
  const Run *r = b->r;
  for (int i = 0; i < b->count; i++) {
    const real *q = row_at(b, Q, b->from + i);
    real *p = b->p + (size_t)i * (size_t)r->S;
    int seen = seen_by(r, b->n, b->from + i);
    for (int s = 0; s < seen; s++)
      p[s] = dot_tanh(w_of(b), q, row_at(b, K, s), (size_t)r->d);
  }
}


/* p of one query, from its scores; 0 for keys it does not see. */
RNLI_WIDE static void soften (real *p, const real *mask, real scale,
                              size_t seen, size_t keys) {
  for (size_t s = 0; s < seen; s++) p[s] *= scale;
  for (size_t s = 0; mask && s < seen; s++)
    if (mask[s] != 0) p[s] = -(real)INFINITY;
  real top = rnli_top(p, seen, 1);
  if (top == -(real)INFINITY) top = 0;   /* all hidden, or NaN */
  for (size_t s = 0; s < seen; s++) p[s] = rnli_exp(p[s] - top);
  double sum = rnli_sum(p, seen, 1);
  real part = sum == 0 ? 0 : (real)(1 / sum);
  for (size_t s = 0; s < seen; s++) p[s] *= part;
  for (size_t s = seen; s < keys; s++) p[s] = 0;
}


static void make_p (const Block *b) {
  const Run *r = b->r;
  const real *mask = rnli_data(r->c, MASK);
  if (w_of(b)) additive_scores(b);
  else
    product(r, 0, 1, b->count, b->keys, r->d, row_at(b, Q, b->from),
            stride(r, Q), row_at(b, K, 0), stride(r, K), 0, b->p, r->S);
  for (int i = 0; i < b->count; i++) {
    int t = b->from + i;
    soften(b->p + (size_t)i * (size_t)r->S,
           mask ? mask + (size_t)t * (size_t)r->S : NULL, r->scale,
           (size_t)seen_by(r, b->n, t), (size_t)b->keys);
  }
}


/* dropped = p under the mask; the mask also falls on dp, when there is one. */
static void drop (const Block *b) {
  const Run *r = b->r;
  double rate = r->c->attr[DROPOUT].x;
  real scale = rate < 1 ? (real)(1 / (1 - rate)) : 0;
  for (int i = 0; i < b->count; i++) {
    rnl_Rng rng;
    size_t pair = (size_t)b->n * (size_t)r->heads + (size_t)b->head;
    rnl_rng_seed(&rng, *(const uint64_t *)r->c->keep[0] +
                       pair * (size_t)r->T + (size_t)(b->from + i));
    for (int s = 0; s < b->keys; s++) {
      size_t k = (size_t)i * (size_t)r->S + (size_t)s;
      real m = rnl_rng_uniform(&rng) >= rate ? scale : 0;
      b->dropped[k] = b->p[k] * m;
      if (b->dp) b->dp[k] *= m;
    }
  }
}

/* }====================================================================== */

/* {== Running ============================================================ */

typedef void Work (const Run *r, int pair, int part);

typedef struct Round {
  const Run *r;
  Work *work;
} Round;


/* Pairs of one part, which has memory of its own. */
static void run_part (void *arg, int part) {
  const Round *round = arg;
  int from, to;
  rnli_share(round->r->pairs, round->r->parts, part, &from, &to);
  for (; from < to; from++) round->work(round->r, from, part);
}


static void run (const Run *r, Work *work) {
  Round round = {r, work};
  rnli_parallel(r->c->ctx, r->parts, run_part, &round);
}

/* }====================================================================== */

/* {== Forward ============================================================ */

static void keep_weights (const Block *b) {
  const Run *r = b->r;
  size_t keys = (size_t)b->keys, S = (size_t)r->S;
  for (int i = 0; i < b->count; i++) {
    real *to = weights_at(b, r->c->out[WEIGHTS]->data, b->from + i);
    memcpy(to, b->p + (size_t)i * S, keys * sizeof *to);
    memset(to + keys, 0, (S - keys) * sizeof *to);
  }
}


static void forward_pair (const Run *r, int pair, int part) {
  for (int t = 0; t < r->T; t += QUERIES) {
    Block b = block_of(r, pair, part, t);
    make_p(&b);
    if (r->c->attr[WANTED].x) keep_weights(&b);
    if (r->drops) drop(&b);
    product(r, 0, 0, b.count, r->dv, b.keys, b.p, r->S, row_at(&b, V, 0),
            stride(r, V), 0, features(&b, V, r->c->out[Y]->data, t),
            stride(r, V));
  }
}


static void attention_forward (rnl_Call *c) {
  Run r = run_of(c);
  if (r.drops) *(uint64_t *)c->keep[0] = rnl_rng_next(&c->ctx->rng);
  if (r.S == 0) {
    rnl_Tensor *y = c->out[Y];
    memset(y->data, 0, y->count * sizeof(real));
    return;
  }
  take_memory(&r, 1, c->scratch_bytes, 0);
  run(&r, forward_pair);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* dp = dy v', or 0. */
static void make_dp (const Block *b) {
  const Run *r = b->r;
  const void *dy = rnli_dout(r->c, Y);
  if (dy)
    product(r, 0, 1, b->count, b->keys, r->dv, features(b, V, dy, b->from),
            stride(r, V), row_at(b, V, 0), stride(r, V), 0, b->dp, r->S);
  else
    memset(b->dp, 0, (size_t)b->count * (size_t)r->S * sizeof *b->dp);
}


RNLI_INLINE real times (real a, real b) {
  return a * b;
}


/* dp becomes scale da, row by row. */
RNLI_WIDE static void make_da (const Block *b) {
  const Run *r = b->r;
  const void *dweights = r->c->attr[WANTED].x ? rnli_dout(r->c, WEIGHTS)
                                              : NULL;
  size_t keys = (size_t)b->keys;
  for (int i = 0; i < b->count; i++) {
    const real *p = b->p + (size_t)i * (size_t)r->S;
    real *dp = b->dp + (size_t)i * (size_t)r->S;
    if (dweights) {
      const real *dw = weights_at(b, dweights, b->from + i);
      for (size_t s = 0; s < keys; s++) dp[s] += dw[s];
    }
    real sum = (real)rnli_sum_of(p, dp, keys, 1, times);
    for (size_t s = 0; s < keys; s++)
      dp[s] = p[s] * (dp[s] - sum) * r->scale;
  }
}


static void dot_backward (const Block *b, void *dq, void *dk) {
  const Run *r = b->r;
  if (dq)
    product(r, 0, 0, b->count, r->d, b->keys, b->dp, r->S, row_at(b, K, 0),
            stride(r, K), 1, features(b, Q, dq, b->from), stride(r, Q));
  if (dk)
    product(r, 1, 0, b->keys, r->d, b->count, b->dp, r->S,
            row_at(b, Q, b->from), stride(r, Q), 1, features(b, K, dk, 0),
            stride(r, K));
}


/* Where the gradients of one score go, each NULL or d elements. */
typedef struct Goal {
  real *dq, *dk, *dw;
} Goal;


/* Loop by loop through buffers, so that each vectorises. */
RNLI_INLINE void tanh_back (real g, const real *w, const real *q,
                            const real *k, Goal to, size_t d) {
  real u[RNLI_BUFFER], da[RNLI_BUFFER];
  for (size_t i = 0; i < d; i += RNLI_BUFFER) {
    size_t n = d - i < RNLI_BUFFER ? d - i : RNLI_BUFFER;
    for (size_t j = 0; j < n; j++) u[j] = rnli_tanh(q[i + j] + k[i + j]);
    for (size_t j = 0; j < n; j++) da[j] = g * w[i + j] * (1 - u[j] * u[j]);
    for (size_t j = 0; to.dq && j < n; j++) to.dq[i + j] += da[j];
    for (size_t j = 0; to.dk && j < n; j++) to.dk[i + j] += da[j];
    for (size_t j = 0; to.dw && j < n; j++) to.dw[i + j] += g * u[j];
  }
}


/* dw of this pair; after the blocks of all parts. */
static real *own_dw (const Block *b) {
  const Run *r = b->r;
  return r->memory + (size_t)r->parts * r->part +
         (size_t)b->n * (size_t)r->E + (size_t)(b->head * r->d);
}


RNLI_WIDE static void additive_backward (const Block *b, void *dq, void *dk) {
  const Run *r = b->r;
  Goal to = {NULL, NULL, rnli_din(r->c, W) ? own_dw(b) : NULL};
  for (int i = 0; i < b->count; i++) {
    int t = b->from + i, seen = seen_by(r, b->n, t);
    const real *da = b->dp + (size_t)i * (size_t)r->S;
    if (dq) to.dq = features(b, Q, dq, t);
    for (int s = 0; s < seen; s++) {
      if (dk) to.dk = features(b, K, dk, s);
      tanh_back(da[s], w_of(b), row_at(b, Q, t), row_at(b, K, s), to,
                (size_t)r->d);
    }
  }
}


static void backward_block (Block *b) {
  const Run *r = b->r;
  const void *dy = rnli_dout(r->c, Y);
  void *dq = rnli_din(r->c, Q), *dk = rnli_din(r->c, K);
  void *dv = rnli_din(r->c, V);
  make_p(b);
  make_dp(b);
  if (r->drops) drop(b);
  if (dv && dy)
    product(r, 1, 0, b->keys, r->dv, b->count, b->dropped, r->S,
            features(b, V, dy, b->from), stride(r, V), 1,
            features(b, V, dv, 0), stride(r, V));
  if (!dq && !dk && !rnli_din(r->c, W)) return;
  make_da(b);
  if (w_of(b)) additive_backward(b, dq, dk);
  else dot_backward(b, dq, dk);
}


static void backward_pair (const Run *r, int pair, int part) {
  for (int t = 0; t < r->T; t += QUERIES) {
    Block b = block_of(r, pair, part, t);
    if (r->drops) b.dropped = b.p + part_of(r, 1);
    b.dp = b.p + part_of(r, 2);
    backward_block(&b);
  }
}


static void attention_backward (rnl_Call *c) {
  Run r = run_of(c);
  real *dw = rnli_din(c, W);
  size_t rest = rest_of(&r), E = (size_t)r.E;
  if (r.S == 0) return;
  take_memory(&r, 3, c->back_bytes, rest);
  real *own = r.memory + (size_t)r.parts * r.part;
  if (rest > 0) memset(own, 0, rest * sizeof *own);
  run(&r, backward_pair);
  for (size_t i = 0; dw && i < rest; i++) dw[i % E] += own[i];
}

/* }====================================================================== */


RNLI_OP(attention) = {
  .name = "attention",
  .in = {[Q] = {"q", RNL_IN_REAL}, [K] = {"k", RNL_IN_REAL},
         [V] = {"v", RNL_IN_REAL}, [W] = {"w", RNL_IN_OPT},
         [MASK] = {"mask", RNL_IN_OPT}},
  .out = {"y", "weights"},
  .attr = {[HEADS] = {"heads", RNL_AT_INT, 1, NULL},
           [LENGTHS] = {"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           [CAUSAL] = {"causal", RNL_AT_BOOL, 0, NULL},
           [SCALE] = {"scale", RNL_AT_REAL, RNL_NONE, NULL},
           [DROPOUT] = {"dropout", RNL_AT_REAL, 0, NULL},
           [WANTED] = {"weights", RNL_AT_BOOL, 0, NULL}},
  .check = check,
  .forward = attention_forward, .backward = attention_backward,
  .doc = "Mean of the values v, weighted by the softmax of how each key "
         "matches the query, in each of 'heads' slices of the features: "
         "scale q k', or with w scale w tanh(q + k); q (T,N,E), k (S,N,E), "
         "v (S,N,F), w (E), mask (T,S) whose nonzeros hide keys -> y (T,N,F) "
         "and, if 'weights' is true, weights (N,heads,T,S) before dropout; "
         "'lengths' has the keys of each row, 'causal' shows the last query "
         "all keys and each one before it one key less.",
};
