/*
** cross_entropy.c - losses of predicting ids: cross_entropy from scores, nll
** from log-probabilities. For a row x of V scores and its id, with
** p = softmax x and e = label_smoothing,
**   loss = -(1 - e) log p_id - e/V sum_v log p_v
**   dx_v += dy (p_v - (1 - e) [v = id] - e/V)
** and 0 for ids equal to 'ignore', which the mean does not count either.
** Keeps for backward: m = max x and 1 / sum e^(x - m) of each row; p is
** computed again. Memory: one double per row during forward, and the weight of
** a row during backward.
*/
#include "core/real.h"
#include "ops/lanes.h"
#include "ops/over.h"
#include "ops/reduction.h"

enum { X, IDS };

/* Rows of V numbers with an id each. */
typedef struct Rows {
  size_t n, V;
  const int32_t *id;
  double ignore;
} Rows;


/* Checks shapes and ids; 'ignore' and 'reduction' are these options. */
static int check (rnl_Call *c, int ignore, int reduction) {
  const rnl_Tensor *x = c->in[X];
  const rnl_Tensor *ids = c->in[IDS];
  if (x->ndim == 0)
    return rnli_fail(c, RNL_ESHAPE, "'%s' must be (..., V), got ()",
                     c->op->in[X].name);
  int status = rnli_expect(c, IDS, x->ndim - 1, x->dim);
  if (status != RNL_OK) return status;
  rnli_out_loss(c, reduction, IDS);
  c->scratch_bytes = rnli_mul(ids->count, sizeof(double));
  double allowed = rnli_given(c, ignore) ? c->attr[ignore].x : (double)NAN;
  return rnli_check_ids(c, IDS, x->dim[x->ndim - 1], allowed);
}


/* Without 'ignore' every id counts: check() lets none through that RNL_NONE
** could be taken for. */
static Rows rows_of (const rnl_Call *c, int ignore) {
  const rnl_Tensor *x = c->in[X];
  return (Rows){c->in[IDS]->count, (size_t)x->dim[x->ndim - 1],
                c->in[IDS]->data, c->attr[ignore].x};
}


static int counts (const Rows *r, size_t i) {
  return (double)r->id[i] != r->ignore;
}


static double weight (const rnl_Call *c, const Rows *r, int reduction) {
  size_t n = 0;
  for (size_t i = 0; i < r->n; i++) n += (size_t)counts(r, i);
  return rnli_weight(c, reduction, n);
}


/* Output 0 from the losses of the rows in scratch. */
static void finish (rnl_Call *c, const Rows *r, int reduction) {
  const double *loss = c->scratch;
  real *y = c->out[0]->data;
  double sum = 0;
  if (c->attr[reduction].x == RNLI_EACH) {
    for (size_t i = 0; i < r->n; i++) y[i] = (real)loss[i];
    return;
  }
  for (size_t i = 0; i < r->n; i++) sum += loss[i];
  *y = (real)(sum * weight(c, r, reduction));
}


/* What arrives at row i. */
static real dy_at (const rnl_Call *c, int reduction, double w, size_t i) {
  const real *dy = rnli_dout(c, 0);
  int each = c->attr[reduction].x == RNLI_EACH;
  return each ? dy[i] : (real)((double)*dy * w);
}

/* {== cross_entropy ====================================================== */

enum { IGNORE, SMOOTHING, REDUCTION };

/* What is kept of a row. */
typedef struct Kept {
  real m;       /* its maximum */
  real scale;   /* 1 / sum e^(x - m) */
} Kept;


static int cross_entropy_check (rnl_Call *c) {
  double e = c->attr[SMOOTHING].x;
  if (!(e >= 0 && e <= 1))
    return rnli_fail(c, RNL_EARG, "'label_smoothing' must be from 0 to 1, got "
                     "%g", e);
  if (c->recording)
    c->keep_bytes[0] = rnli_mul(c->in[IDS]->count, sizeof(Kept));
  c->back_bytes = sizeof(double);
  return check(c, IGNORE, REDUCTION);
}


RNLI_INLINE double loss_row (const real *x, size_t V, int32_t id, double e,
                             Kept *kept) {
  real m = rnli_top(x, V, 1);
  double s = rnli_sum_exp(x, V, 1, m);
  double log_s = log(s);
  *kept = (Kept){m, (real)(1 / s)};
  double loss = log_s - ((double)x[id] - (double)m);
  if (e == 0) return loss;
  double all = (double)V * (log_s + (double)m) - rnli_sum(x, V, 1);
  return (1 - e) * loss + e / (double)V * all;
}


