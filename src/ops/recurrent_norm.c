/*
** recurrent_norm.c - layer norm inside an LSTM (Ba, Kiros and Hinton 2016,
** equations 20 to 22): both products of a step, each over all gates, and c.
**   gates = LN(x w_ih') g_x + LN(h' w_hh') g_h + b_ih + b_hh
**   h = o*tanh(LN(c) g_c + b_c)        LN(v) = (v - mean v) / sqrt(var v + eps)
** w_norm (2G+2, H) is g_x and g_h of the G gates, g_c, b_c; eps is 1e-5.
**
** What is normalised lies in panels, a row of which is in pieces of W, some of
** whose columns only fill the last of each gate ('exists' is 0 there).
*/
#include "kernels/sums.h"
#include "ops/places.h"

#define EPS 1e-5

/* {== Memory ============================================================= */

void rnli_norm_pack_room (Run *r, rnli_Room *room) {
  Norm *m = &r->norm;
  size_t row = panel_reals(r, 1), states = (size_t)r->N * (size_t)r->ld;
  m->gain_x = rnli_take(room, row, sizeof(real));
  m->gain_h = rnli_take(room, row, sizeof(real));
  m->bias = rnli_take(room, row, sizeof(real));
  m->exists = rnli_take(room, row, sizeof(real));
  m->fresh = rnli_take(room, states, sizeof(real));
  if (r->distinct)
    m->id_scale = rnli_take(room, (size_t)r->distinct, sizeof(real));
}


void rnli_norm_room (Run *r, rnli_Room *room) {
  Norm *m = &r->norm;
  size_t panels = panel_reals(r, kept_rows(r));
  m->h = rnli_take(room, panels, sizeof(real));
  if (!r->distinct) m->x = rnli_take(room, panels, sizeof(real));
  m->stats = rnli_take(room, rnli_mul(kept_rows(r), RNLI_STATS),
                       sizeof(real));
}


void rnli_norm_back_room (Run *r, rnli_Room *room) {
  Norm *m = &r->norm;
  size_t states = (size_t)r->N * (size_t)r->ld;
  m->dfresh = rnli_take(room, states, sizeof(real));
  m->dgain = rnli_take(room, states, sizeof(real));
  m->dbias = rnli_take(room, states, sizeof(real));
}


void rnli_norm_pack (const Run *r, int p, real *bias) {
  const Norm *m = &r->norm;
  const int *gate = r->x.product->gate;
  size_t H = (size_t)r->H, at = (size_t)p * (size_t)r->W;
  for (int j = 0; j < r->W; j++, at++) {
    int row = j < r->x.cols ? weight_row(r, gate, p, j) : -1;
    m->exists[at] = row >= 0;
    m->gain_x[at] = row >= 0 ? m->w[row] : 0;
    m->gain_h[at] = row >= 0 ? m->w[(size_t)r->u->gates * H + (size_t)row] : 0;
    m->bias[at] = row >= 0 ? bias[j] : 0;
    if (j < r->x.cols) bias[j] = 0;
  }
}

/* }====================================================================== */

/* {== Rows =============================================================== */

/* A row of panels: its pieces of W are 'next' apart. */
typedef struct Pieces {
  real *at;
  size_t next;
} Pieces;


static Pieces kept_pieces (const Run *r, real *panels, int i, int n) {
  return (Pieces){kept_at(r, panels, 0, i, n), kept_rows(r) * (size_t)r->W};
}


static Pieces chunk_pieces (const Run *r, real *dgates, int i, int n) {
  return (Pieces){dgates_at(r, dgates, 0, chunk_row(r, i, n)),
                  r->rows * (size_t)r->W};
}


static Pieces table_pieces (const Run *r, real *table, int id) {
  return (Pieces){table_at(r, table, 0, (size_t)id),
                  (size_t)r->distinct * (size_t)r->W};
}


/* Numbers in a row. */
static double row_count (const Run *r) {
  return (double)r->u->gates * r->H;
}


RNLI_INLINE real product (real a, real b) {
  return a * b;
}


/* Gives a row mean 0 and variance 1; returns 1 / deviation. */
RNLI_WIDE static real normalise (const Run *r, Pieces row) {
  const real *exists = r->norm.exists;
  size_t W = (size_t)r->W, cols = (size_t)r->x.cols;
  double sum = 0, squares = 0;
  for (int p = 0; p < r->panels; p++)
    sum += rnli_sum(row.at + (size_t)p * row.next, cols, 1);
  real mean = (real)(sum / row_count(r));
  for (int p = 0; p < r->panels; p++) {
    real *x = row.at + (size_t)p * row.next;
    const real *e = exists + (size_t)p * W;
    for (size_t j = 0; j < cols; j++) x[j] = (x[j] - mean) * e[j];
    squares += rnli_sum_of(x, x, cols, 1, product);
  }
  real scale = (real)(1 / sqrt(squares / row_count(r) + EPS));
  for (int p = 0; p < r->panels; p++) {
    real *x = row.at + (size_t)p * row.next;
    for (size_t j = 0; j < cols; j++) x[j] *= scale;
  }
  return scale;
}


