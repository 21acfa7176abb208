/*
** cells.c - the gates of LSTM, GRU and Elman units, forward and backward: what
** is left of a time step once the products are there. Equations: see lstm.c,
** gru.c and rnn.c in ops.
*/
#include "kernels/cells.h"
#include "kernels/vmath.h"

/* Not unrolled, or it would no longer be vectorised. */
#define EACH_LANE(j) \
  _Pragma("GCC unroll 1") for (int j = 0; j < LANES; j++)

/* A vector of states; 'n' of them exist. */
typedef struct Lanes {
  real at[LANES];
} Lanes;


RNLI_INLINE void get (Lanes *to, const real *from, int n) {
  if (n == LANES) {
    store(to->at, load(from));
    return;
  }
  EACH_LANE (j) to->at[j] = j < n ? from[j] : 0;
}


RNLI_INLINE void put (const Lanes *from, real *to, int n) {
  if (n == LANES) {
    store(to, load(from->at));
    return;
  }
  for (int j = 0; j < n; j++) to[j] = from->at[j];
}

/* {== Options of cells =================================================== */

/* Hard sigmoid: min(1, max(0, x/6 + 1/2)). */
RNLI_INLINE real hard_sigmoid (real x) {
  real y = x / 6 + (real)0.5;
  y = y > 1 ? 1 : y;
  return y < 0 ? 0 : y;
}


RNLI_INLINE void gate (Lanes *to, const real *from, int hard) {
  if (hard) EACH_LANE (j) to->at[j] = hard_sigmoid(from[j]);
  else EACH_LANE (j) to->at[j] = rnli_sigmoid(from[j]);
}


/* The derivative of a gate, read in its value y. */
RNLI_INLINE real gate_slope (real y, int hard) {
  if (hard) return y > 0 && y < 1 ? (real)1 / 6 : 0;
  return y * (1 - y);
}


RNLI_INLINE const unsigned char *keep_row (const unsigned char *keep,
                                           ptrdiff_t at) {
  return keep ? keep + at : NULL;
}


/*
** Zoneout: units whose byte of 'keep' is set stay as they were; without bytes,
** what that is on the average when a unit is kept with probability p.
*/
RNLI_INLINE void zone (Lanes *new, const Lanes *old,
                       const unsigned char *keep, real p) {
  if (keep)
    EACH_LANE (j) new->at[j] = keep[j] ? old->at[j] : new->at[j];
  else if (p > 0)
    EACH_LANE (j) new->at[j] += p * (old->at[j] - new->at[j]);
}


/* The same for h at 'at'. */
RNLI_INLINE void zone_h (Lanes *h, const rnli_Cell *c, ptrdiff_t at, int n) {
  Lanes prev;
  if (!c->keep_h && !(c->zone_h > 0)) return;
  get(&prev, c->h_prev + at, n);
  zone(h, &prev, keep_row(c->keep_h, at), c->zone_h);
}


/* Leaves in d what reaches the new state, in 'past' what the old one. */
RNLI_INLINE void zone_back (Lanes *d, Lanes *past,
                            const unsigned char *keep) {
  *past = (Lanes){{0}};
  if (!keep) return;
  EACH_LANE (j) past->at[j] = keep[j] ? d->at[j] : 0;
  EACH_LANE (j) d->at[j] = keep[j] ? 0 : d->at[j];
}

/* }====================================================================== */

/* {== LSTM: panels i f g o, when f = 1 - i: i g o ======================== */

/* The peepholes of some units: from c to i, f and o (Gers et al. 2002). */
typedef struct Peep {
  Lanes i, f, o;
} Peep;


RNLI_INLINE void get_peep (Peep *p, const rnli_Cell *c, int n) {
  const real *o = c->peep + (c->coupled ? 1 : 2) * c->H;
  get(&p->i, c->peep, n);
  get(&p->f, c->coupled ? c->peep : c->peep + c->H, n);
  get(&p->o, o, n);
}


/* Where g is in a panel; o follows. */
RNLI_INLINE int lstm_g (const rnli_Cell *c, int varied) {
  return (varied && c->coupled ? 1 : 2) * LANES;
}


