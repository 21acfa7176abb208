/*
** crf.c - linear-chain conditional random fields (Lafferty, McCallum and
** Pereira 2001). A sequence of tags y_1 .. y_L has the score
**   s(y) = start_y1 + sum_t e_t,yt + sum_t trans_yt,y(t+1) + end_yL
** crf gives its -log p(y) = log Z - s(y), Z = sum over all y of e^s(y);
** crf_marginals gives p(y_t = k); crf_decode the tags of largest score
** (Viterbi 1967), n of them by keeping n paths to each tag.
**
** Forward-backward in log space: with a_t(j), b_t(i) the logarithms of all that
** comes before and after,
**   a_t(j) = e_tj + log sum_i e^(a_(t-1)(i) + trans_ij)
**   b_t(i) = log sum_j e^(trans_ij + e_(t+1)j + b_(t+1)(j)),  b_L = end
**   p(y_t = i) = e^(a_t(i) + b_t(i)) / Z, and
**   p(y_t = i, y_(t+1) = j) = p(y_t = i) e^(trans_ij + e_(t+1)j + b_(t+1)(j)
**                                           - b_t(i))
** give d -log p: de_tk = p(y_t = k) - [k = y_t], and so on for the others. The
** largest a and b of every step are taken off, so that neither large scores nor
** long sequences lose digits. Transitions of -inf are forbidden: they have
** probability 0 and no gradient. Steps after a row's length do not count.
**
** Keeps a (N,T,K). Backward takes 2 K^2 numbers for each row.
*/
#include "kernels/sums.h"
#include "ops/lengths.h"
#include "ops/over.h"
#include "ops/reduction.h"

/* One call: sizes and scores. */
typedef struct Crf {
  const rnl_Call *c;
  size_t T, N, K;
  const real *e;              /* (T,N,K) */
  const real *trans;          /* (K,K): from, to */
  const real *start, *end;    /* (K) */
} Crf;

enum { X };
enum { LENGTHS };   /* the first option of all three */


/* 'at': where transitions, start and end are among the inputs. */
static Crf crf_of (const rnl_Call *c, int at) {
  const int *dim = c->in[X]->dim;
  return (Crf){c, (size_t)dim[0], (size_t)dim[1], (size_t)dim[2],
               rnli_data(c, X), rnli_data(c, at), rnli_data(c, at + 1),
               rnli_data(c, at + 2)};
}


static size_t steps_of (const Crf *m, size_t n) {
  return (size_t)rnli_length(m->c, LENGTHS, (int)n, (int)m->T);
}


static size_t at_step (const Crf *m, size_t t, size_t n) {
  return (t * m->N + n) * m->K;
}


static int check_scores (rnl_Call *c, int at) {
  const rnl_Tensor *x = c->in[X];
  if (x->ndim != 3 || x->dim[2] == 0)
    return rnli_fail(c, RNL_ESHAPE, "'emissions' must be (T, N, K) with K > 0, "
                     "got %s", rnli_shape(x).text);
  int K = x->dim[2];
  int status = rnli_expect(c, at, 2, (const int[]){K, K});
  if (status == RNL_OK) status = rnli_expect(c, at + 1, 1, &K);
  if (status == RNL_OK) status = rnli_expect(c, at + 2, 1, &K);
  if (status != RNL_OK) return status;
  return rnli_check_lengths(c, LENGTHS, x->dim[1], x->dim[0]);
}


/* Takes the largest of K numbers off them all and returns it. */
RNLI_INLINE real settle (real *a, size_t K) {
  real m = rnli_top(a, K, 1);
  if (m == -(real)INFINITY) return m;
  for (size_t k = 0; k < K; k++) a[k] -= m;
  return m;
}

/* {== Forward-backward =================================================== */

/* What e^x is taken of x relative to: a largest x of -inf will not do. */
RNLI_INLINE real base_of (real m) {
  return m == -(real)INFINITY ? 0 : m;
}


