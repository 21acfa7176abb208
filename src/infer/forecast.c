/*
** forecast.c - forecasts: rows of a series as levels, windows of these through
** the network by its strategy (lua/rnn/strategies.lua), and back to the unit of
** the data.
*/
#include <math.h>

#include "infer/forecaster.h"
#include "infer/topk.h"

enum { MOST_STEPS = 1 << 20, MOST_PATHS = 1 << 20, PATHS = 100 };

/* {== Rows as levels ===================================================== */

/* Where a time stands in its cycle, 0 to 1. */
static double place_of (int date, const rnl_Date *d) {
  switch (date) {
    case 0: return (d->minute + d->second / 60) / 60;
    case 1: return (d->hour + (double)d->minute / 60) / 24;
    case 2: return (double)(d->weekday - 1) / 7;
    case 3: return (double)(d->day - 1) / 31;
    case 4: return (double)(d->month - 1) / 12;
    default: return (double)(d->yearday - 1) / 366;
  }
}


/* The columns of the calendar for a time. */
static int fill_dates (rnl_State *s, const rnli_Forecaster *f, double time,
                       float *to) {
  rnl_Date d;
  if (f->dates > 0 && !rnl_date_of(time, &d))
    return rnli_error(s->ctx, RNL_EARG, "forecast: %g is no time within the "
                      "years 1 to 9999", time);
  for (int i = 0; i < f->dates; i++) {
    double angle = 2 * 3.141592653589793 * place_of(f->date[i], &d);
    *to++ = (float)sin(angle);
    *to++ = (float)cos(angle);
  }
  return RNL_OK;
}


void rnli_forecast_put (const rnli_Levels *to, size_t at, const double *y,
                        size_t T) {
  const rnli_Scaler *target = &to->series->target;
  size_t D = (size_t)target->D;
  for (size_t t = 0; t < T; t++)
    rnli_scale(target, y + t * D, to->z + (at + t) * D);
}


int rnli_forecast_fill (rnl_State *s, const rnli_Levels *to, size_t from,
                        const double *values, const double *times, size_t T) {
  const rnli_Forecaster *f = s->model->made;
  size_t D = (size_t)f->D, others = (size_t)(f->E + f->own);
  int status = RNL_OK;
  for (size_t t = 0; status == RNL_OK && t < T; t++, values += D + others) {
    float *x = to->x + (from + t) * (size_t)(f->E + f->K);
    rnli_forecast_put(to, from + t, values, 1);
    rnli_scale(&to->series->others, values + D, x);
    if (f->dates > 0) status = fill_dates(s, f, times[t], x + others);
  }
  return status;
}

/* }====================================================================== */

/* {== Differences ======================================================== */

/* Of the span rows of a window, the first W being left; the rows before each
** difference that undo it go to 'tail'. */
static void difference (const rnli_Forecaster *f, float *x, float *tail) {
  size_t rows = (size_t)f->span, D = (size_t)f->D;
  for (int i = 0; i < f->nlags; i++) {
    size_t lag = (size_t)f->lag[i];
    memcpy(tail, x + (rows - lag) * D, lag * D * sizeof *x);
    tail += lag * D;
    rows -= lag;
    for (size_t k = 0; k < rows * D; k++) x[k] = x[k + lag * D] - x[k];
  }
}


/* Adds the rows before, by sums of 1, 2, 4, ... rows, as the Lua program. */
static void add_up (float *x, size_t n, size_t lag) {
  for (; lag < n; lag *= 2)
    for (size_t t = n - 1; t >= lag; t--) x[t] += x[t - lag];
}