/* The gates i, f and g in a row of panels. */
typedef struct Gates {
  Lanes i, f, g;
} Gates;


RNLI_INLINE void get_gates (Gates *to, const rnli_Cell *c, const real *gates,
                            int varied) {
  store(to->i.at, load(gates));
  store(to->g.at, load(gates + lstm_g(c, varied)));
  if (varied && c->coupled) EACH_LANE (j) to->f.at[j] = 1 - gates[j];
  else store(to->f.at, load(gates + LANES));
}


RNLI_INLINE void put_gates (const Gates *from, const rnli_Cell *c, real *gates,
                            int varied) {
  store(gates, load(from->i.at));
  if (!varied || !c->coupled) store(gates + LANES, load(from->f.at));
  store(gates + lstm_g(c, varied), load(from->g.at));
}


/* The gates of a row from their sums; i and f may see c' ('p' not NULL). */
RNLI_INLINE void lstm_gates (Gates *to, const rnli_Cell *c, real *sums,
                             const Peep *p, const Lanes *prev, int varied) {
  int hard = varied && c->hard, coupled = varied && c->coupled;
  const real *g = sums + lstm_g(c, varied);
  if (p) EACH_LANE (j) sums[j] += p->i.at[j] * prev->at[j];
  if (p && !coupled)
    EACH_LANE (j) sums[LANES + j] += p->f.at[j] * prev->at[j];
  gate(&to->i, sums, hard);
  if (coupled) EACH_LANE (j) to->f.at[j] = 1 - to->i.at[j];
  else gate(&to->f, sums + LANES, hard);
  EACH_LANE (j) to->g.at[j] = rnli_tanh(g[j]);
}


/* c = f c' + i g, without zoneout. */
RNLI_INLINE void lstm_cell (Lanes *cell, const Gates *s, const Lanes *prev) {
  EACH_LANE (j)
    cell->at[j] = s->f.at[j] * prev->at[j] + s->i.at[j] * s->g.at[j];
}


RNLI_INLINE void lstm_forward_rows (const rnli_Cell *c, int n, int varied) {
  int peep = varied && c->peep;
  Peep p;
  if (peep) get_peep(&p, c, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    real *gates = c->gates + r * PANEL;
    real *o_at = gates + lstm_g(c, varied) + LANES;
    ptrdiff_t at = r * c->H;
    Gates s;
    Lanes o, prev, cell, state, h;
    get(&prev, c->c_prev + at, n);
    lstm_gates(&s, c, gates, peep ? &p : NULL, &prev, varied);
    lstm_cell(&cell, &s, &prev);
    state = cell;
    if (varied) zone(&state, &prev, keep_row(c->keep_c, at), c->zone_c);
    if (peep) EACH_LANE (j) o_at[j] += p.o.at[j] * state.at[j];
    gate(&o, o_at, varied && c->hard);
    EACH_LANE (j) h.at[j] = o.at[j] * rnli_tanh(cell.at[j]);
    put_gates(&s, c, gates, varied);
    store(o_at, load(o.at));
    if (varied && c->norm) {
      put(&cell, c->fresh + r * c->ld, n);
      continue;
    }
    if (varied) zone_h(&h, c, at, n);
    put(&state, c->c + at, n);
    put(&h, c->h + at, n);
  }
}


void RNLI_CELL(lstm_forward) (const rnli_Cell *c) {
  if (c->varied) lstm_forward_rows(c, c->units, 1);
  else if (c->units == LANES) lstm_forward_rows(c, LANES, 0);
  else lstm_forward_rows(c, c->units, 0);
}


