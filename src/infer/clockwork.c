/*
** clockwork.c - the ClockworkRNN (Koutnik et al. 2014), step by step: see
** ops/clockwork.c. A module that runs at a step reads x and the states, before
** the step, of itself and the slower modules behind it; the others stay.
*/
#include "infer/infer.h"
#include "kernels/vmath.h"

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


/* Module m as the product of x and of the states from its first on. */
static int pack_module (rnli_Loader *l, rnli_Recurrent *r, int m,
                        const float *w_ih, const float *w_hh,
                        const float *bias) {
  int units = r->H / r->modules, from = m * units, in = r->D + r->H - from;
  size_t D = (size_t)r->D, rest = (size_t)(r->H - from);
  size_t bytes = rnli_mul(rnli_mul((size_t)units, (size_t)in), sizeof *w_ih);
  float *w = rnli_get(l->ctx, bytes);
  if (!w) return rnli_nomem(l->ctx, "a model", bytes);
  for (int u = 0; u < units; u++) {
    float *row = w + (size_t)u * (size_t)in;
    memcpy(row, w_ih + (size_t)(from + u) * D, D * sizeof *w);
    memcpy(row + D, w_hh + (size_t)(from + u) * (size_t)r->H + from,
           rest * sizeof *w);
  }
  int status = rnli_dense_pack(l, w, bias + from, in, units, &r->clock[m]);
  rnli_put(l->ctx, w);
  return status;
}


/* The weights, and in 'b' the sum of both biases, which is kept by nobody. */
static int read_weights (rnli_Loader *l, const char *path,
                         const rnli_Json *layer, const rnli_Recurrent *r,
                         float *w[2], float *b[2]) {
  int ih[2] = {r->H, r->D}, hh[2] = {r->H, r->H};
  int status = rnli_tensor_once(l, path, "weight_ih_l0", 2, ih, &w[0]);
  if (status == RNL_OK)
    status = rnli_tensor_once(l, path, "weight_hh_l0", 2, hh, &w[1]);
  if (status != RNL_OK) return status;
  if (!rnli_flag_of(layer, "bias", 1)) {
    b[0] = rnli_get(l->ctx, (size_t)r->H * sizeof **b);
    if (!b[0]) return rnli_nomem(l->ctx, "a model", (size_t)r->H);
    memset(b[0], 0, (size_t)r->H * sizeof **b);
    return RNL_OK;
  }
  status = rnli_tensor_once(l, path, "bias_ih_l0", 1, ih, &b[0]);
  if (status == RNL_OK)
    status = rnli_tensor_once(l, path, "bias_hh_l0", 1, ih, &b[1]);
  for (int i = 0; status == RNL_OK && i < r->H; i++) b[0][i] += b[1][i];
  return status;
}


int rnli_clockwork (rnli_Loader *l, const char *path, int D,
                    rnli_Recurrent *r) {
  const rnli_Json *layer = rnli_layer(l, path);
  int period[MODULES];
  float *w[2] = {NULL, NULL}, *b[2] = {NULL, NULL};
  int n = read_periods(layer, period);
  *r = (rnli_Recurrent){.D = rnli_size(layer, 0), .H = rnli_size(layer, 1),
                        .L = 1, .dirs = 1, .modules = n};
  r->S = r->H;
  if (n == 0 || r->D < 0 || r->H < 1 || r->H % n != 0 ||
      (D >= 0 && r->D != D) || rnli_flag_of(layer, "batch_first", 0))
    return rnli_misfit(l, "has no fitting ClockworkRNN '%s'", path);
  r->cell.relu = rnli_word_of(layer, "nonlinearity", "tanh|relu") == 1;
  r->clock = rnli_keep(l, (size_t)n, sizeof *r->clock);
  int *kept = rnli_keep(l, (size_t)n, sizeof *kept);
  if (!r->clock || !kept) return RNL_ENOMEM;
  memcpy(kept, period, (size_t)n * sizeof *kept);
  r->period = kept;
  int status = read_weights(l, path, layer, r, w, b);
  for (int m = 0; status == RNL_OK && m < n; m++)
    status = pack_module(l, r, m, w[0], w[1], b[0]);
  for (int i = 0; i < 2; i++) {
    rnli_put(l->ctx, w[i]);
    rnli_put(l->ctx, b[i]);
  }
  return status;
}

/* }====================================================================== */

/* {== Steps ============================================================== */

static float activate (const rnli_Recurrent *r, float x) {
  if (r->cell.relu) return x > 0 || x != x ? x : 0;
  return rnli_tanh(x);
}


/* What module m becomes, from row = [x, h], to 'fresh'. */
static int run_module (const rnl_Model *model, const rnli_Recurrent *r,
                       rnli_Work *w, int m, float *row, const float *h,
                       float *fresh) {
  int units = r->H / r->modules, from = m * units;
  memcpy(row + r->D, h + from, (size_t)(r->H - from) * sizeof *row);
  int status = rnli_dense(model, &r->clock[m], w, row, 1, fresh + from,
                          (size_t)units);
  for (int u = from; status == RNL_OK && u < from + units; u++)
    fresh[u] = activate(r, fresh[u]);
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