/* Undoes differences of H rows x, 'ld' apart; room for span + H in 'column'. */
static void undifference (const rnli_Forecaster *f, const float *tail,
                          size_t H, float *x, size_t ld, float *column) {
  size_t D = (size_t)f->D, before = (size_t)(f->span - f->W) * D;
  for (int i = f->nlags - 1; i >= 0; i--) {
    size_t lag = (size_t)f->lag[i];
    before -= lag * D;
    for (size_t d = 0; d < D; d++) {
      for (size_t t = 0; t < lag; t++) column[t] = tail[before + t * D + d];
      for (size_t t = 0; t < H; t++) column[lag + t] = x[t * ld + d];
      add_up(column, lag + H, lag);
      for (size_t t = 0; t < H; t++) x[t * ld + d] = column[lag + t];
    }
  }
}

/* }====================================================================== */

/* {== Windows ============================================================ */

/* A window, and what the network has made of it. */
typedef struct View {
  rnl_State *s;
  const rnli_Forecaster *f;
  int H;                      /* steps that are forecast */
  const float *held;          /* (E) the last inputs */
  const float *known;         /* (H,K), its rows 'ld' apart */
  size_t ld;
  float *tail;                /* what undoes differences */
  float *column;              /* room for that */
  float *sorted;              /* room for P numbers in order, and for their */
  int32_t *places;            /* places */
  float *keys;                /* (W,Hid) states of the window */
  rnli_Memory memory;         /* of these */
  int N;                      /* rows of: */
  float *h, *c;
  int64_t t;
} View;


/* What the network reads: v, the inputs, what is known of the next step. */
static void fill_window (const View *v, const float *d, const float *rows,
                         float *to) {
  const rnli_Forecaster *f = v->f;
  size_t D = (size_t)f->D, E = (size_t)f->E, K = (size_t)f->K;
  rnli_copy(to + D, D + E + K, rows, E + K, (size_t)f->W, E);
  rnli_copy(to + D + E, D + E + K, rows + v->ld + E, E + K, (size_t)f->W, K);
  for (int t = 0; t < f->W; t++, d += D, to += D + E + K)
    for (size_t k = 0; k < D; k++) to[k] = d[k] / (float)f->v[k];
}


static int view_room (View *v) {
  const rnli_Forecaster *f = v->f;
  rnli_Work *w = &v->s->work;
  size_t n = rnli_mul((size_t)f->net.L, (size_t)f->net.H);
  size_t lags = (size_t)(f->span - f->W);
  v->tail = rnli_floats(w, lags, (size_t)f->D);
  v->column = rnli_floats(w, (size_t)f->span + (size_t)v->H, 1);
  v->sorted = rnli_floats(w, (size_t)f->P, 1);
  v->places = rnli_work(w, (size_t)f->P, sizeof *v->places);
  v->keys = rnli_floats(w, (size_t)f->W, (size_t)f->net.H);
  v->h = rnli_floats(w, n, 1);
  v->c = rnli_floats(w, f->net.cells ? n : 0, 1);
  return v->tail && v->column && v->sorted && v->places && v->keys && v->h &&
         v->c ? RNL_OK : RNL_ENOMEM;
}


/* Reads the window that ends before row 'at' + 1; the state has one row. */
static int read_window (View *v, const float *z, const float *rows,
                        size_t at) {
  const rnli_Forecaster *f = v->f;
  rnli_Work *w = &v->s->work;
  size_t D = (size_t)f->D, E = (size_t)f->E, span = (size_t)f->span;
  size_t W = (size_t)f->W;
  v->ld = E + (size_t)f->K;
  v->held = rows + at * v->ld;
  v->known = rows + (at + 1) * v->ld + E;
  int status = view_room(v);
  if (status != RNL_OK) return status;
  rnli_Mark mark = rnli_work_mark(w);
  float *d = rnli_floats(w, span, D), *x = rnli_floats(w, W, D + v->ld);
  if (!d || !x) return RNL_ENOMEM;
  memcpy(d, z + (at + 1 - span) * D, span * D * sizeof *d);
  difference(f, d, v->tail);
  fill_window(v, d, rows + (at + 1 - W) * v->ld, x);
  rnli_recurrent_begin(&f->net, 1, v->h, v->c);
  v->N = 1;
  status = rnli_recurrent_run(v->s->model, &f->net, w, f->W, x, v->h, v->c,
                              &v->t, v->keys);
  rnli_work_back(w, mark);
  if (status != RNL_OK || !f->attends) return status;
  return rnli_remember(v->s->model, &f->attention, w, v->keys, f->W,
                       &v->memory);
}


