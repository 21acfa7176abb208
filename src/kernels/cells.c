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

/* {== LSTM: panels i f g o =============================================== */

/* The peepholes of some units: from c to i, f and o (Gers et al. 2002). */
typedef struct Peep {
  Lanes i, f, o;
} Peep;


RNLI_INLINE void get_peep (Peep *p, const rnli_Cell *c, int n) {
  get(&p->i, c->peep, n);
  get(&p->f, c->peep + c->H, n);
  get(&p->o, c->peep + 2 * c->H, n);
}


RNLI_INLINE void lstm_forward_rows (const rnli_Cell *c, int n, int peep) {
  Peep p;
  if (peep) get_peep(&p, c, n);
  for (int r = 0; r < c->rows; r++) {
    real *gates = c->gates + r * PANEL;
    ptrdiff_t at = (ptrdiff_t)r * c->H;
    Lanes i, f, g, o, cell, h;
    get(&cell, c->c_prev + at, n);
    if (peep)
      EACH_LANE (j) {
        gates[j] += p.i.at[j] * cell.at[j];
        gates[LANES + j] += p.f.at[j] * cell.at[j];
      }
    EACH_LANE (j) i.at[j] = rnli_sigmoid(gates[j]);
    EACH_LANE (j) f.at[j] = rnli_sigmoid(gates[LANES + j]);
    EACH_LANE (j) g.at[j] = rnli_tanh(gates[2 * LANES + j]);
    EACH_LANE (j)
      cell.at[j] = f.at[j] * cell.at[j] + i.at[j] * g.at[j];
    if (peep)
      EACH_LANE (j) gates[3 * LANES + j] += p.o.at[j] * cell.at[j];
    EACH_LANE (j)
      o.at[j] = rnli_sigmoid(gates[3 * LANES + j]);
    EACH_LANE (j) h.at[j] = o.at[j] * rnli_tanh(cell.at[j]);
    store(gates, load(i.at));
    store(gates + LANES, load(f.at));
    store(gates + 2 * LANES, load(g.at));
    store(gates + 3 * LANES, load(o.at));
    put(&cell, c->c + at, n);
    put(&h, c->h + at, n);
  }
}


void RNLI_CELL(lstm_forward) (const rnli_Cell *c) {
  if (c->peep) lstm_forward_rows(c, c->units, 1);
  else if (c->units == LANES) lstm_forward_rows(c, LANES, 0);
  else lstm_forward_rows(c, c->units, 0);
}


RNLI_INLINE void lstm_advance_rows (const rnli_Cell *c, int n) {
  for (int r = 0; r < c->rows; r++) {
    const real *i = c->gates + r * PANEL, *f = i + LANES, *g = i + 2 * LANES;
    Lanes cell;
    get(&cell, c->c_prev + (ptrdiff_t)r * c->H, n);
    EACH_LANE (j) cell.at[j] = f[j] * cell.at[j] + i[j] * g[j];
    put(&cell, c->c + (ptrdiff_t)r * c->H, n);
  }
}


void RNLI_CELL(lstm_advance) (const rnli_Cell *c) {
  if (c->units == LANES) lstm_advance_rows(c, LANES);
  else lstm_advance_rows(c, c->units);
}


/* dh and dc in the row, with what arrived at y. */
RNLI_INLINE void get_dh (const rnli_Cell *c, int r, int n, Lanes *dh) {
  get(dh, c->dh + (ptrdiff_t)r * c->ld, n);
  if (!c->dy) return;
  Lanes dy;
  get(&dy, c->dy + (ptrdiff_t)r * c->H, n);
  EACH_LANE (j) dh->at[j] += dy.at[j];
}


RNLI_INLINE void lstm_backward_rows (const rnli_Cell *c, int n, int peep) {
  Peep p;
  if (peep) get_peep(&p, c, n);
  for (int r = 0; r < c->rows; r++) {
    const real *gates = c->gates + r * PANEL;
    real *dgates = c->dgates + r * PANEL;
    ptrdiff_t at = (ptrdiff_t)r * c->H, ld = (ptrdiff_t)r * c->ld;
    Lanes dh, dc, cell, c_prev, zero = {{0}};
    Lanes di, df, dg, d_o;
    get_dh(c, r, n, &dh);
    get(&dc, c->dc + ld, n);
    get(&cell, c->c + at, n);
    get(&c_prev, c->c_prev + at, n);
    EACH_LANE (j) {
      real i = gates[j], f = gates[LANES + j];
      real g = gates[2 * LANES + j], o = gates[3 * LANES + j];
      real tc = rnli_tanh(cell.at[j]);
      real dcj = dc.at[j] + dh.at[j] * o * (1 - tc * tc);
      d_o.at[j] = dh.at[j] * tc * o * (1 - o);
      if (peep) dcj += d_o.at[j] * p.o.at[j];
      di.at[j] = dcj * g * i * (1 - i);
      df.at[j] = dcj * c_prev.at[j] * f * (1 - f);
      dg.at[j] = dcj * i * (1 - g * g);
      dc.at[j] = dcj * f;
      if (peep) dc.at[j] += di.at[j] * p.i.at[j] + df.at[j] * p.f.at[j];
    }
    store(dgates, load(di.at));
    store(dgates + LANES, load(df.at));
    store(dgates + 2 * LANES, load(dg.at));
    store(dgates + 3 * LANES, load(d_o.at));
    put(&dc, c->dc + ld, n);
    put(&zero, c->dh + ld, n);
  }
}


