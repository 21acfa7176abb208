/*
** forecaster.c - the kind "forecaster": its description and layers. Nothing in
** them is trusted: what is refused here is what forecaster.recall and
** strategies.fault of the Lua program refuse.
*/
#include <math.h>

#include "infer/forecaster.h"

enum { MOST = 1 << 20, FARTHEST = 1 << 16, MOST_QUANTILES = 1 << 12 };

/* {== Numbers ============================================================ */

static int damaged (rnli_Loader *l) {
  return rnli_misfit(l, "its description is damaged");
}


/* An integer of a description, or -1: there is none from least to most. */
static int integer (const rnli_Json *o, const char *key, int least, int most) {
  return (int)rnli_int(o, key, least, most);
}


/* Which one of these words a description has under a key, or -1. */
static int word (const rnli_Json *o, const char *key, const char *words) {
  return rnli_among(rnli_json_get(o, key), words);
}


static int read_sizes (const rnli_Json *o, rnli_Forecaster *f) {
  int strategy = word(o, "strategy", "recursive|direct|seq2seq");
  int output = word(o, "output", "point|quantile|gaussian");
  f->D = integer(o, "D", 1, MOST);
  f->E = integer(o, "E", 0, MOST);
  f->K = integer(o, "K", 0, MOST);
  f->P = integer(o, "P", 1, MOST);
  f->W = integer(o, "window", 1, MOST);
  f->H = integer(o, "horizon", 1, FARTHEST);
  if (strategy < 0 || output < 0 || f->D < 0 || f->E < 0 || f->K < 0 ||
      f->P < 0 || f->W < 0 || f->H < 0 || integer(o, "season", 1, MOST) < 0 ||
      word(o, "loss", "mse|mae|huber") < 0 ||
      isnan(rnli_member(o, "teacher_forcing", (double)NAN)))
    return 0;
  f->strategy = (rnli_Strategy)strategy;
  f->output = (rnli_Output)output;
  f->DP = f->D <= INT32_MAX / f->P ? f->D * f->P : 0;
  return f->DP > 0;
}


static int read_lags (const rnli_Json *o, rnli_Forecaster *f) {
  const rnli_Json *list = rnli_list(o, "lags");
  f->span = f->W;
  for (const rnli_Json *x = rnli_json_first(list); x;
       x = rnli_json_next(x)) {
    int64_t lag;
    if (f->nlags == 2 || !rnli_json_int(x, 1, MOST, &lag)) return 0;
    f->lag[f->nlags++] = (int)lag;
    f->span += (int)lag;
  }
  return list != NULL;
}


/* Sizes of D columns, above 0. */
static int read_spread (rnli_Loader *l, const rnli_Json *o, const char *key,
                        int D, const double **out) {
  const rnli_Json *list = rnli_list(rnli_json_get(o, "spread"), key);
  if (rnli_json_count(list) != (size_t)D) return damaged(l);
  double *to = rnli_keep(l, (size_t)D, sizeof *to);
  if (!to) return RNL_ENOMEM;
  *out = to;
  return rnli_numbers(list, (size_t)D, 0, to) ? RNL_OK : damaged(l);
}

/* }====================================================================== */

/* {== Quantiles ========================================================== */

/* The cumulative distribution function of the normal one (Marsaglia 2004). */
static double normal_cdf (double x) {
  double term = x, sum = x;
  for (double k = 3; sum + term != sum; k += 2) {
    term = term * x * x / k;
    sum += term;
  }
  return 0.5 + sum * exp(-x * x / 2) / sqrt(2 * 3.141592653589793);
}


/* The x with normal_cdf(x) = q. */
static double normal_quantile (double q) {
  double low = -8, high = 8;
  for (;;) {
    double x = (low + high) / 2;
    if (x <= low || x >= high) return x;
    if (normal_cdf(x) < q) low = x;
    else high = x;
  }
}


/* They grow from above 0 to below 1, and one is 0.5. */
static int are_quantiles (const rnli_Forecaster *f) {
  for (int i = 0; i < f->Q; i++)
    if (!(f->quantile[i] > (i ? f->quantile[i - 1] : 0)) ||
        !(f->quantile[i] < 1))
      return 0;
  return f->middle >= 0;
}