/* to = gradient of what was normalised, d that of the row times its gain. */
RNLI_WIDE static void normalise_back (const Run *r, Pieces d, Pieces row,
                                      const real *gain, real scale,
                                      Pieces to) {
  size_t W = (size_t)r->W, cols = (size_t)r->x.cols;
  double sum = 0, with = 0;
  for (int p = 0; p < r->panels; p++) {
    const real *x = row.at + (size_t)p * row.next;
    const real *dp = d.at + (size_t)p * d.next, *g = gain + (size_t)p * W;
    real *out = to.at + (size_t)p * to.next;
    for (size_t j = 0; j < cols; j++) out[j] = dp[j] * g[j];
    sum += rnli_sum(out, cols, 1);
    with += rnli_sum_of(out, x, cols, 1, product);
  }
  real mean = (real)(sum / row_count(r)), along = (real)(with / row_count(r));
  for (int p = 0; p < r->panels; p++) {
    const real *x = row.at + (size_t)p * row.next;
    const real *e = r->norm.exists + (size_t)p * W;
    real *out = to.at + (size_t)p * to.next;
    for (size_t j = 0; j < cols; j++)
      out[j] = (out[j] - mean - x[j] * along) * scale * e[j];
  }
}

/* }====================================================================== */

/* {== Forward ============================================================ */

static void norm_id (void *arg, int id) {
  const Run *r = arg;
  r->norm.id_scale[id] = normalise(r, table_pieces(r, r->table, id));
}


void rnli_norm_ids (const Run *r) {
  over(r, r->nids, norm_id, (void *)r);
}


static real *stats_at (const Run *r, int i, int n) {
  return r->norm.stats + kept_row(r, i, n) * RNLI_STATS;
}


void rnli_norm_input (const Run *r, int from, int to, int n0, int n1) {
  for (int i = from; i < to; i++)
    for (int n = n0; n < n1; n++)
      stats_at(r, i, n)[RNLI_X_SCALE] =
        normalise(r, kept_pieces(r, r->norm.x, i, n));
}


/* The gates of a row, before their nonlinearity. */
RNLI_WIDE static void add_up (const Run *r, int i, int n) {
  const Norm *m = &r->norm;
  for (int p = 0; p < r->panels; p++) {
    real *gates = gates_at(r, p, i, n);
    const real *x = input_part(r, p, i, n);
    const real *h = kept_at(r, m->h, p, i, n);
    size_t at = (size_t)p * (size_t)r->W;
    const real *gx = m->gain_x + at, *gh = m->gain_h + at, *b = m->bias + at;
    for (int j = 0; j < r->x.cols; j++)
      gates[j] = gx[j] * x[j] + gh[j] * h[j] + b[j];
  }
}


/* Mean and scale of c of a row. */
RNLI_WIDE static void measure_c (const Run *r, int i, int n) {
  real d[RNLI_BUFFER];
  const real *c = r->norm.fresh + (size_t)n * (size_t)r->ld;
  real *stats = stats_at(r, i, n);
  size_t H = (size_t)r->H;
  real mean = (real)(rnli_sum(c, H, 1) / (double)H);
  double squares = 0;
  for (size_t k = 0; k < H; k += RNLI_BUFFER) {
    size_t len = H - k < RNLI_BUFFER ? H - k : RNLI_BUFFER;
    for (size_t j = 0; j < len; j++) d[j] = c[k + j] - mean;
    squares += rnli_sum_of(d, d, len, 1, product);
  }
  stats[RNLI_C_MEAN] = mean;
  stats[RNLI_C_SCALE] = (real)(1 / sqrt(squares / (double)H + EPS));
}


static void all_cells (const Run *r, int i, int n0, int n1,
                       CellFunction *f) {
  for (int p = 0; p < r->panels; p++) {
    rnli_Cell c = cell_at(r, p, i, n0);
    c.rows = n1 - n0;
    rnli_cells_forward(r, &c, n0, time_of(r, i), f);
  }
}


void rnli_norm_step (const Run *r, int i, int n0, int n1) {
  for (int n = n0; n < n1; n++) {
    stats_at(r, i, n)[RNLI_H_SCALE] =
      normalise(r, kept_pieces(r, r->norm.h, i, n));
    add_up(r, i, n);
  }
  all_cells(r, i, n0, n1, r->k->cells->forward[r->unit]);
  for (int n = n0; n < n1; n++)
    if (active(r, n, time_of(r, i))) measure_c(r, i, n);
  all_cells(r, i, n0, n1, r->k->cells->output);
}

/* }====================================================================== */

/* {== Backward =========================================================== */

