/*
** rmsprop.c - RMSprop (Tieleman and Hinton 2012) as torch.optim.RMSprop:
**   g += wd*p    s = alpha*s + (1-alpha) g^2
**   centered: a += (1-alpha)(g - a), and s - a^2 takes the place of s
**   d = g / (sqrt(s) + eps)    b = momentum*b + d    p -= lr*b
*/
#include "core/real.h"

enum { LR, ALPHA, EPS, MOMENTUM, CENTERED, WEIGHT_DECAY };
enum { SQUARE, AVERAGE, BUFFER };

/* fresh: 1 - alpha, taken in double because it cancels. */
typedef struct Factors {
  real lr, alpha, fresh, eps, momentum, wd;
} Factors;


RNLI_WIDE
static void update (size_t n, Factors f, int centered, real *restrict p,
                    const real *restrict grad, real *restrict s,
                    real *restrict a, real *restrict b) {
  for (size_t i = 0; i < n; i++) {
    real g = grad[i] + f.wd * p[i];
    s[i] = f.alpha * s[i] + f.fresh * g * g;
    real mean = a[i] + (g - a[i]) * f.fresh;
    real var = centered ? s[i] - mean * mean : s[i];
    if (var < 0) var = 0;   /* rounding; torch gives NaN */
    a[i] = mean;
    b[i] = f.momentum * b[i] + g / (RNLI_M(sqrt)(var) + f.eps);
    p[i] -= f.lr * b[i];
  }
}


static void rmsprop_update (const rnl_Update *u) {
  const double *h = u->hyper;
  Factors f = {
    .lr = (real)h[LR], .alpha = (real)h[ALPHA],
    .fresh = (real)(1 - h[ALPHA]), .eps = (real)h[EPS],
    .momentum = (real)h[MOMENTUM], .wd = (real)h[WEIGHT_DECAY]};
  update(u->n, f, h[CENTERED] != 0, u->param, u->grad, u->slot[SQUARE],
         u->slot[AVERAGE], u->slot[BUFFER]);
}


RNLI_OPTIM(rmsprop) = {
  .name = "rmsprop",
  .hyper = {{"lr", 1e-2}, {"alpha", 0.99}, {"eps", 1e-8}, {"momentum", 0},
            {"centered", 0}, {"weight_decay", 0}},
  .slot = {"square_avg", "grad_avg", "momentum"},
  .update = rmsprop_update,
  .doc = "Steps are divided by a running root mean square of gradients.",
};