/*
** next_j = e_j + log sum_i e^(a_i + trans_ij), without its largest part, which
** is returned.
*/
RNLI_INLINE double forward_step (const Crf *m, const real *a, const real *e,
                                 real *next, real *top) {
  size_t K = m->K;
  real most = base_of(rnli_top(e, K, 1));
  for (size_t j = 0; j < K; j++) {
    top[j] = -(real)INFINITY;
    next[j] = 0;
  }
  for (size_t i = 0; i < K; i++) {
    const real *trans = m->trans + i * K;
    for (size_t j = 0; j < K; j++) {
      real s = a[i] + trans[j];
      top[j] = s > top[j] ? s : top[j];
    }
  }
  for (size_t j = 0; j < K; j++) top[j] = base_of(top[j]);
  for (size_t i = 0; i < K; i++) {
    const real *trans = m->trans + i * K;
    for (size_t j = 0; j < K; j++)
      next[j] += rnli_exp(a[i] + trans[j] - top[j]);
  }
  for (size_t j = 0; j < K; j++)
    next[j] = e[j] - most + top[j] + RNLI_M(log)(next[j]);
  return (double)most + (double)settle(next, K);
}


/*
** log Z of row n. a_t goes to 'a' at t modulo 'slots', which is T where all of
** them are wanted and 2 where not; 'top' is room for K numbers.
*/
RNLI_INLINE double forward_row (const Crf *m, size_t n, real *a, size_t slots,
                                real *top) {
  size_t L = steps_of(m, n), K = m->K;
  double log_z = 0;
  real *now = a;
  if (L == 0) return 0;
  for (size_t k = 0; k < K; k++)
    now[k] = m->start[k] + m->e[at_step(m, 0, n) + k];
  log_z += (double)settle(now, K);
  for (size_t t = 1; t < L; t++) {
    const real *before = now;
    now = a + t % slots * K;
    log_z += forward_step(m, before, m->e + at_step(m, t, n), now, top);
  }
  for (size_t k = 0; k < K; k++) top[k] = now[k] + m->end[k];
  real most = settle(top, K);
  return log_z + (double)most + log(rnli_sum_exp(top, K, 1, 0));
}


/* Where backward works on a row. */
typedef struct Work {
  real *b;      /* (K): b_t */
  real *ahead;  /* (K): e_(t+1) + b_(t+1), its largest taken off */
  real *p;      /* (K): p(y_t) */
  real *pair;   /* (K,K): e^(trans_ij + ahead_j), up to a factor ... */
  real *sum;    /* (K): ... whose inverse is the sum of row i */
} Work;


static Work work_at (real *room, size_t K) {
  return (Work){room, room + K, room + 2 * K, room + 4 * K, room + 3 * K};
}


static size_t work_reals (size_t K) {
  return rnli_mul(rnli_add(K, 4), K);
}


/* b_t from b_(t+1), which stands in w->b. */
RNLI_INLINE void backward_step (const Crf *m, const real *e, Work *w) {
  size_t K = m->K;
  for (size_t j = 0; j < K; j++) w->ahead[j] = e[j] + w->b[j];
  settle(w->ahead, K);
  for (size_t i = 0; i < K; i++) {
    real *pair = w->pair + i * K;
    for (size_t j = 0; j < K; j++)
      pair[j] = m->trans[i * K + j] + w->ahead[j];
    real top = base_of(rnli_top(pair, K, 1));
    for (size_t j = 0; j < K; j++) pair[j] = rnli_exp(pair[j] - top);
    w->sum[i] = (real)rnli_sum(pair, K, 1);
    w->b[i] = top + RNLI_M(log)(w->sum[i]);
  }
}


/* w->p = p(y_t) from a_t and b_t. */
RNLI_INLINE void marginals (const real *a, Work *w, size_t K) {
  for (size_t k = 0; k < K; k++) w->p[k] = a[k] + w->b[k];
  settle(w->p, K);
  real scale = (real)(1 / rnli_sum_exp(w->p, K, 1, 0));
  for (size_t k = 0; k < K; k++) w->p[k] = rnli_exp(w->p[k]) * scale;
}

/* }====================================================================== */

/* {== crf ================================================================ */

enum { TAGS = 1, TRANS, START, END };
enum { REDUCTION = 1 };
enum { A };   /* what is kept */


/* Is the step into or out of a tag at 't' of row 'n' allowed? */
static int check_step (rnl_Call *c, int in, real score, size_t t, size_t n) {
  if (score != -(real)INFINITY) return RNL_OK;
  size_t base = (size_t)c->ctx->base;
  return rnli_fail(c, RNL_EARG, "'tags' take a step at %zu of row %zu that "
                   "'%s' forbids (-inf)", t + base, n + base,
                   c->op->in[in].name);
}