void RNLI_CELL(lstm_output) (const rnli_Cell *c) {
  int n = c->units;
  Lanes gain, bias;
  get(&gain, c->norm, n);
  get(&bias, c->norm + c->H, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    const real *o = c->gates + r * PANEL + lstm_g(c, 1) + LANES;
    const real *stats = c->stats + r * RNLI_STATS;
    real mean = stats[RNLI_C_MEAN], scale = stats[RNLI_C_SCALE];
    ptrdiff_t at = r * c->H;
    Lanes cell, prev, h;
    get(&cell, c->fresh + r * c->ld, n);
    get(&prev, c->c_prev + at, n);
    EACH_LANE (j) {
      real normal = (cell.at[j] - mean) * scale;
      h.at[j] = o[j] * rnli_tanh(normal * gain.at[j] + bias.at[j]);
    }
    zone_h(&h, c, at, n);
    zone(&cell, &prev, keep_row(c->keep_c, at), c->zone_c);
    put(&cell, c->c + at, n);
    put(&h, c->h + at, n);
  }
}


RNLI_INLINE void lstm_advance_rows (const rnli_Cell *c, int n, int varied) {
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    ptrdiff_t at = r * c->H;
    Gates s;
    Lanes prev, cell;
    get_gates(&s, c, c->gates + r * PANEL, varied);
    get(&prev, c->c_prev + at, n);
    lstm_cell(&cell, &s, &prev);
    if (varied) zone(&cell, &prev, keep_row(c->keep_c, at), c->zone_c);
    put(&cell, c->c + at, n);
  }
}


void RNLI_CELL(lstm_advance) (const rnli_Cell *c) {
  if (c->varied) lstm_advance_rows(c, c->units, 1);
  else if (c->units == LANES) lstm_advance_rows(c, LANES, 0);
  else lstm_advance_rows(c, c->units, 0);
}


/* dh of row r, with what arrived at y. */
RNLI_INLINE void get_dh (const rnli_Cell *c, ptrdiff_t r, int n, Lanes *dh) {
  get(dh, c->dh + r * c->ld, n);
  if (!c->dy) return;
  Lanes dy;
  get(&dy, c->dy + r * c->H, n);
  EACH_LANE (j) dh->at[j] += dy.at[j];
}


/* h = o*t, t a tanh: gradients of o's sum and of what t is the tanh of. */
RNLI_INLINE void lstm_h_back (const Lanes *dh, const real *o, const Lanes *t,
                              int hard, Lanes *d_o, Lanes *dcell) {
  EACH_LANE (j) d_o->at[j] = dh->at[j] * t->at[j] * gate_slope(o[j], hard);
  EACH_LANE (j)
    dcell->at[j] = dh->at[j] * o[j] * (1 - t->at[j] * t->at[j]);
}


void RNLI_CELL(lstm_output_back) (const rnli_Cell *c) {
  int n = c->units, o_at = lstm_g(c, 1) + LANES;
  Lanes gain, bias;
  get(&gain, c->norm, n);
  get(&bias, c->norm + c->H, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    const real *gates = c->gates + r * PANEL, *o = gates + o_at;
    const real *stats = c->stats + r * RNLI_STATS;
    real mean = stats[RNLI_C_MEAN], scale = stats[RNLI_C_SCALE];
    ptrdiff_t at = r * c->H, ld = r * c->ld;
    Gates s;
    Lanes dh, past, prev, cell, t, dcell, d_o, dgain, dbias;
    get_gates(&s, c, gates, 1);
    get_dh(c, r, n, &dh);
    get(&prev, c->c_prev + at, n);
    get(&dgain, c->dgain + ld, n);
    get(&dbias, c->dbias + ld, n);
    lstm_cell(&cell, &s, &prev);
    zone_back(&dh, &past, keep_row(c->keep_h, at));
    EACH_LANE (j) {
      cell.at[j] = (cell.at[j] - mean) * scale;
      t.at[j] = rnli_tanh(cell.at[j] * gain.at[j] + bias.at[j]);
    }
    lstm_h_back(&dh, o, &t, c->hard, &d_o, &dcell);
    EACH_LANE (j) {
      dgain.at[j] += dcell.at[j] * cell.at[j];
      dbias.at[j] += dcell.at[j];
      dcell.at[j] *= gain.at[j];
      t.at[j] *= o[j];
    }
    store(c->dgates + r * PANEL + o_at, load(d_o.at));
    put(&dgain, c->dgain + ld, n);
    put(&dbias, c->dbias + ld, n);
    put(&cell, c->fresh + ld, n);
    put(&dcell, c->dfresh + ld, n);
    put(&past, c->dh + ld, n);
    if (c->inner) put(&t, c->inner + at, n);
  }
}


