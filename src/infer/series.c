/*
** series.c - the kind "seriesclassifier": a label for a series of numbers.
**
**    values, scaled, 0 where missing -.
**    1 where missing, if it was told --> convolutions, relu -> net -> pool
**                                        -> out
*/
#include <math.h>
#include <stdio.h>

#include "infer/infer.h"

enum { MOST_CONVS = 64 };

typedef struct Series {
  int C;                      /* channels */
  int missing;                /* the network is told where values are */
  int scaled;                 /* as the series all together were; or */
  int alone;                  /* each by itself */
  double *mean, *deviation;   /* (C) */
  int nconv;
  rnli_Conv *conv;
  rnli_Reader reader;
  rnli_Mlp out;
} Series;

/* {== Description ======================================================== */

/* How values are scaled. */
static int read_scale (rnli_Loader *l, const rnli_Json *o, Series *m) {
  int scale = rnli_among(rnli_json_get(o, "scale"), "channel|series|none");
  size_t C = scale == 0 ? (size_t)m->C : 0;
  m->missing = rnli_truth(o, "missing");
  m->scaled = scale == 0;
  m->alone = scale == 1;
  m->mean = rnli_keep(l, C, 2 * sizeof *m->mean);
  if (!m->mean) return RNL_ENOMEM;
  m->deviation = m->mean + C;
  if (m->C < 1 || m->missing < 0 || scale < 0 ||
      !rnli_numbers(rnli_json_get(o, "means"), C, -HUGE_VAL, m->mean) ||
      !rnli_numbers(rnli_json_get(o, "deviations"), C, 0, m->deviation) ||
      !rnli_counts(o, l->model->sizes.labels))
    return rnli_misfit(l, "its description is damaged");
  return RNL_OK;
}


static int read_description (rnli_Loader *l, const rnli_Json *o, Series *m) {
  rnl_Sizes *sizes = &l->model->sizes;
  int status = rnli_strings(l, rnli_json_get(o, "channels"), "channels",
                            &l->model->column, &m->C);
  sizes->columns = sizes->inputs = m->C;
  return status == RNL_OK ? read_scale(l, o, m) : status;
}

/* }====================================================================== */

/* {== Loading ============================================================ */

/* The convolutions, and how many numbers they make of 'D' of a step. */
static int load_convs (rnli_Loader *l, Series *m, int *D) {
  int status = RNL_OK;
  m->conv = rnli_keep(l, MOST_CONVS, sizeof *m->conv);
  if (!m->conv) return RNL_ENOMEM;
  for (;;) {
    char path[32];
    snprintf(path, sizeof path, "conv.%d", m->nconv + 1);
    if (!rnli_layer(l, path)) return RNL_OK;
    if (m->nconv == MOST_CONVS)
      return rnli_misfit(l, "has more than %d convolutions", MOST_CONVS);
    status = rnli_conv(l, path, *D, &m->conv[m->nconv]);
    if (status != RNL_OK) return status;
    *D = m->conv[m->nconv++].F;
  }
}


static int load_layers (rnli_Loader *l, Series *m) {
  int K = l->model->sizes.labels, D = (m->missing ? 2 : 1) * m->C;
  int status = load_convs(l, m, &D);
  if (status == RNL_OK) status = rnli_reader(l, "rnn", "pool", D, &m->reader);
  if (status == RNL_OK) status = rnli_mlp(l, "out", m->reader.F, K, &m->out);
  return status == RNL_OK ? rnli_dropout(l, "drop") : status;
}


static int load (rnli_Loader *l) {
  rnl_Model *model = l->model;
  const rnli_Json *o;
  Series *m = rnli_made(l, sizeof *m);
  if (!m) return RNL_ENOMEM;
  int status = rnli_labels(l, "labels", &model->label, &model->sizes.labels);
  if (status != RNL_OK) return status;
  status = rnli_meta_json(l, "seriesclassifier", &o);
  if (status == RNL_OK) status = read_description(l, o, m);
  model->sizes.outputs = model->sizes.labels;
  return status == RNL_OK ? load_layers(l, m) : status;
}

/* }====================================================================== */

