/*
** cross_entropy.c - losses of predicting ids: cross_entropy from scores, nll
** from log-probabilities. For a row x of V scores and its id, with
** p = softmax x and e = label_smoothing,
**   loss = -(1 - e) log p_id - e/V sum_v log p_v
**   dx_v += dy (p_v - (1 - e) [v = id] - e/V)
** and 0 for ids equal to 'ignore', which the mean does not count either. With
** a weight for each of the V ids (and W their sum),
**   loss = -(1 - e) w_id log p_id - e/V sum_v w_v log p_v
**   dx_v += dy (p_v ((1 - e) w_id + e/V W) - (1 - e) w_id [v = id] - e/V w_v)
** and the mean divides by the sum of w_id; weights have no gradient.
** Keeps for backward: m = max x and 1 / sum e^(x - m) of each row; p is
** computed again. Memory: one double per row during forward, and the weight of
** a row during backward.
** When the scores are made by linear, backward goes on through it, some rows
** at a time, so that the gradient of all scores is never there at once.
*/
#include "kernels/sums.h"
#include "ops/linear.h"
#include "ops/over.h"
#include "ops/reduction.h"

enum { X, IDS, WEIGHT };
enum { LINEAR_X = WEIGHT + 1, LINEAR_W, LINEAR_B };   /* looked through */

/* Rows of V numbers with an id each. */
typedef struct Rows {
  size_t n, V;
  const int32_t *id;
  double ignore;
  const real *weight;   /* (V), or NULL: all 1 */
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


static const rnl_Tensor *scores (const rnl_Call *c) {
  return c->in[X] ? c->in[X] : c->seen;
}


/* Without 'ignore' every id counts: check() lets none through that RNL_NONE
** could be taken for. */
static Rows rows_of (const rnl_Call *c, int ignore) {
  const rnl_Tensor *x = scores(c);
  return (Rows){c->in[IDS]->count, (size_t)x->dim[x->ndim - 1],
                c->in[IDS]->data, c->attr[ignore].x, rnli_data(c, WEIGHT)};
}


static int counts (const Rows *r, size_t i) {
  return (double)r->id[i] != r->ignore;
}


/* What the sum of all losses is multiplied by. */
static double share (const rnl_Call *c, const Rows *r, int reduction) {
  size_t n = 0;
  double total = 0;
  for (size_t i = 0; i < r->n; i++) {
    if (!counts(r, i)) continue;
    n++;
    if (r->weight) total += (double)r->weight[r->id[i]];
  }
  if (!r->weight || c->attr[reduction].x != RNLI_MEAN)
    return rnli_weight(c, reduction, n);
  return total > 0 ? 1 / total : 0;
}

/* {== cross_entropy ====================================================== */

enum { IGNORE, SMOOTHING, REDUCTION };

/* What is kept of a row. */
typedef struct Kept {
  real m;       /* its maximum */
  real scale;   /* 1 / sum e^(x - m) */
} Kept;


/* Rows whose gradient is there at once, and how many times. */
enum { AT_ONCE = 1 << 22 };   /* elements */

static size_t part_count (const Rows *r) {
  size_t rows = AT_ONCE / (r->V ? r->V : 1) + 1;
  return (r->n + rows - 1) / rows;
}


static size_t part_rows (const Rows *r) {
  size_t parts = part_count(r);
  return parts ? (r->n + parts - 1) / parts : 0;
}


extern RNLI_OP(linear);

static int check_weight (rnl_Call *c) {
  const real *w = rnli_data(c, WEIGHT);
  if (!w) return RNL_OK;
  const rnl_Tensor *x = c->in[X];
  int status = rnli_expect(c, WEIGHT, 1, x->dim + x->ndim - 1);
  if (status != RNL_OK) return status;
  for (int v = 0; v < x->dim[x->ndim - 1]; v++)
    if (!(w[v] >= 0 && w[v] < (real)INFINITY))
      return rnli_fail(c, RNL_EARG, "'weight' must be 0 or more, got %g for id "
                       "%d", (double)w[v], v + c->ctx->base);
  return RNL_OK;
}


static int cross_entropy_check (rnl_Call *c) {
  double e = c->attr[SMOOTHING].x;
  if (!(e >= 0 && e <= 1))
    return rnli_fail(c, RNL_EARG, "'label_smoothing' must be from 0 to 1, got "
                     "%g", e);
  if (c->recording)
    c->keep_bytes[0] = rnli_mul(c->in[IDS]->count, sizeof(Kept));
  int status = check(c, IGNORE, REDUCTION);
  if (status == RNL_OK) status = check_weight(c);
  if (status != RNL_OK) return status;
  Rows r = rows_of(c, IGNORE);
  c->back_bytes = sizeof(double);
  if (rnli_made_by(c, X, &RNLI_T(rnli_op_linear))) {
    size_t part = rnli_mul(rnli_mul(part_rows(&r), r.V), sizeof(real));
    c->back_bytes = rnli_add(part, sizeof(double));
    rnli_through(c, X);
  }
  return RNL_OK;
}


RNLI_INLINE real product (real a, real b) {
  return a * b;
}


/* The loss of row x by log sum_v e^x_v, with weights. */
RNLI_INLINE double weighted_loss (const real *x, const real *w, size_t V,
                                  int32_t id, double e, double log_sum) {
  double loss = (double)w[id] * (log_sum - (double)x[id]);
  if (e == 0) return loss;
  double all = rnli_sum(w, V, 1) * log_sum - rnli_sum_of(w, x, V, 1, product);
  return (1 - e) * loss + e / (double)V * all;
}


RNLI_INLINE double loss_row (const Rows *r, size_t i, const real *x, double e,
                             Kept *kept) {
  size_t V = r->V;
  int32_t id = r->id[i];
  real m = rnli_top(x, V, 1);
  double s = rnli_sum_exp(x, V, 1, m);
  double log_s = log(s);
  *kept = (Kept){m, (real)(1 / s)};
  if (r->weight)
    return weighted_loss(x, r->weight, V, id, e, log_s + (double)m);
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
    const real *x = (const real *)scores(c)->data + i * r.V;
    if (!counts(&r, i)) loss[i] = 0;
    else loss[i] = loss_row(&r, i, x, e, kept ? &kept[i] : &unused);
  }
}