/* The same without a norm, c and its tanh made again; dh is done then. */
RNLI_INLINE void lstm_output_row (const rnli_Cell *c, ptrdiff_t r, int n,
                                   const Gates *s, const Lanes *prev,
                                   Lanes *d_o, Lanes *dcell, int varied) {
  const real *o = c->gates + r * PANEL + lstm_g(c, varied) + LANES;
  ptrdiff_t at = r * c->H;
  Lanes dh, past = {{0}}, cell, t;
  get_dh(c, r, n, &dh);
  if (varied) lstm_cell(&cell, s, prev);
  else get(&cell, c->c + at, n);
  if (varied) zone_back(&dh, &past, keep_row(c->keep_h, at));
  EACH_LANE (j) t.at[j] = rnli_tanh(cell.at[j]);
  lstm_h_back(&dh, o, &t, varied && c->hard, d_o, dcell);
  put(&past, c->dh + r * c->ld, n);
  if (!varied || !c->inner) return;
  EACH_LANE (j) t.at[j] *= o[j];
  put(&t, c->inner + at, n);
}


/* From the gradient of c, before zoneout, to those of i f g and of c'. */
RNLI_INLINE void lstm_c_back (const Gates *s, const Lanes *prev, Gates *d,
                              Lanes *dc, const Peep *p, int hard,
                              int coupled) {
  EACH_LANE (j) {
    real i = s->i.at[j], f = s->f.at[j], g = s->g.at[j], dcj = dc->at[j];
    real di = dcj * g, df = dcj * prev->at[j];
    if (coupled) di -= df;
    d->i.at[j] = di * gate_slope(i, hard);
    d->f.at[j] = coupled ? 0 : df * gate_slope(f, hard);
    d->g.at[j] = dcj * i * (1 - g * g);
    dc->at[j] = dcj * f;
    if (p) dc->at[j] += d->i.at[j] * p->i.at[j] + d->f.at[j] * p->f.at[j];
  }
}


RNLI_INLINE void lstm_backward_rows (const rnli_Cell *c, int n, int varied) {
  int peep = varied && c->peep, hard = varied && c->hard;
  int coupled = varied && c->coupled, g_at = lstm_g(c, varied);
  Peep p;
  if (peep) get_peep(&p, c, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    real *dgates = c->dgates + r * PANEL, *dc_at = c->dc + r * c->ld;
    ptrdiff_t at = r * c->H;
    Gates s, d;
    Lanes prev, dc, dcell, d_o, past;
    get_gates(&s, c, c->gates + r * PANEL, varied);
    get(&prev, c->c_prev + at, n);
    get(&dc, dc_at, n);
    if (varied && c->norm) {
      store(d_o.at, load(dgates + g_at + LANES));
      get(&dcell, c->dfresh + r * c->ld, n);
    } else {
      lstm_output_row(c, r, n, &s, &prev, &d_o, &dcell, varied);
    }
    if (peep) EACH_LANE (j) dc.at[j] += d_o.at[j] * p.o.at[j];
    if (varied) zone_back(&dc, &past, keep_row(c->keep_c, at));
    EACH_LANE (j) dc.at[j] += dcell.at[j];
    lstm_c_back(&s, &prev, &d, &dc, peep ? &p : NULL, hard, coupled);
    if (varied) EACH_LANE (j) dc.at[j] += past.at[j];
    store(dgates, load(d.i.at));
    store(dgates + (coupled ? 3 : 1) * LANES, load(d.f.at));
    store(dgates + g_at, load(d.g.at));
    store(dgates + g_at + LANES, load(d_o.at));
    put(&dc, dc_at, n);
  }
}


void RNLI_CELL(lstm_backward) (const rnli_Cell *c) {
  if (c->varied) lstm_backward_rows(c, c->units, 1);
  else if (c->units == LANES) lstm_backward_rows(c, LANES, 0);
  else lstm_backward_rows(c, c->units, 0);
}

/* }====================================================================== */