/* N copies of the state's only row. */
static int copy_state (View *v, int N) {
  const rnli_Forecaster *f = v->f;
  size_t L = (size_t)f->net.L, H = (size_t)f->net.H, rows = (size_t)N;
  size_t n = rnli_mul(rnli_mul(L, H), rows);
  float *h = rnli_floats(&v->s->work, n, 1);
  float *c = rnli_floats(&v->s->work, f->net.cells ? n : 0, 1);
  if (!h || !c) return RNL_ENOMEM;
  for (size_t l = 0; l < L; l++) {
    rnli_copy(h + l * rows * H, H, v->h + l * H, 0, rows, H);
    if (f->net.cells) rnli_copy(c + l * rows * H, H, v->c + l * H, 0, rows, H);
  }
  v->h = h;
  v->c = c;
  v->N = N;
  return RNL_OK;
}


/* What is said (N, out) after states y (N,Hid), beside what they attend to. */
static int say (const View *v, const float *y, int N, float *said) {
  const rnli_Forecaster *f = v->f;
  const rnl_Model *m = v->s->model;
  rnli_Work *w = &v->s->work;
  size_t H = (size_t)f->net.H, F = (size_t)f->F;
  if (!f->attends)
    return rnli_dense(m, &f->out, w, y, N, said, (size_t)f->out.out);
  float *c = rnli_floats(w, (size_t)N, H), *x = rnli_floats(w, (size_t)N, F);
  if (!c || !x) return RNL_ENOMEM;
  int status = rnli_attend(m, &f->attention, w, &v->memory, y, N, c, NULL);
  if (status != RNL_OK) return status;
  rnli_copy(x, F, y, H, (size_t)N, H);
  rnli_copy(x + H, F, c, H, (size_t)N, H);
  return rnli_dense(m, &f->out, w, x, N, said, (size_t)f->out.out);
}

/* }====================================================================== */

/* {== What is said of a number =========================================== */

/*
** Those of P numbers that were said, sorted, so that no quantile is above the
** next (Chernozhukov et al. 2010).
*/
static void sort_quantiles (const View *v, const float *x, float *to) {
  int Q = v->f->Q;
  rnli_topk(x, Q, Q, v->places);
  for (int k = 0; k < Q; k++) to[k] = x[v->places[Q - 1 - k]];
}


/* The middle of each of n * D numbers of P. */
static void middles (const View *v, const float *said, size_t n, float *to) {
  const rnli_Forecaster *f = v->f;
  for (size_t i = 0; i < n * (size_t)f->D; i++, said += f->P) {
    to[i] = said[0];
    if (f->output != RNLI_QUANTILES) continue;
    sort_quantiles(v, said, v->sorted);
    to[i] = v->sorted[f->middle];
  }
}


/* Of a normal distribution, from its P numbers. */
static float deviation_of (const float *said) {
  float x = said[1] * 0.5f;
  rnli_exp_all(&x, 1, 0);
  return x;
}


/* The quantiles of one number, from its P. */
static void quantiles (const View *v, const float *said, float *to) {
  const rnli_Forecaster *f = v->f;
  if (f->output == RNLI_QUANTILES) {
    sort_quantiles(v, said, to);
  } else {
    float deviation = deviation_of(said);
    for (int k = 0; k < f->Q; k++) to[k] = said[0] + deviation * f->normal[k];
  }
}


