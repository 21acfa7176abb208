/*
** detector.c - how unusual the rows of a series are: their errors, which are
** rows minus what a model expects of them, over the deviation that a forecaster
** tells, and the distance of these from errors that are normal.
*/
#include <math.h>

#include "infer/autoencoder.h"
#include "infer/detector.h"
#include "infer/forecaster.h"

enum { PATHS = 100 };

static const double FARTHEST = 1e9;   /* also of errors that are not finite */

/* {== Loading ============================================================ */

static int damaged (rnli_Loader *l) {
  return rnli_misfit(l, "its threshold is damaged");
}


/* The rows of a factor: 1, 2, .. D numbers, the last of each above 0. */
static int read_factor (rnli_Loader *l, const rnli_Json *list, int D,
                        const double **out) {
  size_t n = 0, all = (size_t)D, count = 0;
  const rnli_Json *row = rnli_json_first(list);
  for (; row; row = rnli_json_next(row)) count += rnli_json_count(row);
  if (count != all * (all + 1) / 2) return damaged(l);
  double *to = rnli_keep(l, count, sizeof *to);
  if (!to) return RNL_ENOMEM;
  *out = to;
  for (row = rnli_json_first(list); row; row = rnli_json_next(row)) {
    if (++n > all || !rnli_numbers(row, n, -HUGE_VAL, to))
      return damaged(l);
    to += n;
    if (to[-1] <= 0) return damaged(l);
  }
  return n == all ? RNL_OK : damaged(l);
}


static int read_normal (rnli_Loader *l, const rnli_Json *o, int D,
                        rnli_Normal *normal) {
  double *mean = rnli_keep(l, (size_t)D, sizeof *mean);
  if (!mean) return RNL_ENOMEM;
  normal->D = D;
  normal->mean = mean;
  normal->gate = rnli_member(o, "gate", (double)NAN);
  normal->threshold = rnli_member(o, "threshold", (double)NAN);
  normal->smooth = rnli_int(o, "smooth", 1, INT64_MAX);
  normal->hold = rnli_int(o, "hold", 0, INT64_MAX);
  normal->gap = rnli_int(o, "gap", 0, INT64_MAX);
  if (!rnli_numbers(rnli_json_get(o, "mean"), (size_t)D, -HUGE_VAL, mean) ||
      isnan(normal->gate) || isnan(normal->threshold) ||
      normal->smooth < 0 || normal->hold < 0 || normal->gap < 0)
    return damaged(l);
  return read_factor(l, rnli_json_get(o, "factor"), D, &normal->factor);
}


int rnli_normal (rnli_Loader *l, int D, const rnli_Normal **out) {
  const rnli_Json *o;
  *out = NULL;
  if (!rnli_meta(l, "detector")) return RNL_OK;
  rnli_Normal *normal = rnli_keep(l, 1, sizeof *normal);
  if (!normal) return RNL_ENOMEM;
  *out = normal;
  int status = rnli_meta_json(l, "detector", &o);
  return status == RNL_OK ? read_normal(l, o, D, normal) : status;
}

/* }====================================================================== */

/* {== Judging rows ======================================================= */

/* What windows say of a row, summed. */
typedef struct Sum {
  double *middle, *spread;    /* (D) */
  int64_t count;
} Sum;

/* A series that is judged. */
typedef struct Watch {
  rnl_State *s;
  const rnli_Normal *normal;
  const double *values;       /* (T,C) */
  int D, C, T;
  int span, H;                /* rows of a window; those that follow */
  int Q;                      /* quantiles of a forecast */
  int ring;                   /* sums are kept for so many rows: */
  Sum *plain;                 /* of windows as they are, */
  Sum *sum;                   /* and with rows that forecasts stand in for */
  double *error, *expected;   /* (D) */
  double *w;                  /* (D) */
  double *said, *quantile;    /* (ring,D), (ring,D,Q) of a window */
  rnli_Levels rows, stands;   /* the rows, and with those that stand in */
  int replaced, odd;          /* rows; -1: none */
} Watch;


