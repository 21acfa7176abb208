/*
** cells.h - the gates of LSTM, GRU and Elman units, forward: what is left of a
** time step once the products are there. Equations: see lstm.c, gru.c and
** rnn.c in ops. Included for each level.
*/

/* {== Options of cells =================================================== */

/* Hard sigmoid: min(1, max(0, x/6 + 1/2)). */
RNLI_INLINE vec hard_sigmoid (vec x) {
  return rnli_within(x / 6 + (real)0.5, 0, 1);
}


RNLI_SHARED vec squash (vec x, int hard) {
  return hard ? hard_sigmoid(x) : rnli_sigmoid(x);
}


RNLI_SHARED vec tanh_of (vec x) {
  return rnli_tanh(x);
}


RNLI_INLINE const unsigned char *keep_row (const unsigned char *keep,
                                           ptrdiff_t at) {
  return keep ? keep + at : NULL;
}


/* Lanes whose byte is set; only training sets any. */
RNLI_INLINE ints kept (const unsigned char *keep) {
  ints mask = {0};
#ifndef RNLI_INFER
  rnli_Bits set[LANES];
  for (int j = 0; j < LANES; j++) set[j] = -(keep[j] != 0);
  memcpy(&mask, set, sizeof mask);
#else
  (void)keep;
#endif
  return mask;
}


/*
** Zoneout: units whose byte of 'keep' is set stay as they were; without bytes,
** what that is on the average when a unit is kept with probability p.
*/
RNLI_INLINE vec zone (vec new, vec old, const unsigned char *keep, real p) {
  if (keep) return pick(kept(keep), old, new);
  return p > 0 ? rnli_mad(rnli_num(p), old - new, new) : new;
}


/* The same for h at 'at'. */
RNLI_INLINE vec zone_of_h (vec h, const rnli_Cell *c, ptrdiff_t at, int n) {
  if (!c->keep_h && !(c->zone_h > 0)) return h;
  return zone(h, get(c->h_prev + at, n), keep_row(c->keep_h, at), c->zone_h);
}

/* }====================================================================== */

/* {== LSTM: panels i f g o, when f = 1 - i: i g o ======================== */

/* The peepholes of some units: from c to i, f and o (Gers et al. 2002). */
typedef struct Peep {
  vec i, f, o;
} Peep;


RNLI_INLINE Peep get_peep (const rnli_Cell *c, int n) {
  const real *f = c->coupled ? c->peep : c->peep + c->H;
  return (Peep){get(c->peep, n), get(f, n), get(f + c->H, n)};
}


/* Where g is in a panel; o follows. */
RNLI_INLINE int lstm_g (const rnli_Cell *c, int varied) {
  return (varied && c->coupled ? 1 : 2) * LANES;
}


/* The gates i, f and g in a row of panels. */
typedef struct Gates {
  vec i, f, g;
} Gates;


RNLI_INLINE Gates get_gates (const rnli_Cell *c, const real *gates,
                             int varied) {
  Gates s = {.i = load(gates), .g = load(gates + lstm_g(c, varied))};
  s.f = varied && c->coupled ? 1 - s.i : load(gates + LANES);
  return s;
}


RNLI_INLINE void put_gates (const Gates *s, const rnli_Cell *c, real *gates,
                            int varied) {
  store(gates, s->i);
  if (!varied || !c->coupled) store(gates + LANES, s->f);
  store(gates + lstm_g(c, varied), s->g);
}


/* The gates from their sums; p NULL: no peepholes. */
RNLI_INLINE Gates lstm_gates (const rnli_Cell *c, const real *sums,
                              const Peep *p, vec prev, int varied) {
  int hard = varied && c->hard, coupled = varied && c->coupled;
  vec i = load(sums), f = coupled ? i : load(sums + LANES);
  Gates s;
  if (p) i = rnli_mad(p->i, prev, i);
  if (p) f = rnli_mad(p->f, prev, f);
  s.i = squash(i, hard);
  s.f = coupled ? 1 - s.i : squash(f, hard);
  s.g = tanh_of(load(sums + lstm_g(c, varied)));
  return s;
}


/* c = f c' + i g, without zoneout. */
RNLI_INLINE vec lstm_cell (const Gates *s, vec prev) {
  return rnli_mad(s->f, prev, s->i * s->g);
}


