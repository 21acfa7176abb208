/*
** ctc.c - connectionist temporal classification (Graves et al. 2006): the loss
** of a sequence of labels whose places in the input are not known. A path gives
** each step a label or the blank; it stands for the labels that are left when
** repetitions and then blanks are taken out. With p = softmax of the logits,
**   loss = -log sum over the paths that stand for the targets of
**          prod_t p_t,path_t
** Forward-backward over states s = 0 .. 2U, blanks around the U labels, in log
** space and double: a_t(s), b_t(s) are the logarithms of all ways to s at step
** t, and of all ways on from there;
**   dx_tk += dy (p_tk - sum over s of label k of e^(a_t(s) + b_t(s) + loss))
** Logits may be log-probabilities too: softmax leaves those as they are, and
** the gradient is then the one that PyTorch's ctc_loss passes on.
**
** Targets that no path can give have a loss of infinity, and a gradient that is
** not a number; with zero_infinity both are 0.
**
** Keeps a (N,T,2S+1), log sum_k e^logit (N,T), and the losses.
*/
#include "kernels/sums.h"
#include "ops/lengths.h"
#include "ops/over.h"
#include "ops/reduction.h"

enum { X, TARGETS };
enum { LENGTHS, TARGET_LENGTHS, BLANK, REDUCTION, ZERO_INFINITY };
enum { A, NORM, LOSS };   /* what is kept */

/* One call. */
typedef struct Ctc {
  const rnl_Call *c;
  size_t T, N, C, S;
  size_t states;   /* of a row of S labels */
  int32_t blank;
} Ctc;

/* One row. */
typedef struct Row {
  size_t L, U;              /* its steps and labels */
  const int32_t *target;    /* (U) */
  const real *x;            /* its logits at step 0 ... */
  size_t stride;            /* ... and from a step to the next */
  int32_t blank;
  double *a;                /* (slots, states) */
  double *norm;             /* (T) */
} Row;


static Ctc ctc_of (const rnl_Call *c) {
  const int *dim = c->in[X]->dim;
  size_t S = (size_t)c->in[TARGETS]->dim[1];
  return (Ctc){c, (size_t)dim[0], (size_t)dim[1], (size_t)dim[2], S, 2 * S + 1,
               (int32_t)c->attr[BLANK].x};
}


static size_t labels_of (const Ctc *m, size_t n) {
  return (size_t)rnli_length(m->c, TARGET_LENGTHS, (int)n, (int)m->S);
}


static size_t steps_of (const Ctc *m, size_t n) {
  return (size_t)rnli_length(m->c, LENGTHS, (int)n, (int)m->T);
}


static Row row_of (const Ctc *m, size_t n, double *a, double *norm) {
  return (Row){.L = steps_of(m, n), .U = labels_of(m, n),
               .target = (const int32_t *)rnli_data(m->c, TARGETS) + n * m->S,
               .x = (const real *)rnli_data(m->c, X) + n * m->C,
               .stride = m->N * m->C, .blank = m->blank, .a = a, .norm = norm};
}

/* {== Checks ============================================================= */

static int check_targets (rnl_Call *c, const Ctc *m, size_t n) {
  const int32_t *id = (const int32_t *)rnli_data(c, TARGETS) + n * m->S;
  long long base = c->ctx->base;
  for (size_t u = 0; u < labels_of(m, n); u++)
    if (id[u] < 0 || (size_t)id[u] >= m->C || id[u] == m->blank)
      return rnli_fail(c, RNL_EARG, "'targets' holds %lld at position %lld of "
                       "row %lld; labels run from %lld to %lld, without the "
                       "blank, %lld", id[u] + base, (long long)u + base,
                       (long long)n + base, base, (long long)m->C - 1 + base,
                       m->blank + base);
  return RNL_OK;
}


static int check_shapes (rnl_Call *c) {
  const rnl_Tensor *x = c->in[X], *y = c->in[TARGETS];
  if (x->ndim != 3 || x->dim[2] == 0)
    return rnli_fail(c, RNL_ESHAPE, "'logits' must be (T, N, C) with C > 0, "
                     "got %s", rnli_shape(x).text);
  if (y->ndim != 2 || y->dim[0] != x->dim[1])
    return rnli_fail(c, RNL_ESHAPE, "'targets' must be (%d, S), got %s",
                     x->dim[1], rnli_shape(y).text);
  double blank = c->attr[BLANK].x;
  if (!(blank >= 0 && blank < x->dim[2]))
    return rnli_fail(c, RNL_EARG, "'blank' must be from %d to %d, got %.0f",
                     c->ctx->base, x->dim[2] - 1 + c->ctx->base,
                     blank + c->ctx->base);
  int status = rnli_check_lengths(c, LENGTHS, x->dim[1], x->dim[0]);
  if (status != RNL_OK) return status;
  return rnli_check_lengths(c, TARGET_LENGTHS, x->dim[1], y->dim[1]);
}