void RNLI_CELL(lstm_backward) (const rnli_Cell *c) {
  if (c->peep) lstm_backward_rows(c, c->units, 1);
  else if (c->units == LANES) lstm_backward_rows(c, LANES, 0);
  else lstm_backward_rows(c, c->units, 0);
}

/* }====================================================================== */

/* {== GRU: panels r z n q; of gradients n r z and, for q, n*r ============ */

RNLI_INLINE void gru_forward_rows (const rnli_Cell *c, int n) {
  for (int row = 0; row < c->rows; row++) {
    real *gates = c->gates + row * PANEL;
    const real *rec = c->rec + row * 3 * LANES;
    ptrdiff_t at = (ptrdiff_t)row * c->H;
    Lanes r, z, new, h;
    get(&h, c->h_prev + at, n);
    EACH_LANE (j) r.at[j] = rnli_sigmoid(gates[j] + rec[j]);
    EACH_LANE (j)
      z.at[j] = rnli_sigmoid(gates[LANES + j] + rec[LANES + j]);
    EACH_LANE (j)
      new.at[j] = rnli_tanh(gates[2 * LANES + j] +
                            r.at[j] * rec[2 * LANES + j]);
    EACH_LANE (j)
      h.at[j] = (1 - z.at[j]) * new.at[j] + z.at[j] * h.at[j];
    store(gates, load(r.at));
    store(gates + LANES, load(z.at));
    store(gates + 2 * LANES, load(new.at));
    store(gates + 3 * LANES, load(rec + 2 * LANES));
    put(&h, c->h + at, n);
  }
}


void RNLI_CELL(gru_forward) (const rnli_Cell *c) {
  if (c->units == LANES) gru_forward_rows(c, LANES);
  else gru_forward_rows(c, c->units);
}


RNLI_INLINE void gru_backward_rows (const rnli_Cell *c, int n) {
  for (int row = 0; row < c->rows; row++) {
    const real *gates = c->gates + row * PANEL;
    real *dgates = c->dgates + row * PANEL;
    ptrdiff_t at = (ptrdiff_t)row * c->H, ld = (ptrdiff_t)row * c->ld;
    Lanes dh, h_prev, dn, dr, dz, dq;
    get_dh(c, row, n, &dh);
    get(&h_prev, c->h_prev + at, n);
    EACH_LANE (j) {
      real r = gates[j], z = gates[LANES + j];
      real new = gates[2 * LANES + j], q = gates[3 * LANES + j];
      real dnj = dh.at[j] * (1 - z) * (1 - new * new);
      dz.at[j] = dh.at[j] * (h_prev.at[j] - new) * z * (1 - z);
      dr.at[j] = dnj * q * r * (1 - r);
      dn.at[j] = dnj;
      dq.at[j] = dnj * r;
      dh.at[j] *= z;
    }
    store(dgates, load(dn.at));
    store(dgates + LANES, load(dr.at));
    store(dgates + 2 * LANES, load(dz.at));
    store(dgates + 3 * LANES, load(dq.at));
    put(&dh, c->dh + ld, n);
  }
}


void RNLI_CELL(gru_backward) (const rnli_Cell *c) {
  if (c->units == LANES) gru_backward_rows(c, LANES);
  else gru_backward_rows(c, c->units);
}

/* }====================================================================== */

/* {== Elman: a panel is 4 x lanes units ================================== */

RNLI_INLINE real elman_f (real x, int relu) {
  if (relu) return x > 0 || x != x ? x : 0;
  return rnli_tanh(x);
}


RNLI_INLINE void elman_forward_rows (const rnli_Cell *c, int relu) {
  for (int r = 0; r < c->rows; r++)
    for (int u = 0; u < c->units; u += LANES) {
      real *gates = c->gates + r * PANEL + u;
      int n = c->units - u < LANES ? c->units - u : LANES;
      Lanes h;
      EACH_LANE (j) h.at[j] = elman_f(gates[j], relu);
      put(&h, c->h + (ptrdiff_t)r * c->H + u, n);
    }
}


void RNLI_CELL(elman_forward) (const rnli_Cell *c) {
  if (c->relu) elman_forward_rows(c, 1);
  else elman_forward_rows(c, 0);
}


void RNLI_CELL(elman_backward) (const rnli_Cell *c) {
  for (int r = 0; r < c->rows; r++)
    for (int j = 0; j < PANEL; j++) {
      real *da = c->dgates + r * PANEL + j;
      if (j >= c->units) {
        *da = 0;
        continue;
      }
      real *dh = c->dh + (ptrdiff_t)r * c->ld + j;
      real h = c->h[(ptrdiff_t)r * c->H + j];
      real d = *dh + (c->dy ? c->dy[(ptrdiff_t)r * c->H + j] : 0);
      *da = c->relu ? (h > 0 ? d : 0) : d * (1 - h * h);
      *dh = 0;
    }
}

/* }====================================================================== */