RNLI_INLINE void weighted_back (const real *x, const real *w, size_t V,
                                int32_t id, double e, const Kept *kept, real g,
                                int add, real *dx) {
  double own = (1 - e) * (double)w[id], each = e / (double)V;
  double all = e == 0 ? 0 : each * rnli_sum(w, V, 1);
  real scale = (real)((double)kept->scale * (own + all));
  real rest = (real)each;
  for (size_t v = 0; v < V; v++)
    dx[v] = (add ? dx[v] : 0) +
            (rnli_exp(x[v] - kept->m) * scale - rest * w[v]) * g;
  dx[id] -= (real)own * g;
}


/* dx = what arrives from the loss of row i, added to dx if 'add'. */
RNLI_INLINE void back_row (const Rows *r, size_t i, const real *x, double e,
                           const Kept *kept, real g, int add, real *dx) {
  size_t V = r->V;
  int32_t id = r->id[i];
  real m = kept->m;
  real scale = kept->scale;
  real rest = (real)(e / (double)V);
  if (r->weight) {
    weighted_back(x, r->weight, V, id, e, kept, g, add, dx);
    return;
  }
  for (size_t v = 0; v < V; v++)
    dx[v] = (add ? dx[v] : 0) + (rnli_exp(x[v] - m) * scale - rest) * g;
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
      back_row(&r, i, x, c->attr[SMOOTHING].x, &kept[i],
               rnli_dy_at(c, REDUCTION, *w, i), 1, dx);
  }
}


/* A part of the rows on their way through linear. */
typedef struct Part {
  rnl_Call *c;
  size_t from, rows;
  real *d;              /* (rows, V) */
} Part;

enum { CHUNK = 1 << 14 };   /* elements worth a worker's while */

