/*
** lion.c - Lion (Chen et al. 2023, algorithm 2):
**   p -= lr (sign(b1 m + (1-b1) g) + wd*p)    m = b2 m + (1-b2) g
*/
#include "core/real.h"

enum { LR, BETA1, BETA2, WEIGHT_DECAY };

/* 1 - beta is taken in double: of a float beta it has no five digits. */
typedef struct Factors {
  real lr, b1, fresh1, b2, fresh2, shrink;
} Factors;


RNLI_WIDE
static void update (size_t n, Factors f, real *restrict p,
                    const real *restrict g, real *restrict m) {
  for (size_t i = 0; i < n; i++) {
    real d = f.b1 * m[i] + f.fresh1 * g[i];
    p[i] = p[i] * f.shrink - (d > 0 ? f.lr : d < 0 ? -f.lr : 0);
    m[i] = f.b2 * m[i] + f.fresh2 * g[i];
  }
}


static void lion_update (const rnl_Update *u) {
  const double *h = u->hyper;
  Factors f = {
    .lr = (real)h[LR], .b1 = (real)h[BETA1], .fresh1 = (real)(1 - h[BETA1]),
    .b2 = (real)h[BETA2], .fresh2 = (real)(1 - h[BETA2]),
    .shrink = (real)(1 - h[LR] * h[WEIGHT_DECAY])};
  update(u->n, f, u->param, u->grad, u->slot[0]);
}


RNLI_OPTIM(lion) = {
  .name = "lion",
  .hyper = {{"lr", 1e-4}, {"beta1", 0.9}, {"beta2", 0.99},
            {"weight_decay", 0}},
  .slot = {"m"},
  .update = lion_update,
  .doc = "The sign of an average of gradients; decoupled weight decay.",
};