/* Steps of a that are there at once. */
static size_t slots_of (const Ctc *m) {
  return m->c->recording ? m->T : 2;
}


static size_t doubles (size_t a, size_t b) {
  return rnli_mul(rnli_mul(a, b), sizeof(double));
}


/* Numbers that backward needs for a row: two b, and the sums by label. */
static size_t back_size (const Ctc *m) {
  return rnli_add(2 * m->states, m->C);
}


static int check (rnl_Call *c) {
  int status = check_shapes(c);
  if (status != RNL_OK) return status;
  Ctc m = ctc_of(c);
  for (size_t n = 0; status == RNL_OK && n < m.N; n++)
    status = check_targets(c, &m, n);
  if (status != RNL_OK) return status;
  int each = c->attr[REDUCTION].x == RNLI_EACH;
  rnli_out(c, 0, RNLI_DTYPE, each ? 1 : 0, c->in[X]->dim + 1);
  size_t a = doubles(m.N, rnli_mul(slots_of(&m), m.states));
  size_t norm = doubles(m.N, m.T), loss = doubles(m.N, 1);
  if (c->recording) {
    c->keep_bytes[A] = a;
    c->keep_bytes[NORM] = norm;
    c->keep_bytes[LOSS] = loss;
    c->scratch_bytes = loss;
  } else {
    c->scratch_bytes = rnli_add(rnli_add(a, norm), rnli_add(loss, loss));
  }
  c->back_bytes = doubles(m.N, back_size(&m));
  return RNL_OK;
}

/* }====================================================================== */

/* {== Forward ============================================================ */

/* log(e^a + e^b + e^c); the sum of -inf is -inf, not NaN */
static double log_add (double a, double b, double c) {
  double m = a > b ? a : b;
  m = c > m ? c : m;
  if (m == -(double)INFINITY) return a + b + c;
  return m + log(exp(a - m) + exp(b - m) + exp(c - m));
}


static int32_t label_of (const Row *r, size_t s) {
  return s % 2 ? r->target[s / 2] : r->blank;
}


/* Can a path go from state s - 2 to s? */
static int skips (const Row *r, size_t s) {
  return s % 2 && s >= 3 && r->target[s / 2] != r->target[s / 2 - 1];
}


static double log_p (const Row *r, size_t t, size_t s) {
  return (double)r->x[t * r->stride + (size_t)label_of(r, s)] - r->norm[t];
}


/* norm_t = log sum_k e^logit */
RNLI_INLINE void make_norms (const Row *r, size_t C) {
  for (size_t t = 0; t < r->L; t++) {
    const real *x = r->x + t * r->stride;
    real m = rnli_top(x, C, 1);
    r->norm[t] = (double)m + log(rnli_sum_exp(x, C, 1, m));
  }
}


/* a_t from a_(t-1), NULL before the first step. */
static void forward_step (const Row *r, size_t t, const double *before,
                          double *a) {
  const double none = -(double)INFINITY;
  for (size_t s = 0; s <= 2 * r->U; s++) {
    double ways;
    if (!before) ways = s < 2 ? 0 : none;
    else ways = log_add(before[s], s > 0 ? before[s - 1] : none,
                        skips(r, s) ? before[s - 2] : none);
    a[s] = ways + log_p(r, t, s);
  }
}


/* The loss of a row; a_t goes to slot t modulo 'slots'. */
static double row_loss (const Row *r, size_t slots, size_t states) {
  const double none = -(double)INFINITY;
  if (r->L == 0) return r->U == 0 ? 0 : -none;
  double *a = NULL;
  for (size_t t = 0; t < r->L; t++) {
    double *next = r->a + t % slots * states;
    forward_step(r, t, a, next);
    a = next;
  }
  size_t last = 2 * r->U;
  return -log_add(a[last], r->U > 0 ? a[last - 1] : none, none);
}


/* What the loss of a row is divided by before the mean is taken. */
static double share (const Ctc *m, size_t n) {
  size_t U = labels_of(m, n);
  return m->c->attr[REDUCTION].x == RNLI_MEAN && U > 0 ? (double)U : 1;
}


static int is_zeroed (const Ctc *m, double loss) {
  return m->c->attr[ZERO_INFINITY].x != 0 && loss == (double)INFINITY;
}


