/*
** clockwork.c - the ClockworkRNN (Koutnik et al. 2014), step by step: see
** ops/clockwork.c. A module that runs at a step reads x and the states, before
** the step, of itself and the slower modules behind it; the others stay.
*/
#include "infer/infer.h"

enum { MODULES = 64 };   /* at most */

/* {== Loading ============================================================ */

/* The periods of the modules; 0 when they are none, or do not fit H. */
static int read_periods (const rnli_Json *layer, int *period) {
  const rnli_Json *list = rnli_json_get(rnli_json_get(layer, "options"),
                                        "periods");
  int n = 0;
  for (const rnli_Json *x = rnli_json_first(list); x;
       x = rnli_json_next(x)) {
    int64_t steps;
    if (n == MODULES || !rnli_json_int(x, 1, INT32_MAX, &steps)) return 0;
    period[n++] = (int)steps;
  }
  return n;
}


/* Rows of module m: weights of x, and of the states from its first on. */
static int load_module (rnli_Loader *l, rnli_Recurrent *r, int m,
                        const rnli_Found *ih, const rnli_Found *hh,
                        const float *bias) {
  int units = r->H / r->modules, first = m * units;
  size_t D = (size_t)r->D, H = (size_t)r->H, from = (size_t)first;
  rnli_Weights w = {.in = r->D + (r->H - first),
                    .slice = {{*ih, from * D, D, r->D},
                              {*hh, from * H + from, H, r->H - first}}};
  return rnli_dense_pack(l, &w, bias ? bias + first : NULL, units,
                         &r->clock[m]);
}


/* The sum of both biases, or NULL. */
static int read_biases (rnli_Loader *l, const char *path,
                        const rnli_Json *layer, const rnli_Recurrent *r,
                        float **out) {
  float *other = NULL;
  *out = NULL;
  if (!rnli_flag_of(layer, "bias", 1)) return RNL_OK;
  int status = rnli_tensor_once(l, path, "bias_ih_l0", 1, &r->H, out);
  if (status == RNL_OK)
    status = rnli_tensor_once(l, path, "bias_hh_l0", 1, &r->H, &other);
  for (int i = 0; status == RNL_OK && i < r->H; i++) (*out)[i] += other[i];
  rnli_put(l->ctx, other);
  return status;
}


static int load_modules (rnli_Loader *l, const char *path,
                         const rnli_Json *layer, rnli_Recurrent *r) {
  int ih_dim[2] = {r->H, r->D}, hh_dim[2] = {r->H, r->H};
  rnli_Found ih, hh;
  float *bias = NULL;
  int status = rnli_tensor_find(l, path, "weight_ih_l0", 2, ih_dim, &ih);
  if (status == RNL_OK)
    status = rnli_tensor_find(l, path, "weight_hh_l0", 2, hh_dim, &hh);
  if (status == RNL_OK) status = read_biases(l, path, layer, r, &bias);
  for (int m = 0; status == RNL_OK && m < r->modules; m++)
    status = load_module(l, r, m, &ih, &hh, bias);
  rnli_put(l->ctx, bias);
  return status;
}


int rnli_clockwork (rnli_Loader *l, const char *path, int D,
                    rnli_Recurrent *r) {
  const rnli_Json *layer = rnli_layer(l, path);
  int period[MODULES];
  int n = read_periods(layer, period);
  *r = (rnli_Recurrent){.D = rnli_size(layer, 0), .H = rnli_size(layer, 1),
                        .L = 1, .dirs = 1, .modules = n};
  r->S = r->H;
  if (n == 0 || r->D < 0 || r->H < 1 || r->H % n != 0 ||
      r->D > INT32_MAX - r->H ||
      (D >= 0 && r->D != D) || rnli_flag_of(layer, "batch_first", 0))
    return rnli_misfit(l, "has no fitting ClockworkRNN '%s'", path);
  r->cell.relu = rnli_word_of(layer, "nonlinearity", "tanh|relu") == 1;
  r->clock = rnli_keep(l, (size_t)n, sizeof *r->clock);
  int *kept = rnli_keep(l, (size_t)n, sizeof *kept);
  if (!r->clock || !kept) return RNL_ENOMEM;
  memcpy(kept, period, (size_t)n * sizeof *kept);
  r->period = kept;
  return load_modules(l, path, layer, r);
}

/* }====================================================================== */

/* {== Steps ============================================================== */

static void activate (const rnli_Recurrent *r, float *x, int n) {
  if (!r->cell.relu) rnli_tanh_all(x, (size_t)n);
  for (int i = 0; r->cell.relu && i < n; i++)
    x[i] = x[i] > 0 || x[i] != x[i] ? x[i] : 0;
}


/* What module m becomes, from row = [x, h], to 'fresh'. */
static int run_module (const rnl_Model *model, const rnli_Recurrent *r,
                       rnli_Work *w, int m, float *row, const float *h,
                       float *fresh) {
  int units = r->H / r->modules, from = m * units;
  memcpy(row + r->D, h + from, (size_t)(r->H - from) * sizeof *row);
  int status = rnli_dense(model, &r->clock[m], w, row, 1, fresh + from,
                          (size_t)units);
  if (status == RNL_OK) activate(r, fresh + from, units);
  return status;
}


static int step_row (const rnl_Model *model, const rnli_Recurrent *r,
                     rnli_Work *w, const float *x, float *h, int64_t t) {
  size_t D = (size_t)r->D, H = (size_t)r->H;
  float *row = rnli_floats(w, D + H, 1), *fresh = rnli_floats(w, H, 1);
  if (!row || !fresh) return RNL_ENOMEM;
  memcpy(row, x, D * sizeof *row);
  memcpy(fresh, h, H * sizeof *fresh);
  for (int m = 0; m < r->modules; m++) {
    if (t % r->period[m] != 0) continue;
    int status = run_module(model, r, w, m, row, h, fresh);
    if (status != RNL_OK) return status;
  }
  memcpy(h, fresh, H * sizeof *h);
  return RNL_OK;
}


int rnli_clockwork_step (const rnl_Model *m, const rnli_Recurrent *r,
                         rnli_Work *w, int N, const float *x, float *h,
                         int64_t *t, float *y) {
  size_t H = (size_t)r->H;
  for (int n = 0; n < N; n++) {
    rnli_Mark mark = rnli_work_mark(w);
    int status = step_row(m, r, w, x + (size_t)n * (size_t)r->D,
                          h + (size_t)n * H, *t);
    rnli_work_back(w, mark);
    if (status != RNL_OK) return status;
  }
  memcpy(y, h, (size_t)N * H * sizeof *y);
  ++*t;
  return RNL_OK;
}


int rnli_clockwork_run (const rnl_Model *m, const rnli_Recurrent *r,
                        rnli_Work *w, int T, const float *x, float *h,
                        int64_t *t, float *y) {
  int status = RNL_OK;
  for (int i = 0; status == RNL_OK && i < T; i++)
    status = rnli_clockwork_step(m, r, w, 1, x + (size_t)i * (size_t)r->D, h,
                                 t, y + (size_t)i * (size_t)r->H);
  return status;
}

/* }====================================================================== */