/*
** One number that is drawn: by the distribution function of quantiles, straight
** between these, which ends at the outer ones; or a normal one.
*/
static float draw_one (const View *v, const float *said, rnl_Rng *rng) {
  const rnli_Forecaster *f = v->f;
  float *sorted = v->sorted;
  if (f->output == RNLI_GAUSSIAN)
    return said[0] + deviation_of(said) * (float)rnl_rng_normal(rng);
  sort_quantiles(v, said, sorted);
  float u = (float)rnl_rng_uniform(rng), y = sorted[0];
  for (int k = 1; k < f->Q; k++) {
    float from = (float)f->quantile[k - 1];
    float width = (float)(f->quantile[k] - f->quantile[k - 1]);
    float share = (u - from) / width;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    y = y + share * (sorted[k] - sorted[k - 1]);
  }
  return y;
}

/* }====================================================================== */

/* {== Strategies: recursive ============================================== */

/* Reads the values (N,D) of step k, held inputs, what is known of k + 1. */
static int read_values (View *v, int k, const float *values, float *y) {
  const rnli_Forecaster *f = v->f;
  size_t D = (size_t)f->D, E = (size_t)f->E, K = (size_t)f->K;
  size_t N = (size_t)v->N, ld = D + E + K;
  float *x = rnli_floats(&v->s->work, N, ld);
  if (!x) return RNL_ENOMEM;
  rnli_copy(x, ld, values, D, N, D);
  rnli_copy(x + D, ld, v->held, 0, N, E);
  rnli_copy(x + D + E, ld, v->known + (size_t)(k + 1) * v->ld, 0, N, K);
  return rnli_recurrent_step(v->s->model, &f->net, &v->s->work, v->N, x, NULL,
                             v->h, v->c, &v->t, y);
}


/* Step k of N paths: what is said after states y becomes values (N,D). */
static int choose (const View *v, const float *y, rnl_Rng *rng,
                   float *values) {
  const rnli_Forecaster *f = v->f;
  size_t n = (size_t)v->N, P = (size_t)f->P, D = (size_t)f->D;
  float *said = rnli_floats(&v->s->work, n, (size_t)f->DP);
  if (!said) return RNL_ENOMEM;
  int status = say(v, y, v->N, said);
  if (status != RNL_OK) return status;
  if (!rng) middles(v, said, n, values);
  for (size_t i = 0; rng && i < n * D; i++)
    values[i] = draw_one(v, said + i * P, rng);
  return RNL_OK;
}


/* Values (H,N,D) of paths that go on by themselves; 'rng' NULL: the middle. */
static int go_on (View *v, int N, rnl_Rng *rng, float *values) {
  const rnli_Forecaster *f = v->f;
  rnli_Work *w = &v->s->work;
  size_t rows = (size_t)N, H = (size_t)f->net.H, n = rows * (size_t)f->D;
  float *y = rnli_floats(w, rows, H);
  int status = y ? copy_state(v, N) : RNL_ENOMEM;
  if (status != RNL_OK) return status;
  rnli_copy(y, H, v->keys + (size_t)(f->W - 1) * H, 0, rows, H);
  for (int k = 0; status == RNL_OK && k < v->H; k++, values += n) {
    rnli_Mark mark = rnli_work_mark(w);
    status = choose(v, y, rng, values);
    if (status == RNL_OK && k + 1 < v->H)
      status = read_values(v, k, values, y);
    rnli_work_back(w, mark);
  }
  return status;
}


/* Levels of values (H,N,D), in their place. */
static void to_levels (const View *v, int N, float *values) {
  const rnli_Forecaster *f = v->f;
  size_t D = (size_t)f->D, ld = (size_t)N * D;
  for (size_t i = 0; i < (size_t)v->H * (size_t)N; i++)
    for (size_t d = 0; d < D; d++) values[i * D + d] *= (float)f->v[d];
  for (int n = 0; n < N; n++)
    undifference(f, v->tail, (size_t)v->H, values + (size_t)n * D, ld,
                 v->column);
}