RNLI_WIDE static void forward_part (rnl_Call *c, size_t n, size_t to) {
  Ctc m = ctc_of(c);
  size_t slots = slots_of(&m), each = slots * m.states;
  double *share_of = c->scratch, *rest = share_of + m.N;
  double *loss = c->recording ? c->keep[LOSS] : rest;
  double *norm = c->recording ? c->keep[NORM] : rest + m.N;
  double *a = c->recording ? c->keep[A] : rest + m.N + m.N * m.T;
  for (; n < to; n++) {
    Row r = row_of(&m, n, a + n * each, norm + n * m.T);
    make_norms(&r, m.C);
    loss[n] = row_loss(&r, slots, m.states);
    share_of[n] = is_zeroed(&m, loss[n]) ? 0 : loss[n] / share(&m, n);
  }
}


static size_t cost (const Ctc *m) {
  return rnli_mul(m->T, m->C + 8 * m->states);
}


static void forward (rnl_Call *c) {
  Ctc m = ctc_of(c);
  rnli_over(c, m.N, cost(&m), forward_part);
  rnli_finish(c, REDUCTION, c->scratch, m.N, rnli_weight(c, REDUCTION, m.N));
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* b_t from b_(t+1), NULL at the last step. */
static void backward_step (const Row *r, size_t t, const double *after,
                           double *b) {
  const double none = -(double)INFINITY;
  size_t last = 2 * r->U;
  for (size_t s = 0; s <= last; s++) {
    if (!after) {
      b[s] = s + 1 >= last ? 0 : none;
      continue;
    }
    double stay = after[s] + log_p(r, t + 1, s), step = none, skip = none;
    if (s + 1 <= last) step = after[s + 1] + log_p(r, t + 1, s + 1);
    if (s + 2 <= last && skips(r, s + 2))
      skip = after[s + 2] + log_p(r, t + 1, s + 2);
    b[s] = log_add(stay, step, skip);
  }
}


/* dx += g (p - what the paths have) at step t; 'sum' is room for C numbers. */
RNLI_INLINE void add_step (const Row *r, size_t t, const double *a,
                           const double *b, double loss, real g, double *sum,
                           size_t C, real *dx) {
  const real *x = r->x + t * r->stride;
  real norm = (real)r->norm[t];
  memset(sum, 0, C * sizeof *sum);
  for (size_t s = 0; s <= 2 * r->U; s++)
    sum[label_of(r, s)] += exp(a[s] + b[s] + loss);
  for (size_t k = 0; k < C; k++)
    dx[k] += g * (rnli_exp(x[k] - norm) - (real)sum[k]);
}


RNLI_WIDE static void backward_part (rnl_Call *c, size_t n, size_t to) {
  Ctc m = ctc_of(c);
  double w = rnli_weight(c, REDUCTION, m.N);
  const double *losses = c->keep[LOSS];
  for (; n < to; n++) {
    Row r = row_of(&m, n, (double *)c->keep[A] + n * m.T * m.states,
                   (double *)c->keep[NORM] + n * m.T);
    double *b = (double *)c->scratch + n * back_size(&m);
    double *after = NULL;
    real *dx = (real *)rnli_din(c, X) + n * m.C;
    real g = (real)((double)rnli_dy_at(c, REDUCTION, w, n) / share(&m, n));
    if (is_zeroed(&m, losses[n])) continue;
    for (size_t t = r.L; t-- > 0;) {
      double *now = b + t % 2 * m.states;
      backward_step(&r, t, after, now);
      add_step(&r, t, r.a + t * m.states, now, losses[n], g, b + 2 * m.states,
               m.C, dx + t * r.stride);
      after = now;
    }
  }
}


static void backward (rnl_Call *c) {
  Ctc m = ctc_of(c);
  rnli_over(c, m.N, cost(&m), backward_part);
}

/* }====================================================================== */

RNLI_OP(ctc) = {
  .name = "ctc",
  .in = {[X] = {"logits", RNL_IN_REAL}, [TARGETS] = {"targets", RNL_IN_ID}},
  .out = {"loss"},
  .attr = {[LENGTHS] = {"lengths", RNL_AT_INTS, RNL_NONE, NULL},
           [TARGET_LENGTHS] = {"target_lengths", RNL_AT_INTS, RNL_NONE, NULL},
           [BLANK] = {"blank", RNL_AT_ID, 0, NULL},
           [REDUCTION] = RNLI_REDUCTION,
           [ZERO_INFINITY] = {"zero_infinity", RNL_AT_BOOL, 0, NULL}},
  .check = check, .forward = forward, .backward = backward,
  .doc = "Connectionist temporal classification: negative log-probability, in "
         "nats, of all alignments of the targets with the steps, each divided "
         "by its number of labels in the mean; logits (T, N, C), targets "
         "(N, S) -> loss (), or (N) with reduction 'none'.",
};