static Sum *sum_of (const Watch *v, Sum *sums, int row) {
  return &sums[row % v->ring];
}


static void clear (const Watch *v, Sum *sum) {
  memset(sum->middle, 0, 2 * (size_t)v->D * sizeof *sum->middle);
  sum->count = 0;
}


/* Adds what a window says of a row; 'quantile' NULL: its deviation is 1. */
static void add (const Watch *v, Sum *sum, const double *middle,
                 const double *quantile, size_t Q) {
  for (size_t d = 0; d < (size_t)v->D; d++) {
    sum->middle[d] += middle[d];
    sum->spread[d] += quantile ? (quantile[d * Q + 2] - quantile[d * Q]) / 2
                               : 1;
  }
  sum->count++;
}


/* Errors of a row, and what was expected of it. */
static void judge (Watch *v, const Sum *sum, int row) {
  const double *values = v->values + (size_t)row * (size_t)v->C;
  double n = (double)sum->count;
  for (int d = 0; d < v->D; d++) {
    v->expected[d] = sum->middle[d] / n;
    v->error[d] = (values[d] - v->expected[d]) / (sum->spread[d] / n);
  }
}


/* The distance of errors from those that are normal. */
static double distance (Watch *v) {
  const double *row = v->normal->factor;
  double sum = 0;
  for (int i = 0; i < v->D; i++, row += i) {
    double x = v->error[i] - v->normal->mean[i];
    for (int k = 0; k < i; k++) x -= row[k] * v->w[k];
    v->w[i] = x / row[i];
    sum += v->w[i] * v->w[i];
  }
  return sum < FARTHEST * FARTHEST ? sqrt(sum) : FARTHEST;
}


static int sums_room (Watch *v, Sum **out) {
  size_t n = (size_t)v->ring, D = (size_t)v->D;
  Sum *sum = rnli_work(&v->s->work, n, sizeof *sum);
  double *x = rnli_work(&v->s->work, rnli_mul(n, 2 * D), sizeof *x);
  if (!sum || !x) return RNL_ENOMEM;
  for (size_t i = 0; i < n; i++, x += 2 * D) {
    sum[i] = (Sum){x, x + D, 0};
    clear(v, &sum[i]);
  }
  *out = sum;
  return RNL_OK;
}


static int room (Watch *v) {
  rnli_Work *w = &v->s->work;
  size_t D = (size_t)v->D, said = rnli_mul((size_t)v->ring, D);
  int status = sums_room(v, &v->sum);
  if (status == RNL_OK && v->H > 0) status = sums_room(v, &v->plain);
  if (status != RNL_OK) return status;
  v->error = rnli_work(w, D, 3 * sizeof *v->error);
  v->said = rnli_work(w, said, sizeof *v->said);
  v->quantile = rnli_work(w, rnli_mul(said, (size_t)v->Q),
                          sizeof *v->quantile);
  if (!v->error || !v->said || !v->quantile) return RNL_ENOMEM;
  v->expected = v->error + D;
  v->w = v->expected + D;
  return RNL_OK;
}

/* }====================================================================== */

/* {== By windows made anew =============================================== */

/* Adds what becomes of the window that ends in row 'at'. */
static int rebuild_at (Watch *v, int at) {
  int first = at + 1 - v->span;
  size_t D = (size_t)v->D;
  int status = rnli_rebuild(v->s, v->values + (size_t)first * D, v->said);
  for (int k = 0; status == RNL_OK && k < v->span; k++)
    add(v, sum_of(v, v->sum, first + k), v->said + (size_t)k * D, NULL, 0);
  return status;
}


/* A row has been said something of by all windows that have it once that which
** begins with it has. */
static int judge_windows (Watch *v, double *score) {
  int status = RNL_OK;
  for (int at = v->span - 1; status == RNL_OK && at < v->T; at++) {
    int first = at + 1 - v->span;
    status = rebuild_at(v, at);
    for (int row = first; status == RNL_OK && row <= at; row++) {
      Sum *sum = sum_of(v, v->sum, row);
      if (row > first && at + 1 < v->T) break;
      if (row >= v->span) {
        judge(v, sum, row);
        score[row] = distance(v);
      }
      clear(v, sum);
    }
  }
  return status;
}