/* The quantile q of S > 1 sorted numbers, straight between them. */
static float between (const float *sorted, int S, double q) {
  double at = q * (S - 1);
  int low = (int)floor(at);
  if (low > S - 2) low = S - 2;
  return sorted[low] + (sorted[low + 1] - sorted[low]) * (float)(at - low);
}


/* What S paths (H,S,D) say of each step and target. */
static int sum_up (const View *v, const float *paths, int S, float *levels,
                   float *spread) {
  const rnli_Forecaster *f = v->f;
  size_t D = (size_t)f->D, n = (size_t)S, Q = (size_t)f->Q;
  float *x = rnli_floats(&v->s->work, n, 2), *sorted = x + n;
  int32_t *place = rnli_work(&v->s->work, n, sizeof *place);
  if (!x || !place) return RNL_ENOMEM;
  for (size_t i = 0; i < (size_t)v->H * D; i++) {
    const float *at = paths + i / D * n * D + i % D;
    for (size_t s = 0; s < n; s++) x[s] = at[s * D];
    rnli_topk(x, S, S, place);
    for (size_t s = 0; s < n; s++) sorted[s] = x[place[n - 1 - s]];
    levels[i] = between(sorted, S, 0.5);
    for (size_t k = 0; spread && k < Q; k++)
      spread[i * Q + k] = between(sorted, S, f->quantile[k]);
  }
  return RNL_OK;
}


static int recursive (View *v, int paths, rnl_Rng *rng, float *levels,
                      float *spread) {
  const rnli_Forecaster *f = v->f;
  size_t n = (size_t)v->H * (size_t)f->D;
  if (f->output == RNLI_POINT || paths == 1) {
    int status = go_on(v, 1, NULL, levels);
    if (status == RNL_OK) to_levels(v, 1, levels);
    return status;
  }
  float *values = rnli_floats(&v->s->work, rnli_mul(n, (size_t)paths), 1);
  int status = values ? go_on(v, paths, rng, values) : RNL_ENOMEM;
  if (status != RNL_OK) return status;
  to_levels(v, paths, values);
  return sum_up(v, values, paths, levels, spread);
}

/* }====================================================================== */

/* {== Strategies: direct, sequence to sequence =========================== */

/* (H, D*P) at once. */
static int direct (View *v, float *said) {
  const rnli_Forecaster *f = v->f;
  rnli_Work *w = &v->s->work;
  size_t H = (size_t)v->H, DP = (size_t)f->DP, K = (size_t)f->K;
  const float *last = v->keys + (size_t)(f->W - 1) * (size_t)f->net.H;
  int status = say(v, last, 1, said);
  if (status != RNL_OK || K == 0) return status;
  float *known = rnli_floats(w, H, K), *more = rnli_floats(w, H, DP);
  if (!known || !more) return RNL_ENOMEM;
  rnli_copy(known, K, v->known, v->ld, H, K);
  status = rnli_dense(v->s->model, &f->known_out, w, known, v->H, more, DP);
  for (size_t i = 0; status == RNL_OK && i < H * DP; i++) said[i] += more[i];
  return status;
}


/* Step k of the decoder, which reads x (D+K): what is said of it (D*P). */
static int decode (View *v, int k, float *x, float *y, float *said) {
  const rnli_Forecaster *f = v->f;
  size_t D = (size_t)f->D, K = (size_t)f->K;
  memcpy(x + D, v->known + (size_t)k * v->ld, K * sizeof *x);
  int status = rnli_recurrent_step(v->s->model, &f->decoder, &v->s->work, 1, x,
                                   NULL, v->h, v->c, &v->t, y);
  return status == RNL_OK ? say(v, y, 1, said) : status;
}


