/*
** autoencoder.c - the kind "autoencoder": its description, its layers, and
** windows through them.
*/
#include <math.h>

#include "infer/autoencoder.h"

enum { MOST = 1 << 20 };

/* {== Loading ============================================================ */

static int damaged (rnli_Loader *l) {
  return rnli_misfit(l, "its description is damaged");
}


/* The names of the targets, if it has as many. */
static int read_columns (rnli_Loader *l, const rnli_Json *roles, int D) {
  const rnli_Json *list = rnli_json_get(roles, "target");
  if (rnli_json_count(list) != (size_t)D) return damaged(l);
  return rnli_strings(l, list, "columns", &l->model->column,
                      &l->model->sizes.columns);
}


static int read_description (rnli_Loader *l, const rnli_Json *o,
                             rnli_Autoencoder *a) {
  const rnli_Json *roles = rnli_json_get(o, "roles");
  a->D = (int)rnli_int(o, "D", 1, MOST);
  a->W = (int)rnli_int(o, "window", 1, MOST);
  a->C = (int)rnli_int(o, "code", 1, MOST);
  a->absolute = rnli_truth(o, "absolute");
  if (a->D < 0 || a->W < 0 || a->C < 0 || !roles || a->absolute < 0)
    return damaged(l);
  int status = read_columns(l, roles, a->D);
  return status == RNL_OK ? rnli_scaler(l, o, "scaler", a->D, &a->scaler)
                          : status;
}


static int describe (rnli_Loader *l, rnli_Autoencoder *a) {
  const rnli_Json *o;
  int status = rnli_meta_json(l, "autoencoder", &o);
  return status == RNL_OK ? read_description(l, o, a) : status;
}


/* A recurrent layer that reads D numbers, in one direction. */
static int load_net (rnli_Loader *l, const char *path, int D,
                     rnli_Recurrent *r) {
  int is_one = rnli_is_class(rnli_layer(l, path), "LSTM|GRU|RNN");
  int status = is_one ? rnli_recurrent(l, path, D, NULL, r) : RNL_EFORMAT;
  if (is_one && (status != RNL_OK || (r->dirs == 1 && r->S == r->H)))
    return status;
  return rnli_misfit(l, "its layer '%s' does not fit its description", path);
}


static int load_layers (rnli_Loader *l, rnli_Autoencoder *a) {
  int status = load_net(l, "rnn", a->D, &a->net);
  if (status == RNL_OK) status = load_net(l, "decoder", a->C, &a->decoder);
  if (status == RNL_OK && a->decoder.H != a->net.H)
    status = rnli_misfit(l, "its layers do not fit its description");
  if (status == RNL_OK)
    status = rnli_linear(l, "squeeze", a->net.H, a->C, &a->squeeze);
  return status == RNL_OK ? rnli_linear(l, "out", a->net.H, a->D, &a->out)
                          : status;
}


static int load (rnli_Loader *l) {
  rnli_Autoencoder *a = rnli_made(l, sizeof *a);
  if (!a) return RNL_ENOMEM;
  int status = describe(l, a);
  if (status == RNL_OK) status = load_layers(l, a);
  if (status == RNL_OK) status = rnli_normal(l, a->D, &a->normal);
  if (status == RNL_OK) l->model->sizes.outputs = a->D;
  return status;
}

/* }====================================================================== */


const rnli_Kind rnli_kind_autoencoder = {"autoencoder", load, NULL};

/* {== Windows and back =================================================== */

/* The window as it is read: scaled, about its mean, the last row first. */
static int prepare (rnl_State *s, const double *window, float *x,
                    float *mean) {
  const rnli_Autoencoder *a = s->model->made;
  size_t D = (size_t)a->D, W = (size_t)a->W;
  double *sum = rnli_work(&s->work, D, sizeof *sum);
  if (!sum) return RNL_ENOMEM;
  memset(sum, 0, D * sizeof *sum);
  for (size_t t = 0; t < W; t++) {
    float *z = x + (W - 1 - t) * D;
    rnli_scale(&a->scaler, window + t * D, z);
    for (size_t d = 0; d < D; d++) sum[d] += (double)z[d];
  }
  for (size_t d = 0; d < D; d++)
    mean[d] = a->absolute ? 0 : (float)(sum[d] / a->W);
  for (size_t i = 0; i < W * D; i++) x[i] -= mean[i % D];
  return RNL_OK;
}


/* What is made (W,D) of a window whose last row is first. */
static int run (rnl_State *s, const float *x, float *y) {
  const rnli_Autoencoder *a = s->model->made;
  size_t W = (size_t)a->W, H = (size_t)a->net.H, C = (size_t)a->C;
  float *h = rnli_floats(&s->work, W, H), *code = rnli_floats(&s->work, W, C);
  float *last;
  if (!h || !code) return RNL_ENOMEM;
  int status = rnli_run_once(s->model, &a->net, &s->work, a->W, x, h, &last);
  if (status == RNL_OK)
    status = rnli_dense(s->model, &a->squeeze, &s->work, h + (W - 1) * H, 1,
                        code, C);
  if (status != RNL_OK) return status;
  rnli_copy(code + C, C, code, 0, W - 1, C);
  status = rnli_run_once(s->model, &a->decoder, &s->work, a->W, code, h,
                         &last);
  return status == RNL_OK ? rnli_dense(s->model, &a->out, &s->work, h, a->W, y,
                                       (size_t)a->D) : status;
}


int rnli_rebuild (rnl_State *s, const double *window, double *out) {
  const rnli_Autoencoder *a = s->model->made;
  rnli_Mark mark = rnli_work_mark(&s->work);
  size_t D = (size_t)a->D, n = (size_t)a->W * D;
  float *x = rnli_floats(&s->work, n, 1), *y = rnli_floats(&s->work, n, 1);
  float *mean = rnli_floats(&s->work, D, 1);
  if (!x || !y || !mean) return RNL_ENOMEM;
  int status = prepare(s, window, x, mean);
  if (status == RNL_OK) status = run(s, x, y);
  for (size_t i = 0; status == RNL_OK && !a->absolute && i < n; i++)
    y[i] += mean[i % D];
  for (size_t i = 0; status == RNL_OK && i < n; i += D)
    rnli_unscale(&a->scaler, y + i, 1, out + i);
  rnli_work_back(&s->work, mark);
  return status;
}


int rnl_state_rebuild (rnl_State *s, const double *window, double *out) {
  const rnli_Autoencoder *a = s->model->made;
  int status = rnli_expect_kind(s, &rnli_kind_autoencoder);
  if (status == RNL_OK)
    status = rnli_check_rows(s, "rebuild", "", window, a->W, a->D, 0);
  if (status == RNL_OK) status = rnli_rebuild(s, window, out);
  for (size_t i = 0; status == RNL_OK && i < (size_t)a->W * (size_t)a->D; i++)
    if (!isfinite(out[i]))
      status = rnli_error(s->ctx, RNL_EDIVERGED, "rebuild: what the model "
                          "makes is not finite: it has diverged or is "
                          "damaged");
  rnli_work_reset(&s->work);
  return status;
}

/* }====================================================================== */