/* }====================================================================== */

/* {== By forecasts ======================================================= */

/* The forecast behind row 'at' of a table. */
static int forecast_at (Watch *v, const rnli_Levels *table, int at) {
  rnl_Rng rng;
  rnl_rng_seed(&rng, 1);
  return rnli_forecast_at(v->s, table, (size_t)at, v->H, v->H, PATHS, &rng,
                          v->said, v->quantile);
}


/* Adds that forecast to sums. */
static void add_forecast (Watch *v, int at, Sum *sums) {
  size_t D = (size_t)v->D, Q = (size_t)v->Q;
  for (int h = 0; h < v->H; h++)
    add(v, sum_of(v, sums, at + 1 + h), v->said + (size_t)h * D,
        v->quantile + (size_t)h * D * Q, Q);
}


/* Rows are taken for what they are again. */
static void take_back (Watch *v, int row) {
  size_t D = (size_t)v->D, n = (size_t)v->span + 1;
  size_t from = row > v->span ? (size_t)(row - v->span) : 0;
  if (n > (size_t)row + 1) n = (size_t)row + 1;
  memcpy(v->stands.z + from * D, v->rows.z + from * D,
         n * D * sizeof *v->rows.z);
  v->replaced = -1;
}


/*
** Lets what was expected stand in for a row that is far from it, until the rows
** have long been as expected without that.
*/
static void stand_in (Watch *v, int row, double score, int stands) {
  const rnli_Normal *normal = v->normal;
  if (stands) {
    judge(v, sum_of(v, v->plain, row), row);
    if (distance(v) > normal->gate) v->odd = row;
    judge(v, sum_of(v, v->sum, row), row);
  }
  if (stands && row - v->odd >= normal->hold) {
    take_back(v, row);
  } else if (score > normal->gate) {
    if (!stands) v->odd = row;
    v->replaced = row;
    rnli_forecast_put(&v->stands, (size_t)row, v->expected, 1);
  }
}


static int judge_row (Watch *v, int row, double *score) {
  int stands = v->replaced >= 0 && row - 1 - v->replaced < v->span;
  int status = RNL_OK;
  if (row + v->H <= v->T) {
    status = forecast_at(v, &v->rows, row - 1);
    if (status == RNL_OK) add_forecast(v, row - 1, v->plain);
    if (status == RNL_OK && stands)
      status = forecast_at(v, &v->stands, row - 1);
    if (status == RNL_OK) add_forecast(v, row - 1, v->sum);
  }
  if (status != RNL_OK) return status;
  judge(v, sum_of(v, v->sum, row), row);
  *score = distance(v);
  if (v->normal->hold > 0) stand_in(v, row, *score, stands);
  clear(v, sum_of(v, v->plain, row));
  clear(v, sum_of(v, v->sum, row));
  return status;
}


static int judge_forecasts (Watch *v, const double *times, double *score) {
  const rnli_Forecaster *f = v->s->model->made;
  rnli_Work *w = &v->s->work;
  size_t T = (size_t)v->T, D = (size_t)v->D, X = (size_t)(f->E + f->K);
  v->rows = (rnli_Levels){f->series, rnli_floats(w, T, D),
                          rnli_floats(w, T, X)};
  v->stands = (rnli_Levels){f->series, rnli_floats(w, T, D), v->rows.x};
  if (!v->rows.z || !v->rows.x || !v->stands.z) return RNL_ENOMEM;
  int status = rnli_forecast_fill(v->s, &v->rows, 0, v->values, times, T);
  if (status != RNL_OK) return status;
  memcpy(v->stands.z, v->rows.z, T * D * sizeof *v->rows.z);
  for (int row = v->span; status == RNL_OK && row < v->T; row++)
    status = judge_row(v, row, &score[row]);
  return status;
}

/* }====================================================================== */

/* {== Scores and flags =================================================== */