static int read_quantiles (rnli_Loader *l, const rnli_Json *o,
                           rnli_Forecaster *f) {
  const rnli_Json *list = rnli_list(o, "quantiles");
  size_t n = rnli_json_count(list);
  if (!list || n > MOST_QUANTILES) return damaged(l);
  double *q = rnli_keep(l, n, sizeof *q);
  float *z = rnli_keep(l, n, sizeof *z);
  if (!q || !z) return RNL_ENOMEM;
  f->quantile = q;
  f->normal = z;
  f->middle = -1;
  if (!rnli_numbers(list, n, 0, q)) return damaged(l);
  for (; f->Q < (int)n; f->Q++)
    if (q[f->Q] == 0.5) f->middle = f->Q;
  if (!are_quantiles(f)) return damaged(l);
  for (int i = 0; i < f->Q; i++) z[i] = (float)normal_quantile(q[i]);
  int P = f->output == RNLI_POINT ? 1 : f->output == RNLI_GAUSSIAN ? 2 : f->Q;
  if (P != f->P) return damaged(l);
  if (f->output == RNLI_POINT) f->Q = 0;
  return RNL_OK;
}

/* }====================================================================== */

/* {== Columns ============================================================ */

/* Names of columns to 'name', if they are as many. */
static int add_names (rnli_Loader *l, const rnli_Json *roles, const char *role,
                      int n, const char **name) {
  return rnli_names(l, rnli_list(roles, role), "columns", (size_t)n, name);
}


/* Before room is made for so many. */
static int are_names (const rnli_Json *roles, const char *role, int n) {
  return rnli_json_count(rnli_list(roles, role)) == (size_t)n;
}


/* Is a role one name, or not there? */
static int is_name (const rnli_Json *roles, const char *role) {
  rnli_JsonKind kind = rnli_json_kind(rnli_json_get(roles, role));
  return kind <= RNLI_NULL || kind == RNLI_STRING;
}


static int read_calendar (rnli_Loader *l, const rnli_Json *o,
                          rnli_Forecaster *f) {
  static const char names[] = "minute|hour|weekday|monthday|month|yearday";
  const rnli_Json *list = rnli_list(o, "calendar");
  const rnli_Json *same = rnli_list(rnli_json_get(o, "roles"), "calendar");
  size_t n = rnli_json_count(list);
  if (!list || !same || rnli_json_count(same) != n || n > MOST / 2 ||
      2 * (int)n > f->K)
    return damaged(l);
  int *date = rnli_keep(l, n, sizeof *date);
  if (!date) return RNL_ENOMEM;
  f->date = date;
  const rnli_Json *x = rnli_json_first(list), *y = rnli_json_first(same);
  for (; x; x = rnli_json_next(x), y = rnli_json_next(y), date++) {
    *date = rnli_among(x, names);
    if (*date < 0 || rnli_among(y, names) != *date) return damaged(l);
  }
  f->dates = (int)n;
  f->own = f->K - 2 * f->dates;
  return RNL_OK;
}


static int read_columns (rnli_Loader *l, const rnli_Json *o,
                         rnli_Forecaster *f) {
  const rnli_Json *roles = rnli_json_get(o, "roles");
  int n = f->D + f->E + f->own;   /* of a million each at most */
  if (!are_names(roles, "target", f->D) || !are_names(roles, "inputs", f->E) ||
      !are_names(roles, "known", f->own) || !is_name(roles, "time") ||
      !is_name(roles, "series") || !is_name(roles, "date_format"))
    return damaged(l);
  const char **name = rnli_keep(l, (size_t)n, sizeof *name);
  if (!name) return RNL_ENOMEM;
  int status = add_names(l, roles, "target", f->D, name);
  if (status == RNL_OK)
    status = add_names(l, roles, "inputs", f->E, name + f->D);
  if (status == RNL_OK)
    status = add_names(l, roles, "known", f->own, name + f->D + f->E);
  if (status != RNL_OK) return status;
  l->model->column = name;
  l->model->sizes.columns = n;
  return RNL_OK;
}


static int read_one (rnli_Loader *l, const rnli_Json *x, rnli_Forecaster *f,
                     rnli_Learnt *one) {
  int status = rnli_string(l, rnli_json_get(x, "name"), "series", &one->name);
  if (status == RNL_OK)
    status = rnli_scaler(l, x, "target", f->D, &one->target);
  if (status == RNL_OK && f->E + f->own > 0)
    status = rnli_scaler(l, x, "others", f->E + f->own, &one->others);
  return status;
}


static int read_series (rnli_Loader *l, const rnli_Json *o,
                        rnli_Forecaster *f) {
  const rnli_Json *list = rnli_list(o, "series");
  size_t n = rnli_json_count(list);
  int status = n > 0 ? RNL_OK : damaged(l);
  if (status != RNL_OK) return status;
  rnli_Learnt *one = rnli_keep(l, n, sizeof *one);
  const char **name = rnli_keep(l, n, sizeof *name);
  if (!one || !name) return RNL_ENOMEM;
  memset(one, 0, n * sizeof *one);
  f->series = one;
  l->model->label = name;
  const rnli_Json *x = rnli_json_first(list);
  for (; status == RNL_OK && x; x = rnli_json_next(x), one++) {
    status = read_one(l, x, f, one);
    name[f->nseries++] = one->name;
  }
  l->model->sizes.labels = f->nseries;
  return status;
}


