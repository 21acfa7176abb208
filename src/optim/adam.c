/*
** adam.c - Adam (Kingma and Ba 2015) and AdamW (Loshchilov and Hutter 2019),
** as torch.optim.
**   m += (1-b1)(g - m)   v = b2 v + (1-b2) g^2
**   p -= lr/(1-b1^t) m / (sqrt(v/(1-b2^t)) + eps)
** Weight decay: adam adds wd*p to g; adamw shrinks p by lr*wd first.
** amsgrad and amsgradw (Reddi et al. 2018): the largest v so far divides.
*/
#include "core/real.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY };
enum { M, V, TOP };

/* 1 - beta is taken in double: of a float beta it has no five digits. */
typedef struct Factors {
  real fresh1, b2, fresh2, eps, step, root, decay, shrink;
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
    p[i] = w - f.step * m[i] / (RNLI_M(sqrt)(v[i]) * f.root + f.eps);
  }
}


RNLI_WIDE
static void update_top (size_t n, Factors f, real *restrict p,
                        const real *restrict grad, real *restrict m,
                        real *restrict v, real *restrict top) {
  for (size_t i = 0; i < n; i++) {
    real w = p[i] * f.shrink;
    real g = grad[i] + f.decay * p[i];
    m[i] += (g - m[i]) * f.fresh1;
    v[i] = v[i] * f.b2 + f.fresh2 * g * g;
    top[i] = v[i] > top[i] ? v[i] : top[i];
    p[i] = w - f.step * m[i] / (RNLI_M(sqrt)(top[i]) * f.root + f.eps);
  }
}


static void run (const rnl_Update *u, int decoupled) {
  const double *h = u->hyper;
  double t = (double)u->step;
  double wd = h[WEIGHT_DECAY];
  Factors f = {
    .fresh1 = (real)(1 - h[BETA1]), .b2 = (real)h[BETA2],
    .fresh2 = (real)(1 - h[BETA2]), .eps = (real)h[EPS],
    .step = (real)(h[LR] / (1 - pow(h[BETA1], t))),
    .root = (real)(1 / sqrt(1 - pow(h[BETA2], t))),
    .decay = (real)(decoupled ? 0 : wd),
    .shrink = (real)(decoupled ? 1 - h[LR] * wd : 1)};
  if (u->slot[TOP])
    update_top(u->n, f, u->param, u->grad, u->slot[M], u->slot[V],
               u->slot[TOP]);
  else
    update(u->n, f, u->param, u->grad, u->slot[M], u->slot[V]);
}


static void adam_update (const rnl_Update *u) {
  run(u, 0);
}


static void adamw_update (const rnl_Update *u) {
  run(u, 1);
}


#define HYPER(decay) {{"lr", 1e-3}, {"beta1", 0.9}, {"beta2", 0.999}, \
                      {"eps", 1e-8}, {"weight_decay", decay}}

RNLI_OPTIM(adam) = {
  .name = "adam",
  .hyper = HYPER(0),
  .slot = {"m", "v"},
  .update = adam_update,
  .doc = "Adam; weight_decay is added to the gradient.",
};


RNLI_OPTIM(adamw) = {
  .name = "adamw",
  .hyper = HYPER(1e-2),
  .slot = {"m", "v"},
  .update = adamw_update,
  .doc = "Adam with decoupled weight decay.",
};


RNLI_OPTIM(amsgrad) = {
  .name = "amsgrad",
  .hyper = HYPER(0),
  .slot = {"m", "v", "v_max"},
  .update = adam_update,
  .doc = "Adam whose steps never grow again.",
};


RNLI_OPTIM(amsgradw) = {
  .name = "amsgradw",
  .hyper = HYPER(1e-2),
  .slot = {"m", "v", "v_max"},
  .update = adamw_update,
  .doc = "AdamW whose steps never grow again.",
};