static int check_tag (rnl_Call *c, int32_t tag, size_t t, size_t n, int K) {
  if (tag >= 0 && tag < K) return RNL_OK;
  long long base = c->ctx->base;
  return rnli_fail(c, RNL_EARG, "'tags' holds %lld at step %lld of row %lld; "
                   "tags run from %lld to %lld", tag + base,
                   (long long)t + base, (long long)n + base, base,
                   K - 1 + base);
}


static int check_row (rnl_Call *c, const Crf *m, size_t n) {
  const int32_t *tag = (const int32_t *)rnli_data(c, TAGS) + n;
  size_t L = steps_of(m, n), K = m->K, N = m->N;
  int status = RNL_OK;
  for (size_t t = 0; status == RNL_OK && t < L; t++)
    status = check_tag(c, tag[t * N], t, n, (int)K);
  if (status != RNL_OK || L == 0) return status;
  status = check_step(c, START, m->start[tag[0]], 0, n);
  for (size_t t = 1; status == RNL_OK && t < L; t++) {
    size_t from = (size_t)tag[(t - 1) * N], to = (size_t)tag[t * N];
    status = check_step(c, TRANS, m->trans[from * K + to], t, n);
  }
  if (status != RNL_OK) return status;
  return check_step(c, END, m->end[tag[(L - 1) * N]], L - 1, n);
}


/* Numbers of a row's part in the gradients of trans, start and end. */
static size_t shared_reals (size_t K) {
  return rnli_mul(rnli_add(K, 2), K);
}


static size_t row_reals (size_t K) {
  return rnli_add(shared_reals(K), work_reals(K));
}


static size_t slots_of (const rnl_Call *c, const Crf *m) {
  return c->recording ? m->T : 2;
}


static size_t bytes_of (size_t n, size_t reals) {
  return rnli_mul(rnli_mul(n, reals), sizeof(real));
}


static int crf_check (rnl_Call *c) {
  int status = check_scores(c, TRANS);
  if (status == RNL_OK) status = rnli_expect(c, TAGS, 2, c->in[X]->dim);
  if (status != RNL_OK) return status;
  Crf m = crf_of(c, TRANS);
  for (size_t n = 0; status == RNL_OK && n < m.N; n++)
    status = check_row(c, &m, n);
  if (status != RNL_OK) return status;
  int each = c->attr[REDUCTION].x == RNLI_EACH;
  rnli_out(c, 0, RNLI_DTYPE, each ? 1 : 0, c->in[X]->dim + 1);
  size_t losses = rnli_mul(m.N, sizeof(double));
  c->scratch_bytes = rnli_add(losses, bytes_of(m.N, rnli_mul(3, m.K)));
  if (c->recording)
    c->keep_bytes[A] = bytes_of(m.N, rnli_mul(m.T, m.K));
  c->back_bytes = bytes_of(m.N, row_reals(m.K));
  return RNL_OK;
}


/* The score of the tags of row n. */
static double score_of (const Crf *m, size_t n) {
  const int32_t *tag = (const int32_t *)rnli_data(m->c, TAGS) + n;
  size_t L = steps_of(m, n);
  double s = 0;
  for (size_t t = 0; t < L; t++) {
    size_t to = (size_t)tag[t * m->N];
    s += (double)m->e[at_step(m, t, n) + to];
    s += t == 0 ? (double)m->start[to]
                : (double)m->trans[(size_t)tag[(t - 1) * m->N] * m->K + to];
  }
  return L ? s + (double)m->end[tag[(L - 1) * m->N]] : 0;
}


RNLI_WIDE static void crf_part (rnl_Call *c, size_t n, size_t to) {
  Crf m = crf_of(c, TRANS);
  double *loss = c->scratch;
  size_t slots = slots_of(c, &m);
  for (; n < to; n++) {
    real *top = (real *)(void *)(loss + m.N) + n * 3 * m.K;
    real *a = c->keep[A] ? (real *)c->keep[A] + n * m.T * m.K : top + m.K;
    loss[n] = forward_row(&m, n, a, slots, top) - score_of(&m, n);
  }
}


/* Rows of length 0 have no loss and do not count. */
static double weight (const Crf *m) {
  size_t count = 0;
  for (size_t n = 0; n < m->N; n++) count += steps_of(m, n) > 0;
  return rnli_weight(m->c, REDUCTION, count);
}


static size_t cost (const Crf *m) {
  return rnli_mul(rnli_mul(m->T, m->K), m->K);
}