RNLI_WIDE static void loss_part (rnl_Call *c, size_t i, size_t to) {
  Rows r = rows_of(c, IGNORE);
  double e = c->attr[SMOOTHING].x;
  double *loss = c->scratch;
  Kept *kept = c->keep[0];
  Kept unused;
  for (; i < to; i++) {
    const real *x = (const real *)rnli_data(c, X) + i * r.V;
    if (!counts(&r, i)) loss[i] = 0;
    else loss[i] = loss_row(x, r.V, r.id[i], e, kept ? &kept[i] : &unused);
  }
}


RNLI_INLINE void back_row (const real *x, size_t V, int32_t id, double e,
                           const Kept *kept, real g, real *dx) {
  real m = kept->m;
  real scale = kept->scale;
  real rest = (real)(e / (double)V);
  for (size_t v = 0; v < V; v++)
    dx[v] += (rnli_exp(x[v] - m) * scale - rest) * g;
  dx[id] -= (real)(1 - e) * g;
}


RNLI_WIDE static void back_part (rnl_Call *c, size_t i, size_t to) {
  Rows r = rows_of(c, IGNORE);
  const Kept *kept = c->keep[0];
  const double *w = c->scratch;
  for (; i < to; i++) {
    const real *x = (const real *)rnli_data(c, X) + i * r.V;
    real *dx = (real *)rnli_din(c, X) + i * r.V;
    if (counts(&r, i))
      back_row(x, r.V, r.id[i], c->attr[SMOOTHING].x, &kept[i],
               dy_at(c, REDUCTION, *w, i), dx);
  }
}


static void cross_entropy_forward (rnl_Call *c) {
  Rows r = rows_of(c, IGNORE);
  rnli_over(c, r.n, r.V, loss_part);
  finish(c, &r, REDUCTION);
}


static void cross_entropy_backward (rnl_Call *c) {
  Rows r = rows_of(c, IGNORE);
  double *w = c->scratch;
  *w = weight(c, &r, REDUCTION);
  rnli_over(c, r.n, r.V, back_part);
}


RNLI_OP(cross_entropy) = {
  .name = "cross_entropy",
  .in = {[X] = {"logits", RNL_IN_REAL}, [IDS] = {"ids", RNL_IN_ID}},
  .out = {"loss"},
  .attr = {[IGNORE] = {"ignore", RNL_AT_ID, RNL_NONE, NULL},
           [SMOOTHING] = {"label_smoothing", RNL_AT_REAL, 0, NULL},
           [REDUCTION] = RNLI_REDUCTION},
  .check = cross_entropy_check,
  .forward = cross_entropy_forward, .backward = cross_entropy_backward,
  .doc = "Negative log-probability, in nats, that softmax of the logits gives "
         "to the ids, over all ids not equal to 'ignore'; "
         "logits (..., V), ids (...) -> loss (), or (...) with reduction "
         "'none'.",
};

/* }====================================================================== */

/* {== nll ================================================================ */

enum { NLL_IGNORE, NLL_REDUCTION };


static int nll_check (rnl_Call *c) {
  return check(c, NLL_IGNORE, NLL_REDUCTION);
}


static void nll_forward (rnl_Call *c) {
  Rows r = rows_of(c, NLL_IGNORE);
  const real *x = rnli_data(c, X);
  double *loss = c->scratch;
  for (size_t i = 0; i < r.n; i++, x += r.V)
    loss[i] = counts(&r, i) ? -(double)x[r.id[i]] : 0;
  finish(c, &r, NLL_REDUCTION);
}


static void nll_backward (rnl_Call *c) {
  Rows r = rows_of(c, NLL_IGNORE);
  real *dx = rnli_din(c, X);
  double w = weight(c, &r, NLL_REDUCTION);
  for (size_t i = 0; i < r.n; i++, dx += r.V)
    if (counts(&r, i)) dx[r.id[i]] -= dy_at(c, NLL_REDUCTION, w, i);
}


RNLI_OP(nll) = {
  .name = "nll",
  .in = {[X] = {"log_probs", RNL_IN_REAL}, [IDS] = {"ids", RNL_IN_ID}},
  .out = {"loss"},
  .attr = {[NLL_IGNORE] = {"ignore", RNL_AT_ID, RNL_NONE, NULL},
           [NLL_REDUCTION] = RNLI_REDUCTION},
  .check = nll_check, .forward = nll_forward, .backward = nll_backward,
  .doc = "Negative of the log-probability at each id, over all ids not equal "
         "to 'ignore'; log_probs (..., V), ids (...) -> loss (), or (...) "
         "with reduction 'none'.",
};

/* }====================================================================== */
