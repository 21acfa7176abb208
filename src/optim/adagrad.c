/*
** adagrad.c - Adagrad (Duchi et al. 2011) as torch.optim.Adagrad:
**   g += wd*p    s += g^2    p -= lr/(1+(t-1)*lr_decay) g / (sqrt(s) + eps)
*/
#include "core/real.h"

enum { LR, LR_DECAY, WEIGHT_DECAY, INITIAL, EPS };


RNLI_WIDE
static void update (size_t n, real lr, real wd, real eps, real initial,
                    real *restrict p, const real *restrict grad,
                    real *restrict s) {
  for (size_t i = 0; i < n; i++) {
    real g = grad[i] + wd * p[i];
    s[i] = s[i] + initial + g * g;
    p[i] -= lr * g / (RNLI_M(sqrt)(s[i]) + eps);
  }
}


static void adagrad_update (const rnl_Update *u) {
  const double *h = u->hyper;
  double lr = h[LR] / (1 + (double)(u->step - 1) * h[LR_DECAY]);
  update(u->n, (real)lr, (real)h[WEIGHT_DECAY], (real)h[EPS],
         (real)(u->step == 1 ? h[INITIAL] : 0), u->param, u->grad,
         u->slot[0]);
}


RNLI_OPTIM(adagrad) = {
  .name = "adagrad",
  .hyper = {{"lr", 1e-2}, {"lr_decay", 0}, {"weight_decay", 0},
            {"initial_accumulator_value", 0}, {"eps", 1e-10}},
  .slot = {"sum"},
  .update = adagrad_update,
  .doc = "Steps shrink with the sum of squared gradients.",
};
