/*
** scaler.c - scalers of a model, from its description, forth and back.
*/
#include <math.h>

#include "infer/scaler.h"

/* {== Loading ============================================================ */

static int read_step (rnli_Loader *l, const rnli_Json *state, int D, int i,
                      rnli_ScalerStep *step) {
  static const rnli_ScalerKind kinds[] = {RNLI_LOG, RNLI_LOG1P, RNLI_SHIFTED,
                                          RNLI_SHIFTED};
  int kind = rnli_among(rnli_json_get(state, "kind"),
                        "log|log1p|standard|minmax");
  int sound = kind >= 0;
  *step = (rnli_ScalerStep){.kind = sound ? kinds[kind] : RNLI_LOG};
  if (step->kind == RNLI_SHIFTED) {
    const rnli_Json *shift = rnli_json_get(state, "shift");
    size_t n = rnli_json_count(shift);
    double *x = rnli_keep_small(l, 2 * n, sizeof *x);
    if (!x) return RNL_ENOMEM;
    sound = n == (size_t)D && rnli_numbers(shift, n, -HUGE_VAL, x) &&
            rnli_numbers(rnli_json_get(state, "scale"), n, 0, x + n);
    step->shift = x;
    step->scale = x + n;
  }
  if (sound) return RNL_OK;
  return rnli_misfit(l, "step %d of its scaler is damaged", i + 1);
}


int rnli_scaler (rnli_Loader *l, const rnli_Json *o, const char *key, int D,
                 rnli_Scaler *s) {
  const rnli_Json *state = rnli_list(o, key);
  *s = (rnli_Scaler){.D = D};
  if (!state) return rnli_misfit(l, "its scaler is damaged");
  rnli_ScalerStep *step = rnli_keep_small(l, rnli_json_count(state),
                                          sizeof *step);
  if (!step) return RNL_ENOMEM;
  s->step = step;
  int status = RNL_OK;
  const rnli_Json *x = rnli_json_first(state);
  for (; status == RNL_OK && x; x = rnli_json_next(x), s->n++)
    status = read_step(l, x, D, s->n, &step[s->n]);
  return status;
}

/* }====================================================================== */

/* {== Running ============================================================ */

static double forth (const rnli_ScalerStep *step, int k, double x) {
  if (step->kind == RNLI_LOG) return log(x);
  if (step->kind == RNLI_LOG1P) return log(x + 1);
  return (x - step->shift[k]) / step->scale[k];
}


static double back (const rnli_ScalerStep *step, int k, double x) {
  if (step->kind == RNLI_LOG) return exp(x);
  if (step->kind == RNLI_LOG1P) return exp(x) - 1;
  return x * step->scale[k] + step->shift[k];
}


void rnli_scale (const rnli_Scaler *s, const double *x, float *y) {
  for (int k = 0; k < s->D; k++) {
    double v = x[k];
    for (int i = 0; i < s->n; i++) v = forth(&s->step[i], k, v);
    y[k] = (float)v;
  }
}


void rnli_unscale (const rnli_Scaler *s, const float *x, size_t ld,
                   double *y) {
  for (int k = 0; k < s->D; k++, x += ld, y += ld) {
    *y = (double)*x;
    for (int i = s->n - 1; i >= 0; i--) *y = back(&s->step[i], k, *y);
  }
}


int rnli_check_rows (rnl_State *s, const char *what, const char *of,
                     const double *x, int rows, int n, int first) {
  int base = s->ctx->base;
  for (int r = first; r < first + rows; r++)
    for (int k = 0; k < n; k++)
      if (!isfinite(*x++))
        return rnli_error(s->ctx, RNL_EARG, "%s: column %d of row %d%s is no "
                          "number", what, k + base, r + base, of);
  return RNL_OK;
}

/* }====================================================================== */