RNLI_WIDE static void through_rows (void *arg, int chunk) {
  const Part *p = arg;
  const Kept *kept = p->c->keep[0];
  const double *w = p->c->scratch;
  Rows r = rows_of(p->c, IGNORE);
  size_t per = CHUNK / r.V + 1, to = ((size_t)chunk + 1) * per;
  for (size_t k = (size_t)chunk * per; k < to && k < p->rows; k++) {
    size_t i = p->from + k;
    const real *x = (const real *)scores(p->c)->data + i * r.V;
    if (counts(&r, i))
      back_row(&r, i, x, p->c->attr[SMOOTHING].x, &kept[i],
               rnli_dy_at(p->c, REDUCTION, *w, i), 0, p->d + k * r.V);
    else
      memset(p->d + k * r.V, 0, r.V * sizeof(real));
  }
}


static real *from_row (real *d, size_t row, int columns) {
  return d ? d + row * (size_t)columns : NULL;
}


/* dx, dw and db of the linear that made the scores. */
static void through_linear (rnl_Call *c, const Rows *r) {
  const rnl_Tensor *w = c->in[LINEAR_W];
  Part p = {.c = c, .rows = part_rows(r)};
  p.d = (real *)(void *)((double *)c->scratch + 1);
  for (; p.from < r->n; p.from += p.rows) {
    if (r->n - p.from < p.rows) p.rows = r->n - p.from;
    int D = w->dim[1];
    rnli_Linear l = {.rows = p.rows, .D = D, .O = (int)r->V, .w = w->data,
                     .dw = rnli_din(c, LINEAR_W), .db = rnli_din(c, LINEAR_B)};
    l.x = (const real *)rnli_data(c, LINEAR_X) + p.from * (size_t)D;
    l.dx = from_row(rnli_din(c, LINEAR_X), p.from, D);
    size_t per = CHUNK / r->V + 1;
    rnli_parallel(c->ctx, (int)((p.rows + per - 1) / per), through_rows, &p);
    rnli_linear_grads(c->ctx, &l, p.d);
  }
}


static void cross_entropy_forward (rnl_Call *c) {
  Rows r = rows_of(c, IGNORE);
  rnli_over(c, r.n, r.V, loss_part);
  rnli_finish(c, REDUCTION, c->scratch, r.n, share(c, &r, REDUCTION));
}


static void cross_entropy_backward (rnl_Call *c) {
  Rows r = rows_of(c, IGNORE);
  double *w = c->scratch;
  *w = share(c, &r, REDUCTION);
  if (c->seen) through_linear(c, &r);
  else rnli_over(c, r.n, r.V, back_part);
}


RNLI_OP(cross_entropy) = {
  .name = "cross_entropy",
  .in = {[X] = {"logits", RNL_IN_REAL}, [IDS] = {"ids", RNL_IN_ID},
         [WEIGHT] = {"weight", RNL_IN_OPT}},
  .out = {"loss"},
  .attr = {[IGNORE] = {"ignore", RNL_AT_ID, RNL_NONE, NULL},
           [SMOOTHING] = {"label_smoothing", RNL_AT_REAL, 0, NULL},
           [REDUCTION] = RNLI_REDUCTION},
  .check = cross_entropy_check,
  .forward = cross_entropy_forward, .backward = cross_entropy_backward,
  .doc = "Negative log-probability, in nats, that softmax of the logits gives "
         "to the ids, over all ids not equal to 'ignore', each times the "
         "weight of its id; logits (..., V), ids (...), weight (V) -> loss (), "
         "or (...) with reduction 'none'.",
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
  rnli_finish(c, NLL_REDUCTION, loss, r.n, share(c, &r, NLL_REDUCTION));
}


static void nll_backward (rnl_Call *c) {
  Rows r = rows_of(c, NLL_IGNORE);
  real *dx = rnli_din(c, X);
  double w = share(c, &r, NLL_REDUCTION);
  for (size_t i = 0; i < r.n; i++, dx += r.V)
    if (counts(&r, i)) dx[r.id[i]] -= rnli_dy_at(c, NLL_REDUCTION, w, i);
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