/* {== Values ============================================================= */

/*
** Mean and standard deviation of a channel of a series, 1 if it does not
** change: added up as scripts do, so that it is the same to the last digit.
*/
static void measure (const double *x, int T, int C, double *mean,
                     double *deviation) {
  double n = 0, sum = 0, squares = 0;
  for (int t = 0; t < T; t++, x += C) {
    if (isnan(*x)) continue;
    n++;
    sum += *x;
    squares += *x * *x;
  }
  if (n == 0) n = 1;
  double norm = sqrt(squares);
  *mean = sum / n * n / n;
  double variance = norm * norm / n - *mean * *mean;
  *deviation = variance > 1e-12 * *mean * *mean ? sqrt(variance) : 1;
}


/* Channel c of all steps, as the network takes it. */
static void scale_channel (const Series *m, const double *values, int T,
                           int c, float *x) {
  int D = (m->missing ? 2 : 1) * m->C;
  double mean = 0, deviation = 1;
  if (m->scaled) mean = m->mean[c];
  if (m->scaled) deviation = m->deviation[c];
  if (m->alone) measure(values + c, T, m->C, &mean, &deviation);
  for (int t = 0; t < T; t++, values += m->C, x += D) {
    int gone = isnan(values[c]);
    x[c] = gone ? 0 : (float)((values[c] - mean) / deviation);
    if (m->missing) x[m->C + c] = (float)gone;
  }
}


static int check_values (rnl_State *s, const double *values, int T) {
  const Series *m = s->model->made;
  if (T < 1)
    return rnli_error(s->ctx, RNL_EARG, "a series has a step or more, got %d",
                      T);
  for (int t = 0; t < T; t++)
    for (int c = 0; c < m->C; c++)
      if (isinf(*values++))
        return rnli_error(s->ctx, RNL_EARG, "the value of channel %d at step "
                          "%d is infinite", c + s->ctx->base,
                          t + s->ctx->base);
  return RNL_OK;
}


/* x (T,D) through the convolutions; '*T' becomes what is left of the steps. */
static int convolve (rnl_State *s, const Series *m, float **x, int *T) {
  for (int i = 0; i < m->nconv; i++) {
    const rnli_Conv *c = &m->conv[i];
    int steps = rnli_conv_steps(c, *T);
    size_t n = (size_t)steps * (size_t)c->F;
    float *y = rnli_floats(&s->work, (size_t)steps, (size_t)c->F);
    if (!y) return RNL_ENOMEM;
    int status = rnli_conv_run(s->model, c, &s->work, *x, *T, y);
    if (status != RNL_OK) return status;
    for (size_t k = 0; k < n; k++) y[k] = y[k] <= 0 ? 0 : y[k];
    *x = y;
    *T = steps;
  }
  return RNL_OK;
}


static int classify (rnl_State *s, const double *values, int T, float *p) {
  const Series *m = s->model->made;
  rnli_Work *w = &s->work;
  float *x = rnli_floats(w, (size_t)T, (m->missing ? 2 : 1) * (size_t)m->C);
  float *y = rnli_floats(w, (size_t)m->reader.F, 1);
  if (!x || !y) return RNL_ENOMEM;
  for (int c = 0; c < m->C; c++) scale_channel(m, values, T, c, x);
  int status = convolve(s, m, &x, &T);
  if (status == RNL_OK)
    status = rnli_reader_run(s->model, &m->reader, w, x, T, y);
  if (status == RNL_OK) status = rnli_mlp_run(s->model, &m->out, w, y, 1, p);
  if (status != RNL_OK) return status;
  return rnli_softmax(s, p, (size_t)s->model->sizes.labels);
}


int rnl_state_classify_series (rnl_State *s, const double *values, int T,
                               float *p) {
  int status = rnli_expect_kind(s, &rnli_kind_seriesclassifier);
  if (status == RNL_OK) status = check_values(s, values, T);
  if (status == RNL_OK) status = classify(s, values, T, p);
  rnli_work_reset(&s->work);
  return status;
}

/* }====================================================================== */


const rnli_Kind rnli_kind_seriesclassifier = {"seriesclassifier", load, NULL};