/* (H, D*P) step by step, each reading the middle of the one before. */
static int by_decoder (View *v, float *said) {
  const rnli_Forecaster *f = v->f;
  rnli_Work *w = &v->s->work;
  size_t D = (size_t)f->D;
  float *x = rnli_floats(w, D + (size_t)f->K, 1);
  float *y = rnli_floats(w, (size_t)f->net.H, 1);
  if (!x || !y) return RNL_ENOMEM;
  memset(x, 0, D * sizeof *x);
  int status = RNL_OK;
  for (int k = 0; status == RNL_OK && k < v->H; k++, said += f->DP) {
    rnli_Mark mark = rnli_work_mark(w);
    status = decode(v, k, x, y, said);
    if (status == RNL_OK) middles(v, said, 1, x);
    rnli_work_back(w, mark);
  }
  return status;
}


/* Levels of what is said (H, D*P), added to what the series does by itself. */
static int by_base (const View *v, const float *said, float *levels,
                    float *spread) {
  const rnli_Forecaster *f = v->f;
  size_t D = (size_t)f->D, P = (size_t)f->P, Q = (size_t)f->Q;
  size_t H = (size_t)v->H;
  float *base = rnli_floats(&v->s->work, H, D);
  if (!base) return RNL_ENOMEM;
  memset(base, 0, H * D * sizeof *base);
  undifference(f, v->tail, H, base, D, v->column);
  middles(v, said, H, levels);
  for (size_t i = 0; i < H * D; i++) {
    float y = (float)f->y[i % D];
    levels[i] = levels[i] * y + base[i];
    if (!spread || Q == 0) continue;
    float *to = spread + i * Q;
    quantiles(v, said + i * P, to);
    for (size_t k = 0; k < Q; k++) to[k] = to[k] * y + base[i];
  }
  return RNL_OK;
}


/* Levels (H,D) after row 'at', and of quantiles (H,D,Q) unless that is NULL. */
static int forecast (rnl_State *s, const rnli_Levels *table, size_t at, int H,
                     int paths, rnl_Rng *rng, float *levels, float *spread) {
  const rnli_Forecaster *f = s->model->made;
  View v = {.s = s, .f = f, .H = H};
  int status = read_window(&v, table->z, table->x, at);
  if (status == RNL_OK && f->strategy == RNLI_RECURSIVE)
    return recursive(&v, paths, rng, levels, spread);
  if (status != RNL_OK) return status;
  float *said = rnli_floats(&s->work, (size_t)H, (size_t)f->DP);
  if (!said) return RNL_ENOMEM;
  status = f->strategy == RNLI_DIRECT ? direct(&v, said)
                                      : by_decoder(&v, said);
  return status == RNL_OK ? by_base(&v, said, levels, spread) : status;
}

/* }====================================================================== */

/* {== In the unit of the data ============================================ */

/* Levels x (n,D,each) of each of which D make a row. */
static void to_units (const rnli_Scaler *scaler, const float *x, size_t n,
                      size_t each, double *to) {
  size_t D = (size_t)scaler->D;
  for (size_t i = 0; i < n * each; i++) {
    size_t at = i / each * D * each + i % each;
    rnli_unscale(scaler, x + at, each, to + at);
  }
}


int rnli_forecast_at (rnl_State *s, const rnli_Levels *table, size_t at, int H,
                      int take, int paths, rnl_Rng *rng, double *y,
                      double *quantile) {
  const rnli_Forecaster *f = s->model->made;
  const rnli_Scaler *scaler = &table->series->target;
  rnli_Mark mark = rnli_work_mark(&s->work);
  size_t D = (size_t)f->D, Q = quantile ? (size_t)f->Q : 0;
  float *levels = rnli_floats(&s->work, (size_t)H, D);
  float *spread = rnli_floats(&s->work, rnli_mul((size_t)H, D), Q);
  if (!levels || !spread) return RNL_ENOMEM;
  int status = forecast(s, table, at, H, paths, rng, levels,
                        Q > 0 ? spread : NULL);
  if (status == RNL_OK) to_units(scaler, levels, (size_t)take, 1, y);
  if (status == RNL_OK) to_units(scaler, spread, (size_t)take, Q, quantile);
  rnli_work_back(&s->work, mark);
  return status;
}

