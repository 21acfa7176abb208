/*
** cells_back.h - the gates of cells.h, backward. Included for each level where
** there is training.
*/

/* 1 - y*y: the derivative of tanh, read in its value y. */
RNLI_INLINE vec tanh_slope (vec y) {
  return rnli_nmad(y, y, rnli_num(1));
}


/* The derivative of a gate, read in its value y. */
RNLI_INLINE vec gate_slope (vec y, int hard) {
  if (hard) return pick((y > 0) & (y < 1), rnli_num((real)1 / 6), rnli_num(0));
  return y * (1 - y);
}


/*
** Zoneout: of d what reaches the old state; the rest, which reaches the new
** one, stays.
*/
RNLI_INLINE vec zone_back (vec *d, const unsigned char *keep) {
  vec none = {0}, past;
  if (!keep) return none;
  past = pick(kept(keep), *d, none);
  *d = pick(kept(keep), none, *d);
  return past;
}


/* dh of row r, with what arrived at y. */
RNLI_INLINE vec get_dh (const rnli_Cell *c, ptrdiff_t r, int n) {
  vec dh = get(c->dh + r * c->ld, n);
  return c->dy ? dh + get(c->dy + r * c->H, n) : dh;
}

/* {== LSTM =============================================================== */

static void lstm_advance (const rnli_Cell *c) {
  int n = c->units, varied = c->varied;
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    ptrdiff_t at = r * c->H;
    Gates s = get_gates(c, c->gates + r * PANEL, varied);
    vec prev = get(c->c_prev + at, n), cell = lstm_cell(&s, prev);
    if (varied) cell = zone(cell, prev, keep_row(c->keep_c, at), c->zone_c);
    put(cell, c->c + at, n);
  }
}


/* h = o*t, t a tanh: gradients of o's sum and of what t is the tanh of. */
RNLI_INLINE void lstm_h_back (vec dh, vec o, vec t, int hard, vec *d_o,
                              vec *dcell) {
  *d_o = dh * t * gate_slope(o, hard);
  *dcell = dh * o * tanh_slope(t);
}


static void lstm_output_back (const rnli_Cell *c) {
  int n = c->units, o_at = lstm_g(c, 1) + LANES;
  vec gain = get(c->norm, n), bias = get(c->norm + c->H, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    const real *gates = c->gates + r * PANEL;
    const real *stats = c->stats + r * RNLI_STATS;
    ptrdiff_t at = r * c->H, ld = r * c->ld;
    Gates s = get_gates(c, gates, 1);
    vec o = load(gates + o_at), d_o, dcell, dh = get_dh(c, r, n);
    vec cell = lstm_cell(&s, get(c->c_prev + at, n));
    vec past = zone_back(&dh, keep_row(c->keep_h, at));
    cell = (cell - stats[RNLI_C_MEAN]) * stats[RNLI_C_SCALE];
    vec t = rnli_tanh(rnli_mad(cell, gain, bias));
    lstm_h_back(dh, o, t, c->hard, &d_o, &dcell);
    store(c->dgates + r * PANEL + o_at, d_o);
    put(rnli_mad(dcell, cell, get(c->dgain + ld, n)), c->dgain + ld, n);
    put(get(c->dbias + ld, n) + dcell, c->dbias + ld, n);
    put(cell, c->fresh + ld, n);
    put(dcell * gain, c->dfresh + ld, n);
    put(past, c->dh + ld, n);
    if (c->inner) put(t * o, c->inner + at, n);
  }
}


/* The same without a norm, c and its tanh made again; dh is done then. */
RNLI_INLINE void lstm_output_row (const rnli_Cell *c, ptrdiff_t r, int n,
                                  const Gates *s, vec prev, vec *d_o,
                                  vec *dcell, int varied) {
  vec o = load(c->gates + r * PANEL + lstm_g(c, varied) + LANES);
  ptrdiff_t at = r * c->H;
  vec dh = get_dh(c, r, n), past = {0};
  vec t = rnli_tanh(varied ? lstm_cell(s, prev) : get(c->c + at, n));
  if (varied) past = zone_back(&dh, keep_row(c->keep_h, at));
  lstm_h_back(dh, o, t, varied && c->hard, d_o, dcell);
  put(past, c->dh + r * c->ld, n);
  if (varied && c->inner) put(t * o, c->inner + at, n);
}


/* From the gradient of c, before zoneout, to those of i f g and of c'. */
RNLI_INLINE Gates lstm_c_back (const Gates *s, vec prev, vec *dc,
                               const Peep *p, int hard, int coupled) {
  Gates d = {.f = {0}};
  vec di = *dc * s->g, df = *dc * prev;
  if (coupled) di -= df;
  else d.f = df * gate_slope(s->f, hard);
  d.i = di * gate_slope(s->i, hard);
  d.g = *dc * s->i * tanh_slope(s->g);
  *dc *= s->f;
  if (p) *dc += rnli_mad(d.i, p->i, d.f * p->f);
  return d;
}