static void lstm_forward (const rnli_Cell *c) {
  int n = c->units, varied = c->varied, peep = varied && c->peep;
  Peep p;
  if (peep) p = get_peep(c, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    real *gates = c->gates + r * PANEL;
    real *o_at = gates + lstm_g(c, varied) + LANES;
    ptrdiff_t at = r * c->H;
    vec prev = get(c->c_prev + at, n), o = load(o_at);
    Gates s = lstm_gates(c, gates, peep ? &p : NULL, prev, varied);
    vec cell = lstm_cell(&s, prev), state = cell;
    if (varied) state = zone(cell, prev, keep_row(c->keep_c, at), c->zone_c);
    if (peep) o = rnli_mad(p.o, state, o);
    o = squash(o, varied && c->hard);
    put_gates(&s, c, gates, varied);
    store(o_at, o);
    if (varied && c->norm) {
      put(cell, c->fresh + r * c->ld, n);
      continue;
    }
    vec h = o * tanh_of(cell);
    if (varied) h = zone_of_h(h, c, at, n);
    put(state, c->c + at, n);
    put(h, c->h + at, n);
  }
}


static void lstm_output (const rnli_Cell *c) {
  int n = c->units;
  vec gain = get(c->norm, n), bias = get(c->norm + c->H, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    vec o = load(c->gates + r * PANEL + lstm_g(c, 1) + LANES);
    const real *stats = c->stats + r * RNLI_STATS;
    ptrdiff_t at = r * c->H;
    vec cell = get(c->fresh + r * c->ld, n), prev = get(c->c_prev + at, n);
    vec normal = (cell - stats[RNLI_C_MEAN]) * stats[RNLI_C_SCALE];
    vec h = o * tanh_of(rnli_mad(normal, gain, bias));
    put(zone_of_h(h, c, at, n), c->h + at, n);
    put(zone(cell, prev, keep_row(c->keep_c, at), c->zone_c), c->c + at, n);
  }
}

/* }====================================================================== */

/* {== GRU: panels r z n q; of gradients n r z and, for q, n*r ============ */

/* h = (1 - z) n + z h'. */
RNLI_INLINE vec gru_h (vec z, vec new, vec h_prev) {
  return rnli_mad(1 - z, new, z * h_prev);
}


static void gru_forward (const rnli_Cell *c) {
  int n = c->units, hard = c->varied && c->hard;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    real *gates = c->gates + row * PANEL;
    const real *rec = c->rec + row * 3 * LANES;
    ptrdiff_t at = row * c->H;
    vec h_prev = get(c->h_prev + at, n), q = load(rec + 2 * LANES);
    vec r = squash(load(gates) + load(rec), hard);
    vec z = squash(load(gates + LANES) + load(rec + LANES), hard);
    vec new = tanh_of(rnli_mad(r, q, load(gates + 2 * LANES)));
    vec h = gru_h(z, new, h_prev);
    if (c->varied) h = zone(h, h_prev, keep_row(c->keep_h, at), c->zone_h);
    store(gates, r);
    store(gates + LANES, z);
    store(gates + 2 * LANES, new);
    store(gates + 3 * LANES, q);
    put(h, c->h + at, n);
  }
}

/* }====================================================================== */

/* {== GRU, reset before the product: panels r z n ======================== */

static void gru_reset (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    real *gates = c->gates + row * PANEL;
    ptrdiff_t at = row * c->H;
    vec r = squash(load(gates), c->hard);
    store(gates, r);
    store(gates + LANES, squash(load(gates + LANES), c->hard));
    put(r * get(c->h_prev + at, n), c->inner + at, n);
  }
}


static void gru_before_forward (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    real *gates = c->gates + row * PANEL + LANES;
    ptrdiff_t at = row * c->H;
    vec new = tanh_of(load(gates + LANES));
    vec h = gru_h(load(gates), new, get(c->h_prev + at, n));
    store(gates + LANES, new);
    put(zone_of_h(h, c, at, n), c->h + at, n);
  }
}

/* }====================================================================== */

/* {== Elman: a panel is 4 x lanes units ================================== */

/* max(0, x), NaN stays; the sum makes 0 of -0. */
RNLI_INLINE vec no_less (vec x) {
  return rnli_most(x, rnli_num(0)) + 0;
}


static void elman_forward (const rnli_Cell *c) {
  for (ptrdiff_t r = 0; r < c->rows; r++)
    for (int u = 0; u < c->units; u += LANES) {
      vec x = load(c->gates + r * PANEL + u);
      ptrdiff_t at = r * c->H + u;
      int n = c->units - u < LANES ? c->units - u : LANES;
      vec h = c->relu ? no_less(x) : tanh_of(x);
      if (c->varied) h = zone_of_h(h, c, at, n);
      put(h, c->h + at, n);
    }
}

/* }====================================================================== */