static void crf_forward (rnl_Call *c) {
  Crf m = crf_of(c, TRANS);
  rnli_over(c, m.N, cost(&m), crf_part);
  rnli_finish(c, REDUCTION, c->scratch, m.N, weight(&m));
}


/* d[k] += g (p_k - [k = tag]) */
RNLI_INLINE void add_excess (real *d, const real *p, int32_t tag, real g,
                             size_t K) {
  if (!d) return;
  for (size_t k = 0; k < K; k++) d[k] += g * p[k];
  d[tag] -= g;
}


/* dtrans += g (p(y_t, y_(t+1)) - [both tags]) */
RNLI_INLINE void add_pairs (real *dtrans, const Work *w, int32_t from,
                            int32_t to, real g, size_t K) {
  for (size_t i = 0; i < K; i++) {
    if (!(w->p[i] > 0)) continue;
    real scale = g * w->p[i] / w->sum[i];
    for (size_t j = 0; j < K; j++)
      dtrans[i * K + j] += scale * w->pair[i * K + j];
  }
  dtrans[(size_t)from * K + (size_t)to] -= g;
}


/* Gradients of row n: of its emissions, and its part of the others. */
RNLI_INLINE void back_row (const Crf *m, size_t n, const real *a, real g,
                           real *de, real *part) {
  size_t L = steps_of(m, n), K = m->K;
  const int32_t *tag = (const int32_t *)rnli_data(m->c, TAGS) + n;
  real *dtrans = part, *dstart = part + K * K, *dend = dstart + K;
  Work w = work_at(dend + K, K);
  memset(part, 0, shared_reals(K) * sizeof *part);
  memcpy(w.b, m->end, K * sizeof *w.b);
  for (size_t t = L; t-- > 0;) {
    int32_t now = tag[t * m->N];
    if (t + 1 < L) backward_step(m, m->e + at_step(m, t + 1, n), &w);
    marginals(a + t * K, &w, K);
    add_excess(de ? de + at_step(m, t, n) : NULL, w.p, now, g, K);
    if (t + 1 < L) add_pairs(dtrans, &w, now, tag[(t + 1) * m->N], g, K);
    else add_excess(dend, w.p, now, g, K);
    if (t == 0) add_excess(dstart, w.p, now, g, K);
  }
}


RNLI_WIDE static void crf_back_part (rnl_Call *c, size_t n, size_t to) {
  Crf m = crf_of(c, TRANS);
  double scale = weight(&m);
  for (; n < to; n++)
    back_row(&m, n, (const real *)c->keep[A] + n * m.T * m.K,
             rnli_dy_at(c, REDUCTION, scale, n), rnli_din(c, X),
             (real *)c->scratch + n * row_reals(m.K));
}


/* d += the parts of all rows that begin at 'from', in order. */
static void add_parts (const Crf *m, real *d, size_t from, size_t count) {
  const real *part = (const real *)m->c->scratch + from;
  for (size_t n = 0; d && n < m->N; n++, part += row_reals(m->K))
    for (size_t k = 0; k < count; k++) d[k] += part[k];
}


static void crf_backward (rnl_Call *c) {
  Crf m = crf_of(c, TRANS);
  size_t K = m.K;
  rnli_over(c, m.N, cost(&m), crf_back_part);
  add_parts(&m, rnli_din(c, TRANS), 0, K * K);
  add_parts(&m, rnli_din(c, START), K * K, K);
  add_parts(&m, rnli_din(c, END), K * K + K, K);
}