RNLI_INLINE void lstm_backward_rows (const rnli_Cell *c, int n, int varied) {
  int peep = varied && c->peep, hard = varied && c->hard;
  int coupled = varied && c->coupled, g_at = lstm_g(c, varied);
  Peep p;
  if (peep) p = get_peep(c, n);
  for (ptrdiff_t r = 0; r < c->rows; r++) {
    real *dgates = c->dgates + r * PANEL, *dc_at = c->dc + r * c->ld;
    ptrdiff_t at = r * c->H;
    Gates s = get_gates(c, c->gates + r * PANEL, varied), d;
    vec prev = get(c->c_prev + at, n), dc = get(dc_at, n), past = {0};
    vec dcell, d_o;
    if (varied && c->norm) {
      d_o = load(dgates + g_at + LANES);
      dcell = get(c->dfresh + r * c->ld, n);
    } else {
      lstm_output_row(c, r, n, &s, prev, &d_o, &dcell, varied);
    }
    if (peep) dc = rnli_mad(d_o, p.o, dc);
    if (varied) past = zone_back(&dc, keep_row(c->keep_c, at));
    dc += dcell;
    d = lstm_c_back(&s, prev, &dc, peep ? &p : NULL, hard, coupled);
    if (varied) dc += past;
    store(dgates, d.i);
    store(dgates + (coupled ? 3 : 1) * LANES, d.f);
    store(dgates + g_at, d.g);
    store(dgates + g_at + LANES, d_o);
    put(dc, dc_at, n);
  }
}


static void lstm_backward (const rnli_Cell *c) {
  if (c->varied) lstm_backward_rows(c, c->units, 1);
  else lstm_backward_rows(c, c->units, 0);
}

/* }====================================================================== */

/* {== GRU ================================================================ */

static void gru_backward (const rnli_Cell *c) {
  int n = c->units, hard = c->varied && c->hard;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    const real *gates = c->gates + row * PANEL;
    real *dgates = c->dgates + row * PANEL;
    ptrdiff_t at = row * c->H;
    vec r = load(gates), z = load(gates + LANES);
    vec new = load(gates + 2 * LANES), q = load(gates + 3 * LANES);
    vec dh = get_dh(c, row, n), past = {0}, h_prev = get(c->h_prev + at, n);
    if (c->varied) past = zone_back(&dh, keep_row(c->keep_h, at));
    vec dn = dh * (1 - z) * tanh_slope(new);
    store(dgates, dn);
    store(dgates + LANES, dn * q * gate_slope(r, hard));
    store(dgates + 2 * LANES, dh * (h_prev - new) * gate_slope(z, hard));
    store(dgates + 3 * LANES, dn * r);
    put(c->varied ? rnli_mad(dh, z, past) : dh * z, c->dh + row * c->ld, n);
  }
}


static void gru_before_backward (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    const real *gates = c->gates + row * PANEL;
    real *dgates = c->dgates + row * PANEL;
    ptrdiff_t at = row * c->H;
    vec r = load(gates), z = load(gates + LANES);
    vec new = load(gates + 2 * LANES), zero = {0};
    vec dh = get_dh(c, row, n), h_prev = get(c->h_prev + at, n);
    vec past = zone_back(&dh, keep_row(c->keep_h, at));
    store(dgates, zero);
    store(dgates + LANES, dh * (h_prev - new) * gate_slope(z, c->hard));
    store(dgates + 2 * LANES, dh * (1 - z) * tanh_slope(new));
    store(dgates + 3 * LANES, zero);
    put(rnli_mad(dh, z, past), c->dh + row * c->ld, n);
    put(r * h_prev, c->inner + at, n);
  }
}


static void gru_reset_back (const rnli_Cell *c) {
  int n = c->units;
  for (ptrdiff_t row = 0; row < c->rows; row++) {
    vec r = load(c->gates + row * PANEL);
    real *dh = c->dh + row * c->ld;
    vec dinner = get(c->dinner + row * c->ld, n);
    vec h_prev = get(c->h_prev + row * c->H, n);
    store(c->dgates + row * PANEL,
          dinner * h_prev * gate_slope(r, c->hard));
    put(rnli_mad(dinner, r, get(dh, n)), dh, n);
  }
}

/* }====================================================================== */

/* {== Elman ============================================================== */

/* Where a unit was kept, h is no value of f, but nothing reaches f either. */
static void elman_backward (const rnli_Cell *c) {
  for (ptrdiff_t r = 0; r < c->rows; r++)
    for (int u = 0; u < PANEL; u += LANES) {
      real *dgates = c->dgates + r * PANEL + u;
      vec none = {0}, past = {0};
      int n = c->units - u < LANES ? c->units - u : LANES;
      if (n <= 0) {
        store(dgates, none);
        continue;
      }
      ptrdiff_t at = r * c->H + u;
      real *dh_at = c->dh + r * c->ld + u;
      vec h = get(c->h + at, n), dh = get(dh_at, n);
      if (c->dy) dh += get(c->dy + at, n);
      if (c->varied) past = zone_back(&dh, keep_row(c->keep_h, at));
      vec d = c->relu ? pick(h > 0, dh, none) : dh * tanh_slope(h);
      if (c->varied) zone_back(&d, keep_row(c->keep_h, at));
      store(dgates, d);
      put(past, dh_at, n);
    }
}

/* }====================================================================== */