/* Scores of rows from 'first' on, averaged with those before. */
static void smooth_row (const rnli_Normal *normal, double *score, int first,
                    int T) {
  double s = first < T ? score[first] : 0;
  for (int t = first; t < T; t++) {
    s = s + 2 / ((double)normal->smooth + 1) * (score[t] - s);
    score[t] = s;
  }
}


/* Rows above the threshold, and those between two of them that are near. */
static void set_flags (const rnli_Normal *normal, const double *score,
                       int first, int T, unsigned char *flag) {
  int last = -1;
  memset(flag, 0, (size_t)T);
  for (int t = first; t < T; t++) {
    if (!(score[t] > normal->threshold)) continue;
    int near = last >= 0 && t - last - 1 <= normal->gap;
    for (int k = near ? last + 1 : t; k <= t; k++) flag[k] = 1;
    last = t;
  }
}


/* The detector of a model, or why there is none. */
static int open_watch (rnl_State *s, Watch *v) {
  const rnl_Model *m = s->model;
  *v = (Watch){.s = s, .replaced = -1};
  if (m->kind == &rnli_kind_autoencoder) {
    const rnli_Autoencoder *a = m->made;
    v->normal = a->normal;
    v->D = v->C = a->D;
    v->ring = v->span = a->W;
  } else if (m->kind == &rnli_kind_forecaster) {
    const rnli_Forecaster *f = m->made;
    v->normal = f->normal_rows;
    v->D = f->D;
    v->C = f->D + f->E + f->own;
    v->span = f->span;
    v->ring = v->H = f->H;
    v->Q = f->Q;
  }
  if (v->normal) return RNL_OK;
  return rnli_error(s->ctx, RNL_ESTATE, "judge: the model has no threshold; "
                    "anomaly.lua writes detector.safetensors, which has one");
}


static int check_values (rnl_State *s, const Watch *v, const double *times) {
  const rnli_Forecaster *f = s->model->made;
  int least = v->span + (v->H > 1 ? v->H : 1);
  if (v->T < least)
    return rnli_error(s->ctx, RNL_ESHAPE, "judge: the series has %d rows, a "
                      "window of the model needs %d or more", v->T, least);
  if (v->H > 0 && f->dates > 0 && !times)
    return rnli_error(s->ctx, RNL_EARG, "judge: the model reads a calendar: "
                      "'times' is missing");
  return rnli_check_rows(s, "judge", "", v->values, v->T, v->C, 0);
}


int rnl_state_judge (rnl_State *s, const double *values, const double *times,
                     int T, double *score, unsigned char *flag) {
  Watch v;
  int status = open_watch(s, &v);
  v.values = values;
  v.T = T;
  if (status == RNL_OK) status = check_values(s, &v, times);
  if (status == RNL_OK) status = room(&v);
  if (status == RNL_OK)
    status = v.H > 0 ? judge_forecasts(&v, times, score)
                     : judge_windows(&v, score);
  rnli_work_reset(&s->work);
  if (status != RNL_OK) return status;
  for (int t = 0; t < v.span; t++) score[t] = (double)NAN;
  smooth_row(v.normal, score, v.span, T);
  if (flag) set_flags(v.normal, score, v.span, T, flag);
  return RNL_OK;
}

/* }====================================================================== */


int rnl_model_outlook (const rnl_Model *m, rnl_Outlook *out) {
  *out = (rnl_Outlook){.targets = 0};
  if (m->kind == &rnli_kind_forecaster) {
    const rnli_Forecaster *f = m->made;
    *out = (rnl_Outlook){.targets = f->D, .inputs = f->E, .known = f->own,
                         .times = f->dates > 0, .rows = f->span,
                         .horizon = f->H, .series = f->nseries,
                         .quantiles = f->Q, .quantile = f->quantile,
                         .judges = f->normal_rows != NULL};
    return RNL_OK;
  } else if (m->kind == &rnli_kind_autoencoder) {
    const rnli_Autoencoder *a = m->made;
    *out = (rnl_Outlook){.targets = a->D, .rows = a->W,
                         .judges = a->normal != NULL};
    return RNL_OK;
  }
  return RNL_ESTATE;
}