RNLI_OP(crf) = {
  .name = "crf",
  .in = {[X] = {"emissions", RNL_IN_REAL}, [TAGS] = {"tags", RNL_IN_ID},
         [TRANS] = {"transitions", RNL_IN_REAL},
         [START] = {"start", RNL_IN_REAL}, [END] = {"end", RNL_IN_REAL}},
  .out = {"loss"},
  .attr = {[LENGTHS] = {"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           [REDUCTION] = RNLI_REDUCTION},
  .check = crf_check, .forward = crf_forward, .backward = crf_backward,
  .doc = "Negative log-probability, in nats, of the tags in a linear-chain "
         "conditional random field, the mean over rows; emissions (T, N, K), "
         "tags (T, N), transitions (K, K) from and to, start (K), end (K) -> "
         "loss (), or (N) with reduction 'none'.",
};

/* }====================================================================== */

/* {== crf_marginals ====================================================== */

enum { FREE = 1 };   /* where transitions are when no tags are given */


static size_t marginal_reals (const Crf *m) {
  return rnli_add(rnli_mul(m->T, m->K), work_reals(m->K));
}


static int marginals_check (rnl_Call *c) {
  int status = check_scores(c, FREE);
  if (status != RNL_OK) return status;
  Crf m = crf_of(c, FREE);
  rnli_out_like(c, 0, X);
  c->scratch_bytes = bytes_of(m.N, marginal_reals(&m));
  return RNL_OK;
}


RNLI_INLINE void marginals_row (const Crf *m, size_t n, real *a, real *p) {
  size_t L = steps_of(m, n), K = m->K;
  Work w = work_at(a + m->T * K, K);
  forward_row(m, n, a, m->T, w.p);
  memcpy(w.b, m->end, K * sizeof *w.b);
  for (size_t t = m->T; t-- > 0;) {
    if (t + 1 < L) backward_step(m, m->e + at_step(m, t + 1, n), &w);
    if (t < L) marginals(a + t * K, &w, K);
    else memset(w.p, 0, K * sizeof *w.p);
    memcpy(p + at_step(m, t, n), w.p, K * sizeof *w.p);
  }
}


RNLI_WIDE static void marginals_part (rnl_Call *c, size_t n, size_t to) {
  Crf m = crf_of(c, FREE);
  for (; n < to; n++)
    marginals_row(&m, n, (real *)c->scratch + n * marginal_reals(&m),
                  c->out[0]->data);
}


static void marginals_forward (rnl_Call *c) {
  Crf m = crf_of(c, FREE);
  rnli_over(c, m.N, cost(&m), marginals_part);
}


RNLI_OP(crf_marginals) = {
  .name = "crf_marginals",
  .in = {[X] = {"emissions", RNL_IN_REAL},
         [FREE] = {"transitions", RNL_IN_REAL}, {"start", RNL_IN_REAL},
         {"end", RNL_IN_REAL}},
  .out = {"p"},
  .attr = {[LENGTHS] = {"lengths", RNL_AT_INTS, RNL_NONE, NULL}},
  .check = marginals_check, .forward = marginals_forward,
  .doc = "Probability of each tag at each step of a conditional random field, "
         "0 after a row's length, without a gradient; emissions (T, N, K), "
         "transitions (K, K), start (K), end (K) -> p (T, N, K).",
};

/* }====================================================================== */

/* {== crf_decode ========================================================= */

enum { COUNT = 1 };
enum { PATHS, SCORES };   /* the outputs */

/* The best paths to somewhere, best first; fewer than n end with -inf. */
typedef struct Best {
  size_t n;
  double *score;
  int32_t *from;   /* tag * n + rank of the path that it continues */
} Best;


static void clear (Best b) {
  for (size_t r = 0; r < b.n; r++) {
    b.score[r] = -(double)INFINITY;
    b.from[r] = -1;
  }
}


/* Puts a path where it belongs; one as good as another comes after it. */
static int offer (Best b, double score, int32_t from) {
  size_t r = b.n - 1;
  if (!(score > b.score[r])) return 0;
  for (; r > 0 && score > b.score[r - 1]; r--) {
    b.score[r] = b.score[r - 1];
    b.from[r] = b.from[r - 1];
  }
  b.score[r] = score;
  b.from[r] = from;
  return 1;
}


/* Where a row is decoded. */
typedef struct Search {
  size_t n;
  double *score[2];   /* (K,n): before and after a step */
  double *last;       /* (n) */
  int32_t *from;      /* (T,K,n) */
  int32_t *last_from; /* (n) */
} Search;


/* Room for the search of one row; 'at' NULL only counts. */
static Search search_at (const Crf *m, size_t n, char *at, size_t *bytes) {
  rnli_Room room = {at, 0};
  size_t paths = rnli_mul(m->K, n);
  Search s = {.n = n};
  s.score[0] = rnli_take(&room, paths, sizeof(double));
  s.score[1] = rnli_take(&room, paths, sizeof(double));
  s.last = rnli_take(&room, n, sizeof(double));
  s.from = rnli_take(&room, rnli_mul(m->T, paths), sizeof(int32_t));
  s.last_from = rnli_take(&room, n, sizeof(int32_t));
  *bytes = room.bytes;
  return s;
}


static int decode_check (rnl_Call *c) {
  int status = check_scores(c, FREE);
  if (status != RNL_OK) return status;
  Crf m = crf_of(c, FREE);
  double most = floor((double)INT32_MAX / (double)m.K), n = c->attr[COUNT].x;
  if (!(n >= 1 && n <= most))
    return rnli_fail(c, RNL_EARG, "'n' must be from 1 to %.0f, got %.0f", most,
                     n);
  int dim[] = {(int)n, c->in[X]->dim[0], c->in[X]->dim[1]};
  rnli_out(c, PATHS, RNL_I32, 3, dim);
  dim[1] = dim[2];
  rnli_out(c, SCORES, RNLI_DTYPE, 2, dim);
  size_t bytes;
  search_at(&m, (size_t)n, NULL, &bytes);
  c->scratch_bytes = rnli_mul(m.N, bytes);
  return RNL_OK;
}


/* The best paths to tag j at step t, 'prev' to all tags of the step before. */
static void decode_step (const Crf *m, const Search *s, Best to, size_t j,
                         const double *prev, double e) {
  clear(to);
  for (size_t i = 0; i < m->K; i++) {
    double step = (double)m->trans[i * m->K + j] + e;
    for (size_t r = 0; r < s->n; r++)
      if (!offer(to, prev[i * s->n + r] + step, (int32_t)(i * s->n + r))) break;
  }
}


static void decode_search (const Crf *m, const Search *s, size_t row,
                           size_t L) {
  size_t paths = m->K * s->n;
  for (size_t t = 0; t < L; t++) {
    const real *e = m->e + at_step(m, t, row);
    for (size_t j = 0; j < m->K; j++) {
      Best to = {s->n, s->score[t % 2] + j * s->n,
                 s->from + t * paths + j * s->n};
      if (t > 0) {
        decode_step(m, s, to, j, s->score[(t - 1) % 2], (double)e[j]);
      } else {
        clear(to);
        offer(to, (double)m->start[j] + (double)e[j], 0);
      }
    }
  }
  Best last = {s->n, s->last, s->last_from};
  clear(last);
  if (L == 0) offer(last, 0, 0);
  for (size_t i = 0; L > 0 && i < paths; i++)
    offer(last, s->score[(L - 1) % 2][i] + (double)m->end[i / s->n],
          (int32_t)i);
}


/* Writes path r of a row, -1 where there is none. */
static void trace (const Crf *m, const Search *s, size_t r, size_t row,
                   size_t L) {
  int32_t *tag = (int32_t *)m->c->out[PATHS]->data + r * m->T * m->N + row;
  int32_t at = s->last_from[r];
  for (size_t t = m->T; t-- > 0;) {
    int there = t < L && at >= 0;
    tag[t * m->N] = there ? at / (int32_t)s->n : -1;
    if (there) at = s->from[t * m->K * s->n + (size_t)at];
  }
  ((real *)m->c->out[SCORES]->data)[r * m->N + row] = (real)s->last[r];
}


static void decode_part (rnl_Call *c, size_t row, size_t to) {
  Crf m = crf_of(c, FREE);
  size_t n = (size_t)c->attr[COUNT].x, bytes;
  for (search_at(&m, n, NULL, &bytes); row < to; row++) {
    Search s = search_at(&m, n, (char *)c->scratch + row * bytes, &bytes);
    size_t L = steps_of(&m, row);
    decode_search(&m, &s, row, L);
    for (size_t r = 0; r < n; r++) trace(&m, &s, r, row, L);
  }
}


static void decode_forward (rnl_Call *c) {
  Crf m = crf_of(c, FREE);
  rnli_over(c, m.N, cost(&m), decode_part);
}


RNLI_OP(crf_decode) = {
  .name = "crf_decode",
  .in = {[X] = {"emissions", RNL_IN_REAL},
         [FREE] = {"transitions", RNL_IN_REAL}, {"start", RNL_IN_REAL},
         {"end", RNL_IN_REAL}},
  .out = {[PATHS] = "tags", [SCORES] = "scores"},
  .attr = {[LENGTHS] = {"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           [COUNT] = {"n", RNL_AT_INT, 1, NULL}},
  .check = decode_check, .forward = decode_forward,
  .doc = "The n sequences of tags of largest score in a conditional random "
         "field, best first, and their scores; where there are fewer, and "
         "after a row's length, there is no tag (0 in Lua) and a score of "
         "-inf; emissions (T, N, K), transitions (K, K), start (K), end (K) -> "
         "tags (n, T, N), scores (n, N).",
};

/* }====================================================================== */