static int describe (rnli_Loader *l, rnli_Forecaster *f) {
  const rnli_Json *o;
  int status = rnli_meta_json(l, "forecaster", &o);
  if (status == RNL_OK && (!read_sizes(o, f) || !read_lags(o, f)))
    status = damaged(l);
  if (status == RNL_OK) status = read_quantiles(l, o, f);
  if (status == RNL_OK) status = read_spread(l, o, "v", f->D, &f->v);
  if (status == RNL_OK) status = read_spread(l, o, "y", f->D, &f->y);
  if (status == RNL_OK) status = read_calendar(l, o, f);
  if (status == RNL_OK) status = read_columns(l, o, f);
  return status == RNL_OK ? read_series(l, o, f) : status;
}

/* }====================================================================== */

/* {== Layers ============================================================= */

static int unfit (rnli_Loader *l) {
  return rnli_misfit(l, "its layers do not fit its description");
}


/* A recurrent layer that reads D numbers, in one direction. */
static int load_net (rnli_Loader *l, const char *path, int D,
                     rnli_Recurrent *r) {
  int status = rnli_recurrent(l, path, D, NULL, r);
  return status == RNL_OK && (r->dirs != 1 || r->S != r->H) ? unfit(l)
                                                            : status;
}


static int class_of (const rnli_Loader *l, const char *path) {
  return rnli_among(rnli_json_get(rnli_layer(l, path), "class"),
                    "LSTM|GRU|RNN|ClockworkRNN");
}


/* Does the decoder go on from states of the net? */
static int goes_on (const rnli_Loader *l, const rnli_Forecaster *f) {
  return class_of(l, "decoder") == class_of(l, "rnn") &&
         f->decoder.H == f->net.H && f->decoder.L == f->net.L;
}


static int load_layers (rnli_Loader *l, rnli_Forecaster *f) {
  const rnli_Json *drop = rnli_layer(l, "drop");
  int64_t all = (int64_t)f->DP * (f->strategy == RNLI_DIRECT ? f->H : 1);
  if (all > INT32_MAX || (drop && !rnli_is_class(drop, "Dropout")))
    return unfit(l);
  int status = load_net(l, "rnn", f->D + f->E + f->K, &f->net);
  if (status != RNL_OK) return status;
  f->attends = rnli_layer(l, "attention") != NULL;
  f->F = f->attends ? 2 * f->net.H : f->net.H;
  if (f->attends && !rnli_is_class(rnli_layer(l, "attention"), "Attention"))
    return unfit(l);
  if (f->attends)
    status = rnli_attention(l, "attention", f->net.H, f->net.H, &f->attention);
  if (status == RNL_OK) status = rnli_linear(l, "out", f->F, (int)all, &f->out);
  if (status == RNL_OK && f->strategy == RNLI_DIRECT && f->K > 0)
    status = rnli_linear(l, "known_out", f->K, f->DP, &f->known_out);
  if (status != RNL_OK || f->strategy != RNLI_SEQ2SEQ) return status;
  status = load_net(l, "decoder", f->D + f->K, &f->decoder);
  return status == RNL_OK && !goes_on(l, f) ? unfit(l) : status;
}


/* A detector takes the outer ones of three quantiles for a deviation. */
static int load_normal (rnli_Loader *l, rnli_Forecaster *f) {
  int status = rnli_normal(l, f->D, &f->normal_rows);
  if (status != RNL_OK || !f->normal_rows) return status;
  if (f->Q >= 3 && f->nseries == 1 && f->strategy != RNLI_RECURSIVE)
    return RNL_OK;
  return rnli_misfit(l, "has a threshold, but tells no deviations");
}


static int load (rnli_Loader *l) {
  rnli_Forecaster *f = rnli_made(l, sizeof *f);
  if (!f) return RNL_ENOMEM;
  int status = describe(l, f);
  if (status == RNL_OK) status = load_layers(l, f);
  if (status == RNL_OK) status = load_normal(l, f);
  if (status == RNL_OK) l->model->sizes.outputs = f->D;
  return status;
}

/* }====================================================================== */


const rnli_Kind rnli_kind_forecaster = {"forecaster", load, NULL};