/* {== GRU: panels r z n q; of gradients n r z and, for q, n*r ============ */

RNLI_INLINE void gru_forward_rows (const rnli_Cell *c, int n, int varied) {
  int hard = varied && c->hard;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    real *gates = c->gates + row * PANEL;
    const real *rec = c->rec + row * 3 * LANES;
    ptrdiff_t at = row * c->H;
    Lanes r, z, new, h_prev, h;
    get(&h_prev, c->h_prev + at, n);
    EACH_LANE (j) r.at[j] = gates[j] + rec[j];
    EACH_LANE (j) z.at[j] = gates[LANES + j] + rec[LANES + j];
    gate(&r, r.at, hard);
    gate(&z, z.at, hard);
    EACH_LANE (j)
      new.at[j] = rnli_tanh(gates[2 * LANES + j] +
                            r.at[j] * rec[2 * LANES + j]);
    EACH_LANE (j)
      h.at[j] = (1 - z.at[j]) * new.at[j] + z.at[j] * h_prev.at[j];
    if (varied) zone(&h, &h_prev, keep_row(c->keep_h, at), c->zone_h);
    store(gates, load(r.at));
    store(gates + LANES, load(z.at));
    store(gates + 2 * LANES, load(new.at));
    store(gates + 3 * LANES, load(rec + 2 * LANES));
    put(&h, c->h + at, n);
  }
}


void RNLI_CELL(gru_forward) (const rnli_Cell *c) {
  if (c->varied) gru_forward_rows(c, c->units, 1);
  else if (c->units == LANES) gru_forward_rows(c, LANES, 0);
  else gru_forward_rows(c, c->units, 0);
}


RNLI_INLINE void gru_backward_rows (const rnli_Cell *c, int n, int varied) {
  int hard = varied && c->hard;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    const real *gates = c->gates + row * PANEL;
    real *dgates = c->dgates + row * PANEL;
    ptrdiff_t at = row * c->H, ld = row * c->ld;
    Lanes dh, past = {{0}}, h_prev, dn, dr, dz, dq;
    get_dh(c, row, n, &dh);
    if (varied) zone_back(&dh, &past, keep_row(c->keep_h, at));
    get(&h_prev, c->h_prev + at, n);
    EACH_LANE (j) {
      real r = gates[j], z = gates[LANES + j];
      real new = gates[2 * LANES + j], q = gates[3 * LANES + j];
      real dnj = dh.at[j] * (1 - z) * (1 - new * new);
      dz.at[j] = dh.at[j] * (h_prev.at[j] - new) * gate_slope(z, hard);
      dr.at[j] = dnj * q * gate_slope(r, hard);
      dn.at[j] = dnj;
      dq.at[j] = dnj * r;
      dh.at[j] *= z;
      if (varied) dh.at[j] += past.at[j];
    }
    store(dgates, load(dn.at));
    store(dgates + LANES, load(dr.at));
    store(dgates + 2 * LANES, load(dz.at));
    store(dgates + 3 * LANES, load(dq.at));
    put(&dh, c->dh + ld, n);
  }
}


void RNLI_CELL(gru_backward) (const rnli_Cell *c) {
  if (c->varied) gru_backward_rows(c, c->units, 1);
  else if (c->units == LANES) gru_backward_rows(c, LANES, 0);
  else gru_backward_rows(c, c->units, 0);
}

/* }====================================================================== */

/* {== GRU, reset before the product: panels r z n ======================== */

void RNLI_CELL(gru_reset) (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    real *gates = c->gates + row * PANEL;
    ptrdiff_t at = row * c->H;
    Lanes r, z, inner;
    get(&inner, c->h_prev + at, n);
    gate(&r, gates, c->hard);
    gate(&z, gates + LANES, c->hard);
    EACH_LANE (j) inner.at[j] *= r.at[j];
    store(gates, load(r.at));
    store(gates + LANES, load(z.at));
    put(&inner, c->inner + at, n);
  }
}