/* }====================================================================== */

/* {== Series ============================================================= */

/* A forecast that is asked for. */
typedef struct Ask {
  const rnl_Series *o;
  int H, paths;
  int block, blocks;          /* steps at once; how often */
  rnl_Rng own, *rng;
  rnli_Levels levels;
} Ask;


static const rnli_Learnt *find_series (const rnli_Forecaster *f,
                                       const char *name) {
  for (int i = f->nseries - 1; name && i >= 0; i--)
    if (strcmp(f->series[i].name, name) == 0) return &f->series[i];
  return f->nseries == 1 ? f->series : NULL;
}


static int check_counts (rnl_State *s, const Ask *a) {
  const rnli_Forecaster *f = s->model->made;
  const rnl_Series *o = a->o;
  rnl_Context *ctx = s->ctx;
  if (!a->levels.series)
    return rnli_error(ctx, RNL_EARG, "forecast: '%.80s' is not one of the %d "
                      "series that were learnt", o->name ? o->name : "",
                      f->nseries);
  if (a->H < 1 || a->H > MOST_STEPS)
    return rnli_error(ctx, RNL_EARG, "forecast: 'horizon' must be from 1 to "
                      "%d, or 0: as trained, got %d", MOST_STEPS, a->H);
  if (a->paths < 1 || a->paths > MOST_PATHS)
    return rnli_error(ctx, RNL_EARG, "forecast: 'paths' must be from 1 to %d, "
                      "or 0: %d, got %d", MOST_PATHS, PATHS, a->paths);
  if (o->T < f->span)
    return rnli_error(ctx, RNL_ESHAPE, "forecast: the series has %d rows, the "
                      "model reads %d", o->T, f->span);
  if (!o->values || (f->own > 0 && !o->ahead))
    return rnli_error(ctx, RNL_EARG, "forecast: 'values' or 'ahead' is "
                      "missing");
  if (f->dates > 0 && !o->times)
    return rnli_error(ctx, RNL_EARG, "forecast: the model reads a calendar: "
                      "'times' is missing");
  return RNL_OK;
}


static int check_levels (rnl_State *s, const Ask *a) {
  const rnli_Forecaster *f = s->model->made;
  size_t D = (size_t)f->D;
  for (int r = 0; r < f->span; r++)
    for (size_t d = 0; d < D; d++)
      if (!isfinite(a->levels.z[(size_t)r * D + d]))
        return rnli_error(s->ctx, RNL_EARG, "forecast: the model takes "
                          "logarithms, which row %d of 'values' has none of",
                          a->o->T - f->span + r + s->ctx->base);
  return RNL_OK;
}


/* The rows that are read, and those to come: inputs stay as they are. */
static int fill_levels (rnl_State *s, Ask *a) {
  const rnli_Forecaster *f = s->model->made;
  const rnl_Series *o = a->o;
  size_t C = (size_t)(f->D + f->E + f->own), own = (size_t)f->own;
  size_t first = (size_t)(o->T - f->span), span = (size_t)f->span;
  const double *last = o->values + (size_t)(o->T - 1) * C;
  double *row = rnli_work(&s->work, C, sizeof *row);
  if (!row) return RNL_ENOMEM;
  int status = rnli_forecast_fill(s, &a->levels, 0, o->values + first * C,
                                  o->times ? o->times + first : NULL, span);
  if (status == RNL_OK) status = check_levels(s, a);
  for (size_t k = 0; status == RNL_OK && k < (size_t)a->H; k++) {
    memcpy(row, last, (C - own) * sizeof *row);
    if (own) memcpy(row + C - own, o->ahead + k * own, own * sizeof *row);
    status = rnli_forecast_fill(s, &a->levels, span + k, row,
                                o->times ? o->times + o->T + k : NULL, 1);
  }
  return status;
}


