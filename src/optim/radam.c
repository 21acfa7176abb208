/*
** radam.c - RAdam (Liu et al. 2020) as torch.optim.RAdam:
**   m += (1-b1)(g - m)   v = b2 v + (1-b2) g^2   M = m/(1-b1^t)
**   r_inf = 2/(1-b2) - 1    r = r_inf - 2t b2^t / (1-b2^t)
**   r > 5:  p -= lr*M * rect * sqrt(1-b2^t) / (sqrt(v) + eps)
**   else:   p -= lr*M
** with rect = sqrt((r-4)(r-2) r_inf / ((r_inf-4)(r_inf-2) r)). Weight decay
** adds wd*p to g; decoupled, it shrinks p by lr*wd first.
*/
#include "core/real.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, DECOUPLED };
enum { M, V };

/* The step is 'plain' times m, or 'adapted' times m over sqrt(v). */
typedef struct Factors {
  real fresh1, b2, fresh2, eps, plain, adapted, decay, shrink;
} Factors;


RNLI_WIDE
static void update (size_t n, Factors f, real *restrict p,
                    const real *restrict grad, real *restrict m,
                    real *restrict v) {
  for (size_t i = 0; i < n; i++) {
    real w = p[i] * f.shrink;
    real g = grad[i] + f.decay * p[i];
    m[i] += (g - m[i]) * f.fresh1;
    v[i] = v[i] * f.b2 + f.fresh2 * g * g;
    p[i] = w - m[i] * (f.plain + f.adapted / (RNLI_M(sqrt)(v[i]) + f.eps));
  }
}


/* What the rectified step is scaled by at step t; 0 while it is undefined. */
static double rectified (double b2, double t) {
  double most = 2 / (1 - b2) - 1, past = pow(b2, t);
  double r = most - 2 * t * past / (1 - past);
  if (!(r > 5)) return 0;
  return sqrt((r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r) *
              (1 - past));
}


static void radam_update (const rnl_Update *u) {
  const double *h = u->hyper;
  double t = (double)u->step, wd = h[WEIGHT_DECAY];
  double step = h[LR] / (1 - pow(h[BETA1], t));
  double scale = rectified(h[BETA2], t);
  int decoupled = h[DECOUPLED] != 0;
  Factors f = {
    .fresh1 = (real)(1 - h[BETA1]), .b2 = (real)h[BETA2],
    .fresh2 = (real)(1 - h[BETA2]), .eps = (real)h[EPS],
    .plain = (real)(scale > 0 ? 0 : step), .adapted = (real)(step * scale),
    .decay = (real)(decoupled ? 0 : wd),
    .shrink = (real)(decoupled ? 1 - h[LR] * wd : 1)};
  update(u->n, f, u->param, u->grad, u->slot[M], u->slot[V]);
}


RNLI_OPTIM(radam) = {
  .name = "radam",
  .hyper = {{"lr", 1e-3}, {"beta1", 0.9}, {"beta2", 0.999}, {"eps", 1e-8},
            {"weight_decay", 0}, {"decoupled_weight_decay", 0}},
  .slot = {"m", "v"},
  .update = radam_update,
  .doc = "Adam whose first steps wait for the variance; no warm-up needed.",
};