/* dfresh of a row: from the gradient of the normalised c to that of c. */
RNLI_WIDE static void c_back (const Run *r, int i, int n) {
  const real *c = r->norm.fresh + (size_t)n * (size_t)r->ld;
  real *d = r->norm.dfresh + (size_t)n * (size_t)r->ld;
  real scale = stats_at(r, i, n)[RNLI_C_SCALE];
  size_t H = (size_t)r->H;
  real mean = (real)(rnli_sum(d, H, 1) / (double)H);
  real along = (real)(rnli_sum_of(d, c, H, 1, product) / (double)H);
  for (size_t j = 0; j < H; j++) d[j] = (d[j] - mean - c[j] * along) * scale;
}


void rnli_norm_back_begin (const Run *r) {
  size_t bytes = (size_t)r->N * (size_t)r->ld * sizeof(real);
  memset(r->norm.dgain, 0, bytes);
  memset(r->norm.dbias, 0, bytes);
}


void rnli_norm_output_back (const Run *r, int i, int n0, int n1) {
  for (int p = 0; p < r->panels; p++)
    rnli_panel_cells(r, p, i, n0, n1, r->k->cells->output_back);
  for (int n = n0; n < n1; n++)
    if (active(r, n, time_of(r, i))) c_back(r, i, n);
}


void rnli_norm_back (const Run *r, int i, int n0, int n1) {
  const Norm *m = &r->norm;
  for (int n = n0; n < n1; n++) {
    const real *stats = stats_at(r, i, n);
    Pieces d = chunk_pieces(r, r->dgates, i, n);
    normalise_back(r, d, kept_pieces(r, m->h, i, n), m->gain_h,
                   stats[RNLI_H_SCALE], chunk_pieces(r, r->h.dgates, i, n));
    if (!r->distinct)
      normalise_back(r, d, kept_pieces(r, m->x, i, n), m->gain_x,
                     stats[RNLI_X_SCALE],
                     chunk_pieces(r, r->x.dgates, i, n));
  }
  for (int p = 0; p < r->panels; p++) {
    rnli_dgate_words(r, &r->h, p, i, n0, n1);
    if (!r->distinct) rnli_dgate_words(r, &r->x, p, i, n0, n1);
  }
}


/* to (W) += the products of m rows of gradients and of what they reached. */
RNLI_WIDE static void gain_grad (int W, const real *d, const real *x,
                                 size_t m, real *restrict to) {
  for (size_t i = 0; i < m; i++)
    for (int j = 0; j < W; j++)
      to[j] += d[i * (size_t)W + (size_t)j] * x[i * (size_t)W + (size_t)j];
}


/* Adds a row of panel p to the gains from row 'first' of w_norm on. */
static void add_gains (const Run *r, int p, int first, const real *sum) {
  real *dw = rnli_din(r->c, NORM);
  for (int j = 0; j < r->x.cols; j++) {
    int row = weight_row(r, r->x.product->gate, p, j);
    if (row >= 0) dw[(size_t)first * (size_t)r->H + (size_t)row] += sum[j];
  }
}


void rnli_norm_grads (const Run *r, int p, int from, size_t m) {
  real x[RNLI_VECS * RNLI_MAX_LANES] = {0}, h[RNLI_VECS * RNLI_MAX_LANES] = {0};
  const real *d = dgates_at(r, r->dgates, p, 0);
  if (!rnli_din(r->c, NORM)) return;
  gain_grad(r->W, d, kept_at(r, r->norm.h, p, from, 0), m, h);
  add_gains(r, p, r->u->gates, h);
  if (r->distinct) return;
  gain_grad(r->W, d, kept_at(r, r->norm.x, p, from, 0), m, x);
  add_gains(r, p, 0, x);
}


static void id_gains (void *arg, int p) {
  const Run *r = arg;
  real sum[RNLI_VECS * RNLI_MAX_LANES] = {0};
  gain_grad(r->W, table_at(r, r->dtable, p, 0), table_at(r, r->table, p, 0),
            (size_t)r->nids, sum);
  add_gains(r, p, 0, sum);
}


static void id_back (void *arg, int id) {
  const Run *r = arg;
  Pieces d = table_pieces(r, r->dtable, id);
  normalise_back(r, d, table_pieces(r, r->table, id), r->norm.gain_x,
                 r->norm.id_scale[id], d);
}


void rnli_norm_ids_back (const Run *r) {
  if (rnli_din(r->c, NORM)) over(r, r->panels, id_gains, (void *)r);
  over(r, r->nids, id_back, (void *)r);
}


void rnli_norm_end (const Run *r) {
  size_t H = (size_t)r->H;
  real *dw = rnli_din(r->c, NORM);
  if (!dw) return;
  dw += 2 * (size_t)r->u->gates * H;
  for (int n = 0; n < r->N; n++)
    for (size_t j = 0; j < H; j++) {
      dw[j] += r->norm.dgain[(size_t)n * (size_t)r->ld + j];
      dw[H + j] += r->norm.dbias[(size_t)n * (size_t)r->ld + j];
    }
}

/* }====================================================================== */