static int begin (rnl_State *s, const rnl_Series *o, Ask *a) {
  const rnli_Forecaster *f = s->model->made;
  *a = (Ask){.o = o, .H = o->horizon ? o->horizon : f->H,
             .paths = o->paths ? o->paths : PATHS,
             .levels = {.series = find_series(f, o->name)}};
  rnl_rng_seed(&a->own, 1);
  a->rng = o->rng ? o->rng : &a->own;
  int status = check_counts(s, a);
  int C = f->D + f->E + f->own, first = o->T - f->span;
  if (status == RNL_OK)
    status = rnli_check_rows(s, "forecast", " of 'values'",
                             o->values + (size_t)first * (size_t)C, f->span,
                             C, first);
  if (status == RNL_OK)
    status = rnli_check_rows(s, "forecast", " of 'ahead'", o->ahead, a->H,
                             f->own, 0);
  if (status != RNL_OK) return status;
  a->block = f->strategy == RNLI_RECURSIVE ? a->H : f->H;
  a->blocks = (a->H - 1) / a->block + 1;
  rnli_Levels *to = &a->levels;
  size_t X = (size_t)(f->E + f->K);
  size_t rows = (size_t)f->span + (size_t)a->block * (size_t)a->blocks;
  to->z = rnli_floats(&s->work, rows, (size_t)f->D);
  to->x = rnli_floats(&s->work, rows, X);
  if (!to->z || !to->x) return RNL_ENOMEM;
  memset(to->x, 0, rows * X * sizeof *to->x);   /* of steps nobody asked for */
  return fill_levels(s, a);
}


static int check_finite (rnl_State *s, const Ask *a, const double *x,
                         size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!isfinite(x[i]))
      return rnli_error(s->ctx, RNL_EDIVERGED, "forecast: the forecasts of %d "
                        "steps outgrow all numbers: take fewer, or a model "
                        "without --log or with another --difference", a->H);
  return RNL_OK;
}


/* Block b of a forecast, and what the next one is made from. */
static int forecast_block (rnl_State *s, Ask *a, int b, double *y,
                           double *quantile) {
  const rnli_Forecaster *f = s->model->made;
  size_t D = (size_t)f->D, Q = quantile ? (size_t)f->Q : 0;
  int done = b * a->block, left = a->H - done;
  int take = left < a->block ? left : a->block;
  size_t at = (size_t)f->span - 1 + (size_t)done, n = (size_t)take * D;
  y += (size_t)done * D;
  if (quantile) quantile += (size_t)done * D * Q;
  int status = rnli_forecast_at(s, &a->levels, at, a->block, take, a->paths,
                                a->rng, y, quantile);
  if (status == RNL_OK) status = check_finite(s, a, y, n);
  if (status == RNL_OK) status = check_finite(s, a, quantile, n * Q);
  if (status != RNL_OK || b + 1 == a->blocks) return status;
  rnli_forecast_put(&a->levels, at + 1, y, (size_t)take);
  return RNL_OK;
}


int rnl_state_forecast (rnl_State *s, const rnl_Series *series, double *y,
                        double *quantile) {
  const rnli_Forecaster *f = s->model->made;
  rnl_Series o = RNL_SERIES;
  Ask a;
  int status = rnli_expect_kind(s, &rnli_kind_forecaster);
  if (status == RNL_OK && !rnli_options(&o, sizeof o, series))
    status = rnli_error(s->ctx, RNL_EARG, "forecast: a series must begin with "
                        "RNL_SERIES");
  if (status != RNL_OK) return status;
  if (quantile && f->strategy == RNLI_RECURSIVE && o.paths == 1)
    return rnli_error(s->ctx, RNL_EARG, "forecast: quantiles of a recursive "
                      "model need more 'paths' than 1");
  status = begin(s, &o, &a);
  for (int b = 0; status == RNL_OK && b < a.blocks; b++)
    status = forecast_block(s, &a, b, y, quantile);
  rnli_work_reset(&s->work);
  return status;
}

/* }====================================================================== */