void RNLI_CELL(gru_before_forward) (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    real *z = c->gates + row * PANEL + LANES, *new = z + LANES;
    ptrdiff_t at = row * c->H;
    Lanes h;
    get(&h, c->h_prev + at, n);
    EACH_LANE (j) new[j] = rnli_tanh(new[j]);
    EACH_LANE (j) h.at[j] = (1 - z[j]) * new[j] + z[j] * h.at[j];
    zone_h(&h, c, at, n);
    put(&h, c->h + at, n);
  }
}


void RNLI_CELL(gru_before_backward) (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    const real *r = c->gates + row * PANEL, *z = r + LANES, *new = z + LANES;
    real *dgates = c->dgates + row * PANEL;
    ptrdiff_t at = row * c->H;
    Lanes dh, past, h_prev, dn, dz, inner, zero = {{0}};
    get_dh(c, row, n, &dh);
    get(&h_prev, c->h_prev + at, n);
    zone_back(&dh, &past, keep_row(c->keep_h, at));
    EACH_LANE (j) {
      dn.at[j] = dh.at[j] * (1 - z[j]) * (1 - new[j] * new[j]);
      dz.at[j] = dh.at[j] * (h_prev.at[j] - new[j]) *
                 gate_slope(z[j], c->hard);
      dh.at[j] = dh.at[j] * z[j] + past.at[j];
      inner.at[j] = r[j] * h_prev.at[j];
    }
    store(dgates, load(zero.at));
    store(dgates + LANES, load(dz.at));
    store(dgates + 2 * LANES, load(dn.at));
    store(dgates + 3 * LANES, load(zero.at));
    put(&dh, c->dh + row * c->ld, n);
    put(&inner, c->inner + at, n);
  }
}


void RNLI_CELL(gru_reset_back) (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    const real *r = c->gates + row * PANEL;
    ptrdiff_t ld = row * c->ld;
    Lanes dinner, h_prev, dh, dr;
    get(&dinner, c->dinner + ld, n);
    get(&h_prev, c->h_prev + row * c->H, n);
    get(&dh, c->dh + ld, n);
    EACH_LANE (j) {
      dr.at[j] = dinner.at[j] * h_prev.at[j] * gate_slope(r[j], c->hard);
      dh.at[j] += dinner.at[j] * r[j];
    }
    store(c->dgates + row * PANEL, load(dr.at));
    put(&dh, c->dh + ld, n);
  }
}

/* }====================================================================== */

/* {== Elman: a panel is 4 x lanes units ================================== */

RNLI_INLINE real elman_f (real x, int relu) {
  if (relu) return x > 0 || x != x ? x : 0;
  return rnli_tanh(x);
}


RNLI_INLINE void elman_forward_rows (const rnli_Cell *c, int relu) {
  for (ptrdiff_t r = 0; r < c->rows; r++)
    for (int u = 0; u < c->units; u += LANES) {
      real *gates = c->gates + r * PANEL + u;
      ptrdiff_t at = r * c->H + u;
      int n = c->units - u < LANES ? c->units - u : LANES;
      Lanes h;
      EACH_LANE (j) h.at[j] = elman_f(gates[j], relu);
      if (c->varied) zone_h(&h, c, at, n);
      put(&h, c->h + at, n);
    }
}


void RNLI_CELL(elman_forward) (const rnli_Cell *c) {
  if (c->relu) elman_forward_rows(c, 1);
  else elman_forward_rows(c, 0);
}


/* Where a unit was kept, h is no value of f, but nothing reaches f either. */
void RNLI_CELL(elman_backward) (const rnli_Cell *c) {
  for (ptrdiff_t r = 0; r < c->rows; r++)
    for (int j = 0; j < PANEL; j++) {
      real *da = c->dgates + r * PANEL + j;
      if (j >= c->units) {
        *da = 0;
        continue;
      }
      ptrdiff_t at = r * c->H + j;
      real *dh = c->dh + r * c->ld + j;
      real h = c->h[at], d = *dh + (c->dy ? c->dy[at] : 0);
      int kept = c->varied && c->keep_h && c->keep_h[at];
      *da = kept ? 0 : c->relu ? (h > 0 ? d : 0) : d * (1 - h * h);
      *dh = kept ? d : 0;
    }
}

/* }====================================================================== */
